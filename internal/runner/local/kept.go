package local

import (
	"context"
	"errors"
	"syscall"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/process"
	"squall/internal/squall"
)

// execKept is exec with the command in the hands of a keeper.
func (r *Runner) execKept(ctx context.Context, job *runner.Job, p *params, c *command, out runner.Output) (*process.Ending, error) {
	run, err := r.cfg.Keep.Start(ctx, r.spec(c).For(job, p.timeout, r.cfg.Alone))
	if errors.Is(err, syscall.ENOENT) && c.path == "sudo" {
		return r.noSudo(out), nil
	}
	if err != nil {
		return nil, err
	}
	return r.follow(ctx, run, out)
}

// Resume implements runner.Resumer.
func (r *Runner) Resume(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	p, c, err := r.command(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	run, err := r.cfg.Keep.Attach(r.spec(c).For(job, p.timeout, r.cfg.Alone))
	if err != nil {
		return squall.Outcome{}, err
	}
	end, err := r.follow(ctx, run, out)
	if err != nil {
		return squall.Outcome{}, err
	}
	return r.outcome(ctx, p, end), nil
}

func (r *Runner) spec(c *command) keep.Spec {
	s := keep.Spec{
		Path: c.path, Argv: c.argv, Env: c.env, Dir: c.dir, Marker: c.marker,
		Limit: r.cfg.OutputLimit, Grace: r.cfg.Grace, Delay: r.cfg.WaitDelay,
	}
	if s.Dir == "" {
		s.Dir = r.workdir
	}
	if c.password != "" {
		s.Input = c.password + "\n"
	}
	if c.path == r.sudo {
		s.Sudo, s.Secret = r.sudo, c.password
	}
	if c.shell != nil {
		shell := r.spec(c.shell)
		s.Shell = &shell
	}
	return s
}

// follow takes part in a kept run until it has ended.
func (r *Runner) follow(ctx context.Context, run *keep.Run, out runner.Output) (*process.Ending, error) {
	end := r.newEnding(out)
	said, err := run.Wait(ctx, end)
	if err != nil {
		return nil, err
	}
	if said.Signal != 0 {
		diedOf(end, syscall.Signal(said.Signal))
	}
	return end, nil
}
