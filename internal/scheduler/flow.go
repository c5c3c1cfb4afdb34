package scheduler

import (
	"context"
	"time"

	"squall/internal/store"
)

// flowBatch is how many workflows one look advances at most.
const flowBatch = 100

// flowLoop advances workflows that have something to be told until ctx ends:
// those that were requested in somebody else's transaction, those whose delay is
// over, and what a crash left. Usually whoever finishes an action advances its
// workflow himself.
func (s *Scheduler) flowLoop(ctx context.Context) {
	news, stop := s.st.Wake(store.TopicFlow)
	defer stop()
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-news:
		case <-poll.C:
		}
		began := time.Now()
		n, due, err := s.svc.AdvanceDue(ctx, flowBatch)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("some workflows did not advance", "error", err)
		}
		next := jitter(s.cfg.Poll)
		if !due.IsZero() {
			next = min(next, max(time.Millisecond, time.Until(due)))
		}
		if n == flowBatch && err == nil {
			next = 0
		}
		if err != nil {
			next = max(next, min(s.cfg.Poll, time.Since(began))) // a workflow that cannot advance must not keep us busy
		}
		poll.Reset(next)
	}
}
