package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
	"squall/internal/squall"
)

var _ runner.Resumer = (*Runner)(nil)

// Resume implements runner.Resumer: it goes on with a detached run, on hosts that
// have begun as on those that have not.
func (r *Runner) Resume(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	p, err := r.plan(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	if r.cfg.Journals == nil {
		return squall.Outcome{}, errors.New("detached runs are not kept any more")
	}
	if p.total > 0 {
		p.total = max(time.Millisecond, p.total-time.Since(job.Execution.StartedAt))
	}
	results := r.results(p, out)
	j, states, err := r.cfg.Journals.reopen(job.Execution.IdempotencyKey(), p, func(l line) { results[l.Host].replay(l) })
	if err != nil {
		return squall.Outcome{}, err
	}
	defer j.close()
	return r.work(ctx, job, p, results, &detachment{j: j, states: states, resumed: true})
}

// replay goes through what the journal says of a host.
func (r *result) replay(l line) {
	switch {
	case l.End != nil:
		r.code, r.timeout, r.problem, r.notice = l.End.Code, l.End.Timeout, l.End.Problem, l.End.Notice
		r.close()
	case l.Err != nil:
		r.stderr.add(l.Err, l.More)
	default:
		r.stdout.add(l.Out, l.More)
	}
}

// detachment is what a run has whose commands go on without us.
type detachment struct {
	j       *journal
	states  []*hostState
	resumed bool // by another process than the one that began it
}

// detached works on one host. It returns true when it has let go of a command that
// goes on, or is still to begin.
func (r *Runner) detached(ctx context.Context, job *runner.Job, p *plan, i int, res *result, d *detachment) (letGo bool) {
	h, st := p.hosts[i], d.states[i]
	if p.timeout != nil {
		limit := time.Duration(*p.timeout) * time.Second
		if !st.at.IsZero() {
			limit = max(0, limit-time.Since(st.at))
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, runner.ErrTimeout)
		defer cancel()
	}
	t, err := r.pool.Resolve(ssh.Spec{Host: h.host, Port: h.port, User: p.user, Bastion: p.bastion, Login: p.login})
	if err != nil {
		res.fail("Failed connecting to host %s. %v", h.name, err)
		return false
	}
	if st.dir == "" {
		if err := r.launch(ctx, job, p, i, t, res, d); st.dir == "" {
			if leaves(ctx, d) {
				return true
			}
			r.unlaunched(ctx, p, h, res, err)
			return false
		}
	}
	stdout, stderr := noted{d.j, i, false, &res.stdout}, noted{d.j, i, true, &res.stderr}
	var state ssh.State
	err = r.insist(ctx, func() (err error) {
		state, err = r.pool.Follow(ctx, t, st.dir, stdout, stderr, res.stdout.total, res.stderr.total)
		return err
	})
	rest := func(ctx context.Context) (code int, err error) {
		err = r.insist(ctx, func() (err error) {
			code, err = r.pool.Rest(ctx, t, st.dir, stdout, stderr, res.stdout.total, res.stderr.total)
			return err
		})
		return code, err
	}
	switch {
	case ctx.Err() != nil && leaves(ctx, d):
		return true
	case ctx.Err() != nil:
		aside, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		err := r.pool.Stop(aside, t, st.dir, p.command)
		if errors.As(err, &state) && state == ssh.HasEnded { // it was quicker than we
			if res.code, err = rest(aside); err == nil {
				return false
			}
		}
		res.stop(ctx, p.timeout)
		if err != nil {
			res.notice = fmt.Sprintf("The command may still run on the host, in %s: %v", st.dir, err)
			job.Log.Warn("a detached command was given up and may still run", "host", h.name, "directory", st.dir, "error", err)
			return false
		}
		_, _ = rest(aside) // what it printed last
		return false
	case err == nil && state == ssh.HasEnded:
		if res.code, err = rest(ctx); err == nil {
			return false
		}
		if leaves(ctx, d) {
			return true
		}
	case err == nil:
		err = state
		_, _ = rest(ctx)
	}
	res.fail("Failed executing command on host %q. %v", h.name, err)
	var answered ssh.State
	if !errors.As(err, &answered) {
		res.notice = fmt.Sprintf("The command may still run on the host, in %s.", st.dir)
	}
	return false
}

// unlaunched says why a command did not begin.
func (r *Runner) unlaunched(ctx context.Context, p *plan, h host, res *result, err error) {
	var unreached *ssh.ConnectError
	var copying *copyError
	switch {
	case ctx.Err() != nil:
		res.stop(ctx, p.timeout)
		res.problem += fmt.Sprintf(" (%v)", err)
	case errors.As(err, &copying):
		res.fail("Failed copying content to remote boxes. %v", copying.err) // st2's words
	case errors.As(err, &unreached):
		res.fail("Failed connecting to host %s. %v", h.name, unreached.Err)
	default:
		res.fail("Failed executing command on host %q. %v", h.name, err)
	}
}

// leaves reports whether ctx has ended in a way that lets detached commands go on.
func leaves(ctx context.Context, d *detachment) bool {
	cause := context.Cause(ctx)
	return d.j != nil && (errors.Is(cause, runner.ErrShutdown) || errors.Is(cause, runner.ErrLeaseLost))
}

// copyError says that a script did not get to its host.
type copyError struct{ err error }

func (e *copyError) Error() string { return e.err.Error() }
func (e *copyError) Unwrap() error { return e.err }

// launch begins with the command of a host, or finds that it has begun. A new run
// gives a host up that cannot be reached; who does not know whether it began asks on.
func (r *Runner) launch(ctx context.Context, job *runner.Job, p *plan, i int, t *ssh.Target, res *result, d *detachment) error {
	st, known := d.states[i], !d.resumed
	find := detachedOf(r.cfg.DetachDir, job.Execution.IdempotencyKey(), p.hosts[i])
	begin, cancel := unhurried(ctx, d)
	defer cancel()
	var first error
	err := r.insist(begin, func() error {
		dir, end, err := "", ssh.Ending{}, error(ssh.IsGone)
		if p.script != "" || d.resumed { // a script that runs must not be written again
			dir, end, err = r.pool.Launch(begin, t, p.command, find, true)
		}
		var state ssh.State
		if errors.As(err, &state) && state == ssh.IsGone {
			if err = r.bring(begin, p, t); err == nil {
				dir, end, err = r.pool.Launch(begin, t, p.command, find, false)
			}
		}
		var unreached *ssh.ConnectError
		switch {
		case err == nil:
			st.dir, st.at = dir, time.Now().UTC()
			if end.Startup > r.cfg.SlowShell {
				res.notice = slowShell(end)
			}
		case known && errors.As(err, &unreached):
			first = err
			return nil
		case !errors.As(err, &unreached):
			known = false
		}
		return err
	})
	if err != nil && st.dir == "" && ctx.Err() != nil && !leaves(ctx, d) {
		// It was to be given up in the moment it began: then it has to be ended.
		aside, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if dir, _, err := r.pool.Launch(aside, t, p.command, find, true); err == nil {
			st.dir, st.at = dir, time.Now().UTC()
		}
	}
	if st.dir != "" {
		d.j.begun(i, st)
	}
	if err == nil {
		err = first
	}
	return err
}

// bring copies the script, if there is one. What an earlier try has left is overwritten.
func (r *Runner) bring(ctx context.Context, p *plan, t *ssh.Target) error {
	if p.script == "" {
		return nil
	}
	files, err := r.pool.Files(ctx, t)
	if err != nil {
		return err
	}
	_ = files.RemoveTree(p.dir) // mostly there is nothing
	files.Close()
	if _, err := r.copy(ctx, p, t); err != nil {
		return &copyError{err}
	}
	return nil
}

// unhurried is ctx for what must not be left half done: a node that stops waits a
// moment for it.
func unhurried(ctx context.Context, d *detachment) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if leaves(ctx, d) {
			time.AfterFunc(5*time.Second, func() { cancel(context.Cause(ctx)) })
			return
		}
		cancel(context.Cause(ctx))
	})
	return inner, func() { stop(); cancel(nil) }
}

