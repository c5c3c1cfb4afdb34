package python

import (
	"context"
	"fmt"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/warm"
	"squall/internal/squall"
)

// execKept is exec with the action in the hands of a keeper.
func (r *Runner) execKept(ctx context.Context, job *runner.Job, p *params, spec *warm.Spec, out runner.Output) (*ending, error) {
	run, err := r.cfg.Keep.Start(ctx, r.kept(job, p, spec))
	if err != nil {
		return nil, err
	}
	r.tellCold(job, run.Note())
	return r.follow(ctx, run, out)
}

// kept is what a keeper is told.
func (r *Runner) kept(job *runner.Job, p *params, spec *warm.Spec) keep.Spec {
	s := keep.Spec{Python: spec, Marker: marker(job), Limit: r.cfg.OutputLimit, Grace: r.cfg.Grace, Delay: r.cfg.WaitDelay}
	return s.For(job, p.timeout, r.cfg.KeepFor)
}

// follow takes part in a kept run until it has ended.
func (r *Runner) follow(ctx context.Context, run *keep.Run, out runner.Output) (*ending, error) {
	end := r.newEnding(out)
	said, err := run.Wait(ctx, &end.Ending)
	if err != nil {
		return nil, err
	}
	if said.Signal != 0 {
		end.Code = -said.Signal
	}
	if !end.Stopped {
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
	run, err := r.cfg.Keep.Attach(r.kept(job, p, nil))
	if err != nil {
		return squall.Outcome{}, err
	}
	end, err := r.follow(ctx, run, out)
	if err != nil {
		return squall.Outcome{}, err
	}
	return r.outcome(ctx, p, end), nil
}
