package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
)

// run is one execution in this node's hands.
type run struct {
	ex     *squall.Execution
	slot   *slot
	ctx    context.Context
	cancel context.CancelCauseFunc
	out    *output
	// resumed: it was begun by an earlier process, or under an earlier lease.
	resumed bool
}

// start takes over a reserved slot and runs ex on it.
func (s *Scheduler) start(t *slot, ex *squall.Execution) {
	s.launch(s.newRun(t, ex))
}

func (s *Scheduler) newRun(t *slot, ex *squall.Execution) *run {
	r := &run{ex: ex, slot: t}
	r.ctx, r.cancel = context.WithCancelCause(t.lease.runs)
	r.out = newOutput(s, r)
	return r
}

func (s *Scheduler) launch(r *run) {
	s.mu.Lock()
	s.active[r.ex.ID] = r
	s.mu.Unlock()
	s.cfg.Hooks.Active(+1)
	go s.execute(r) // owned by the lease: seal and gone wait for it
}

// execute is the whole of a run: prepare, run, judge, store.
func (s *Scheduler) execute(r *run) {
	began := time.Now()
	defer func() {
		r.cancel(nil)
		s.mu.Lock()
		delete(s.active, r.ex.ID)
		s.mu.Unlock()
		s.cfg.Hooks.Active(-1)
		r.slot.Release()
	}()

	ctx, span := s.cfg.Tracer.Start(lifecycle.WithTrace(r.ctx, r.ex.Context), "run "+r.ex.Action.String(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("squall.execution_id", string(r.ex.ID)),
			attribute.String("squall.runner", r.ex.Runner),
			attribute.Int("squall.attempt", r.ex.Attempt)))
	defer span.End()

	job, def, err := s.job(ctx, r.ex)
	if job != nil {
		job.Rest = r.slot.free
	}
	var v verdict
	switch cause := context.Cause(r.ctx); {
	case !r.slot.lease.live():
		v = verdict{drop: true, detached: r.resumed}
	case r.resumed && err == nil:
		v = s.perform(ctx, r, job, def)
	case !r.resumed && (errors.Is(cause, runner.ErrShutdown) || s.isStopping() && cause == nil):
		s.giveBack(r, false)
		return
	case err != nil || cause != nil:
		if err != nil && cause == nil {
			s.cfg.Log.Warn("an execution cannot be run", "execution_id", r.ex.ID, "action", r.ex.Action.String(), "error", err)
		}
		v = judge(failed(squall.MessageOf(err)), nil, cause, false)
	default:
		v = s.perform(ctx, r, job, def)
	}
	switch {
	case v.detached:
		s.cfg.Log.Info("a run goes on without us", "execution_id", r.ex.ID, "action", r.ex.Action.String())
		r.out.abandon()
	case v.drop:
		s.cfg.Log.Warn("the outcome of a run is dropped: the execution is not this node's any more",
			"execution_id", r.ex.ID, "action", r.ex.Action.String())
		r.out.abandon()
	case v.giveBack:
		r.out.flush()
		s.giveBack(r, true)
	default:
		if v.outcome.Status != squall.Succeeded {
			span.SetStatus(codes.Error, string(v.outcome.Status))
		}
		s.finish(r, v.outcome, time.Since(began))
		if r.slot.lease.lost.Err() == nil { // else it may not be stored, and is asked for again
			s.release(r)
		}
	}
}

// perform calls the runner and judges what it says.
func (s *Scheduler) perform(ctx context.Context, r *run, job *runner.Job, def *lifecycle.Definition) verdict {
	if limit, ok := lifecycle.Limit(def.Runner, job.RunnerParams[lifecycle.LimitName(def.Runner)]); ok {
		if r.resumed { // its keeper has looked after its time, and gets a moment to say so
			limit = max(0, limit-time.Since(r.ex.StartedAt)) + resumeGrace
		}
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, limit, runner.ErrTimeout)
		defer stop()
	}
	defer s.watch(ctx, r)()
	run := s.runners[r.ex.Runner].Run
	if rs := s.resumer(r.ex.Runner); r.resumed && rs != nil {
		run = rs.Resume
		r.out.skipStored()
	}
	out, err := s.call(ctx, run, job, r.out)
	return judge(out, err, context.Cause(ctx), def.Action.Repeatable)
}

