package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
	"squall/internal/squall"
)

// Config says how commands run on hosts. Zero fields get the defaults named.
type Config struct {
	// Parallel is how many hosts one action begins with at once; 50 (st2:
	// ssh_runner.max_parallel_actions). A host that takes longer than a second
	// no longer counts.
	Parallel int
	// AllowPartialFailure lets an action succeed when one host did (st2).
	AllowPartialFailure bool
	// OutputLimit bounds what a result keeps of each stream of a host, in bytes;
	// 0: runner.DefaultOutputLimit. All hosts of an action share four times that.
	OutputLimit int
	// SlowShell is how long a login shell may take to start before the result
	// names it; 1s.
	SlowShell time.Duration
	// Grace is the time between TERM and KILL; 3s.
	Grace time.Duration

	// Journals keep detached runs over the end of this process; nil: they go on
	// only when a connection is lost.
	Journals *Journals
	// DetachDir is the directory of hosts for what detached commands print;
	// /var/tmp. It should outlive a restart of the host.
	DetachDir string
	// Away is how long a host with a detached command may be out of reach; 1h.
	Away time.Duration
}

// Runner runs remote-shell-cmd or remote-shell-script actions.
type Runner struct {
	cfg    Config
	pool   *ssh.Pool
	script bool
}

// NewCmd returns the runner of remote-shell-cmd, over the connections of pool.
func NewCmd(pool *ssh.Pool, cfg Config) *Runner { return newRunner(pool, cfg, false) }

// NewScript returns the runner of remote-shell-script.
func NewScript(pool *ssh.Pool, cfg Config) *Runner { return newRunner(pool, cfg, true) }

func newRunner(pool *ssh.Pool, cfg Config, script bool) *Runner {
	if cfg.Parallel <= 0 {
		cfg.Parallel = 50
	}
	if cfg.OutputLimit <= 0 {
		cfg.OutputLimit = runner.DefaultOutputLimit
	}
	if cfg.SlowShell <= 0 {
		cfg.SlowShell = time.Second
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 3 * time.Second
	}
	if cfg.Away <= 0 {
		cfg.Away = time.Hour
	}
	return &Runner{cfg: cfg, pool: pool, script: script}
}

// Run works on all hosts and returns when the last one has answered or its time
// is over. What goes wrong on a host is in its entry of the result.
func (r *Runner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	if ctx.Err() != nil {
		return squall.Outcome{Status: runner.StatusOf(ctx)}, nil
	}
	p, err := r.plan(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	if p.script != "" {
		if _, err := os.Stat(p.script); err != nil {
			return runner.Failure("Failed copying content to remote boxes. %v", err), nil
		}
	}
	if !p.detach {
		return r.work(ctx, job, p, r.results(p, out), nil)
	}
	d := &detachment{}
	for range p.hosts {
		d.states = append(d.states, &hostState{})
	}
	if r.cfg.Journals != nil {
		if d.j, err = r.cfg.Journals.begin(job.Execution.IdempotencyKey(), p); err != nil {
			return squall.Outcome{}, err
		}
		defer d.j.close()
	}
	return r.work(ctx, job, p, r.results(p, out), d)
}

// results are the empty results of all hosts.
func (r *Runner) results(p *plan, out runner.Output) (list []*result) {
	limit := max(64<<10, min(r.cfg.OutputLimit, 4*r.cfg.OutputLimit/len(p.hosts)))
	for _, h := range p.hosts {
		list = append(list, newResult(h.name, limit, out, len(p.hosts) > 1))
	}
	return list
}

// work is the work on all hosts; d is nil for commands that end with us.
func (r *Runner) work(ctx context.Context, job *runner.Job, p *plan, results []*result, d *detachment) (squall.Outcome, error) {
	if p.total > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.total, runner.ErrTimeout)
		defer cancel()
	}
	p.command.Grace = r.cfg.Grace
	lanes := make(ssh.Lanes, r.cfg.Parallel)
	var left atomic.Bool
	var all sync.WaitGroup
	for i, res := range results {
		if d == nil {
			all.Go(func() {
				r.host(ctx, job, p, p.hosts[i], lanes, res)
				res.close()
			})
			continue
		}
		if d.states[i].ended {
			continue
		}
		all.Go(func() {
			leave, err := lanes.Enter(ctx)
			if err == nil {
				defer leave()
			}
			if err != nil && d.states[i].dir == "" {
				if leaves(ctx, d) {
					left.Store(true)
					return
				}
				res.stop(ctx, p.timeout)
			} else if r.detached(ctx, job, p, i, res, d) {
				left.Store(true)
				return
			}
			d.j.note(line{Host: i, End: &ending{res.code, res.timeout, res.problem, res.notice}}, res.close)
		})
	}
	all.Wait()
	if left.Load() {
		return squall.Outcome{}, runner.ErrDetached
	}
	return squall.Outcome{Status: r.status(ctx, results), Result: resultOf(results)}, nil
}