// insist does something on a host until the host has answered: a connection that
// is lost is made again, as long as the host is not away for too long.
func (r *Runner) insist(ctx context.Context, do func() error) error {
	seen := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		began := time.Now()
		err := do()
		var state ssh.State
		var unreached *ssh.ConnectError
		var key *ssh.HostKeyError
		var copying *copyError
		switch {
		case err == nil, ctx.Err() != nil, errors.As(err, &state), errors.As(err, &key):
			return err
		case errors.As(err, &copying) && !errors.Is(err, ssh.ErrLost) && !errors.Is(err, io.EOF):
			return err
		case !errors.As(err, &unreached):
			seen = time.Now()
			if seen.Sub(began) > 10*time.Second {
				pause = 100 * time.Millisecond
			}
		}
		if away := time.Since(seen); away > r.cfg.Away {
			return fmt.Errorf("the host has been away for %s: %w", away.Round(time.Second), err)
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return err
		}
	}
}

// detachedOf is the name of a run's command on a host. Hosts may share the
// directory it is in.
func detachedOf(base, key string, h host) ssh.Detached {
	id, attempt, _ := strings.Cut(key, ":")
	name := h.host
	if h.port != 0 {
		name = fmt.Sprintf("%s-%d", h.host, h.port)
	}
	name = strings.Map(func(c rune) rune {
		if c == '.' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, name)
	return ssh.Detached{Base: base, ID: id, Attempt: attempt, Host: name}
}
