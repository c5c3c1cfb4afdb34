package python

import (
	"context"
	"errors"
	"fmt"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/process"
	"squall/internal/runner/warm"
	"squall/internal/squall"
)

// execKept is exec with the action in the hands of a keeper.
func (r *Runner) execKept(ctx context.Context, job *runner.Job, p *params, spec *warm.Spec, out runner.Output) (*ending, error) {
	kept := keep.Spec{
		Key: job.Execution.IdempotencyKey(), Python: spec, Marker: marker(job),
		Limit: r.cfg.OutputLimit, Timeout: -1, Grace: r.cfg.Grace, Delay: r.cfg.WaitDelay,
	}
	if p.timeout != nil {
		// What the keeper does while no server is there; one that is has the same
		// limit and ends it itself.
		kept.Timeout = max(0, time.Duration(*p.timeout)*time.Second)
	}
	if job.Action.Repeatable {
		kept.Alone = r.cfg.KeepFor
	}
	run, err := r.cfg.Keep.Start(ctx, kept)
	if err != nil {
		return nil, err
	}
	r.tellCold(job, run.Note())
	end, err := r.follow(ctx, run, out)
	if errors.Is(err, keep.ErrDied) && kept.Marker != "" {
		// The action itself went with its keeper; what it has started is known by its mark.
		(&process.Tree{Leader: -1, Marker: kept.Marker}).End(r.cfg.Grace, r.cfg.WaitDelay)
	}
	return end, err
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
		end.code = -said.Signal
	}
	if !end.stopped {
		end.said(said.Outcome)
		if said.Fault != "" && end.kind == 0 {
			return nil, fmt.Errorf("the action is lost: %s", said.Fault)
		}
	}
	return end, nil
}

// Resume implements runner.Resumer.
func (r *Runner) Resume(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	p, err := paramsOf(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	run, err := r.cfg.Keep.Attach(job.Execution.IdempotencyKey())
	if err != nil {
		return squall.Outcome{}, err
	}
	end, err := r.follow(ctx, run, out)
	if err != nil {
		return squall.Outcome{}, err
	}
	return r.outcome(ctx, p, end), nil
}