// host does the work on one host.
func (r *Runner) host(ctx context.Context, job *runner.Job, p *plan, h host, lanes ssh.Lanes, res *result) {
	leave, err := lanes.Enter(ctx)
	if err != nil {
		res.stop(ctx, p.timeout)
		return
	}
	defer leave()
	if p.timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(*p.timeout)*time.Second, runner.ErrTimeout)
		defer cancel()
	}
	t, err := r.pool.Resolve(ssh.Spec{Host: h.host, Port: h.port, User: p.user, Bastion: p.bastion, Login: p.login})
	if err != nil {
		res.fail("Failed connecting to host %s. %v", h.name, err)
		return
	}
	if p.script != "" {
		remove, err := r.copy(ctx, p, t)
		if remove != nil {
			defer remove()
		}
		if err != nil {
			if ctx.Err() != nil {
				res.stop(ctx, p.timeout)
				return
			}
			res.fail("Failed copying content to remote boxes. %v", err) // st2's words
			return
		}
	}
	c := p.command
	c.Stdout, c.Stderr = &res.stdout, &res.stderr
	end, err := r.pool.Run(ctx, t, c)
	var unreached *ssh.ConnectError
	switch {
	case err != nil && ctx.Err() != nil:
		res.stop(ctx, p.timeout)
		res.problem += fmt.Sprintf(" (%v)", err)
	case errors.As(err, &unreached):
		res.fail("Failed connecting to host %s. %v", h.name, unreached.Err)
	case err != nil:
		res.fail("Failed executing command on host %q. %v", h.name, err)
	case end.Stopped:
		res.stop(ctx, p.timeout)
		if end.Left != nil {
			res.notice = end.Left.Error()
			job.Log.Warn("a command was given up and may still run", "host", h.name, "error", end.Left)
		}
	default:
		res.code = end.Code
		if text, ok := runner.RefusedPassword(res.stderr.kept); ok && c.Password != "" {
			res.fail("Failed executing command on host %q. %s", h.name, text)
		}
	}
	if end.Startup > r.cfg.SlowShell {
		res.notice = slowShell(end)
		job.Log.Warn("a login shell is slow to start", "host", h.name, "shell", end.Shell, "took", end.Startup.Round(time.Millisecond))
	}
}

func slowShell(end ssh.Ending) string {
	files := map[string]string{
		"bash": "/etc/bash.bashrc and ~/.bashrc", "zsh": "/etc/zshenv and ~/.zshenv",
		"csh": "/etc/csh.cshrc and ~/.cshrc", "tcsh": "/etc/csh.cshrc and ~/.cshrc",
	}[path.Base(end.Shell)]
	if files == "" {
		files = "its start-up files"
	}
	return fmt.Sprintf("The login shell %s took %.1f seconds to start, before the command could begin: look at %s on the host.", end.Shell, end.Startup.Seconds(), files)
}

// copy brings the script, and the directory lib beside it (st2), to the host.
// remove takes them away again; it is there as soon as something may lie there.
func (r *Runner) copy(ctx context.Context, p *plan, t *ssh.Target) (remove func(), err error) {
	files, err := r.pool.Files(ctx, t)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	if err := files.Mkdir(p.dir); err != nil {
		return nil, err
	}
	remove = func() {
		// The run's time may be over; this is its cleaning up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if files, err := r.pool.Files(ctx, t); err == nil {
			for _, dir := range slices.Concat(p.earlier, []string{p.dir}) {
				_ = files.RemoveTree(dir) // st2: the result counts, not what is left
			}
			files.Close()
		}
	}
	if err := files.Put(p.script, path.Join(p.dir, filepath.Base(p.script)), 0o744); err != nil {
		return remove, err
	}
	if info, err := os.Stat(p.lib); err != nil || !info.IsDir() {
		return remove, nil
	}
	return remove, files.PutTree(p.lib, path.Join(p.dir, "lib"))
}
