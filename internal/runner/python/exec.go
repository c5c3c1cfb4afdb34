package python

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"squall/internal/runner"
	"squall/internal/runner/process"
)

// started is a process of an action, however it came to be.
type started interface {
	// pid is its number, which means nobody else until it is reaped.
	pid() int
	// ended returns when it has ended. Once killed is closed that cannot take long.
	// The error says that its end will never be known.
	ended(killed <-chan struct{}) error
	// reap gives its number free and returns its exit code, -N after signal N. It
	// is called once, when nobody can be about to signal the number.
	reap() (int, error)
}

// exec runs the action and returns when it has ended and both its streams are
// closed. The error says that it could not be started, or is lost.
func (r *Runner) exec(ctx context.Context, job *runner.Job, p *params, env *environment, doc *document, out runner.Output) (*ending, error) {
	ch, err := newChannel(doc)
	if err != nil {
		return nil, err
	}
	defer ch.close()
	end := &ending{
		stdout: process.Stream{Live: out.Stdout(), Limit: r.cfg.OutputLimit},
		stderr: process.Stream{Live: out.Stderr(), Limit: r.cfg.OutputLimit},
	}
	run, err := r.start(ctx, job, p, env, doc, ch, end)
	if err != nil {
		return nil, err
	}

	tree := &process.Tree{Leader: run.pid()}
	if id := job.Env["SQUALL_EXECUTION_ID"]; id != "" {
		tree.Marker = "SQUALL_EXECUTION_ID=" + id
	}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		tree.End(r.cfg.Grace, r.cfg.WaitDelay)
		// What still holds a stream is beyond our reach; do not wait for it.
		now := time.Now()
		_ = end.stdout.From.SetReadDeadline(now)
		_ = end.stderr.From.SetReadDeadline(now)
	})
	var streams sync.WaitGroup
	streams.Go(end.stderr.Drain)
	end.stdout.Drain()
	streams.Wait()
	err = run.ended(killed)
	if !stop() {
		<-killed
		end.stopped = true
	}
	code, reapErr := run.reap()
	if end.stopped {
		return end, nil // how it died does not matter
	}
	end.kind, end.value = ch.outcome()
	if err = errors.Join(err, reapErr); err != nil && end.kind == 0 {
		return nil, err
	}
	end.code = code // 0 when only this was lost
	return end, nil
}

// start starts the action's process, by forking if that is possible.
func (r *Runner) start(ctx context.Context, job *runner.Job, p *params, env *environment, doc *document, ch *channel, end *ending) (started, error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_, _ = outR.Close(), outW.Close()
		return nil, err
	}
	defer func() { _, _ = outW.Close(), errW.Close() }()
	run, err := r.startEither(ctx, job, p, env, doc, []*os.File{ch.file, outW, errW})
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		return nil, err
	}
	end.stdout.From, end.stderr.From = outR, errR
	return run, nil
}

func (r *Runner) startEither(ctx context.Context, job *runner.Job, p *params, env *environment, doc *document, files []*os.File) (started, error) {
	why := ""
	if name := needsStart(p.env); r.cfg.Cold {
		why = "python.warm is off"
	} else if name != "" {
		why = "the action sets " + name
	} else {
		run, err := r.fork(ctx, env, files)
		if err == nil {
			return run, nil
		}
		if errors.Is(err, errClosed) || ctx.Err() != nil {
			return nil, err
		}
		why = err.Error()
	}
	if job.Log != nil && !r.cfg.Cold {
		job.Log.Info("a Python is started for this action alone", "reason", why)
	}
	return r.startCold(env, doc, files)
}

// coldRun is an action in a Python of its own.
type coldRun struct{ process *os.Process }

func (r *Runner) startCold(env *environment, doc *document, files []*os.File) (started, error) {
	vars := make([]string, 0, len(doc.Env))
	for name, value := range doc.Env {
		vars = append(vars, name+"="+value)
	}
	argv := []string{env.python, "-u", "-X", "utf8", r.program("cold.py")}
	p, err := os.StartProcess(env.python, argv, &os.ProcAttr{
		Env: vars, Files: []*os.File{r.null, files[1], files[2], files[0]},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return nil, err
	}
	return coldRun{p}, nil
}

// program is the path of one of the library's programs.
func (r *Runner) program(name string) string {
	return filepath.Join(r.cfg.Lib, "lib", "squall_runner", name)
}

func (c coldRun) pid() int { return c.process.Pid }

func (c coldRun) ended(<-chan struct{}) error {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, c.process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (c coldRun) reap() (int, error) {
	state, err := c.process.Wait()
	if err != nil {
		return 0, fmt.Errorf("wait for the action: %w", err)
	}
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return -int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}
