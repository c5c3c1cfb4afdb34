package local

import (
	"context"
	"errors"
	"syscall"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/process"
)

// execKept is exec with the command in the hands of a keeper.
func (r *Runner) execKept(ctx context.Context, job *runner.Job, p *params, c *command, out runner.Output) (*ending, error) {
	spec := r.spec(c)
	spec.Key = job.Execution.IdempotencyKey()
	spec.Timeout = -1
	if p.timeout != nil {
		// What the keeper does while no server is there; one that is has the
		// same limit and ends it itself.
		spec.Timeout = max(0, time.Duration(*p.timeout)*time.Second)
	}
	if job.Action.Repeatable {
		spec.Alone = r.cfg.Alone
	}
	run, err := r.cfg.Keep.Start(ctx, spec)
	if errors.Is(err, syscall.ENOENT) && c.path == "sudo" {
		end := r.newEnding(out)
		end.code = 127
		end.stderr.Note("sudo: not found\n")
		return end, nil
	}
	if err != nil {
		return nil, err
	}
	end, err := r.follow(ctx, run, out)
	if errors.Is(err, keep.ErrDied) && c.marker != "" {
		// The command itself went with its keeper; what it has started is known by its mark.
		(&process.Tree{Leader: -1, Marker: c.marker}).End(r.cfg.Grace, r.cfg.WaitDelay)
	}
	return end, err
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
func (r *Runner) follow(ctx context.Context, run *keep.Run, out runner.Output) (*ending, error) {
	end := r.newEnding(out)
	said, err := run.Wait(ctx, end.stdout.Take, end.stderr.Take)
	if err != nil {
		return nil, err
	}
	end.stdout.Total, end.stderr.Total = said.OutTotal, said.ErrTotal
	end.code, end.stopped, end.timedOut = said.Code, said.Stopped, said.TimedOut
	if said.Signal != 0 {
		end.code = 128 + said.Signal
		if !end.stopped {
			end.stderr.Note(deathText(syscall.Signal(said.Signal)))
		}
	}
	return end, nil
}

func (r *Runner) newEnding(out runner.Output) *ending {
	return &ending{
		stdout: process.Stream{Live: out.Stdout(), Limit: r.cfg.OutputLimit},
		stderr: process.Stream{Live: out.Stderr(), Limit: r.cfg.OutputLimit},
	}
}