// resumeGrace is how much longer than its time a resumed run is waited for.
const resumeGrace = 5 * time.Second

// call runs the runner. A panic fails the execution, not the server; the stack
// is for us, not for the user.
func (s *Scheduler) call(ctx context.Context, run func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error), job *runner.Job, out runner.Output) (o squall.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			job.Log.Error("the runner panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o, err = squall.Outcome{}, errors.New("internal error in the runner; the server's log has the details")
		}
	}()
	return run(ctx, job, out)
}

// watch reports a runner that does not return after its context has ended. The
// function it returns ends the watch.
func (s *Scheduler) watch(ctx context.Context, r *run) (stop func()) {
	done := make(chan struct{})
	quit := context.AfterFunc(ctx, func() {
		t := time.NewTimer(s.cfg.KillWait)
		defer t.Stop()
		select {
		case <-done:
		case <-t.C:
			s.cfg.Hooks.Stuck(r.ex.Runner)
			s.cfg.Log.Error("a runner does not end although it was told to", "execution_id", r.ex.ID,
				"action", r.ex.Action.String(), "runner", r.ex.Runner, "cause", context.Cause(ctx))
		}
	})
	return func() {
		quit()
		close(done)
	}
}

// finish stores the outcome, with what is left of the output. While the
// database is away it waits, as long as the lease lasts.
func (s *Scheduler) finish(r *run, out squall.Outcome, took time.Duration) {
	if s.mayFinishAside() {
		r.slot.free() // the work is done; storing it needs no slot
	}
	defer s.finishedAside()
	l, tail := r.slot.lease, r.out.close()
	var pause backoff
	for refused := 0; ; {
		err := s.svc.Finish(l.lost, l.owner, r.ex, out, tail...)
		switch {
		case err == nil:
			s.cfg.Hooks.Ended(r.ex.Runner, out.Status, took)
			return
		case squall.KindOf(err) == squall.Conflict || l.lost.Err() != nil:
			s.cfg.Log.Warn("an outcome was not stored", "execution_id", r.ex.ID, "action", r.ex.Action.String(),
				"status", out.Status, "error", err)
			return
		case squall.KindOf(err) != squall.Unavailable:
			if refused++; refused == 5 {
				// The store does not take this outcome and never will.
				out, tail = failed("the result could not be stored: "+err.Error()), nil
			}
		}
		s.cfg.Log.Warn("an outcome waits to be stored", "execution_id", r.ex.ID, "error", err)
		pause.wait(l.lost)
	}
}

// mayFinishAside counts the outcomes on their way into the store. Above a bound they keep
// their slots, so that a slow store slows the node down instead of filling its memory.
func (s *Scheduler) mayFinishAside() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishing++
	return s.finishing <= 4*s.cfg.Slots
}

func (s *Scheduler) finishedAside() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishing--
}

// giveBack returns the execution to the queue; see lifecycle.GiveBack.
func (s *Scheduler) giveBack(r *run, begun bool) {
	l := r.slot.lease
	var pause backoff
	for {
		err := s.svc.GiveBack(l.lost, l.owner, r.ex, begun)
		if err == nil {
			s.cfg.Log.Info("execution given back", "execution_id", r.ex.ID, "action", r.ex.Action.String(), "begun", begun)
			return
		}
		s.cfg.Log.Warn("an execution was not given back", "execution_id", r.ex.ID, "error", err)
		if squall.KindOf(err) == squall.Conflict || l.lost.Err() != nil {
			return
		}
		pause.wait(l.lost)
	}
}

func (s *Scheduler) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
