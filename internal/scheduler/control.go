package scheduler

import (
	"context"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// controlLoop ends runs that were asked to stop, until ctx ends.
func (s *Scheduler) controlLoop(ctx context.Context) {
	wish, stop := s.st.Wake(store.TopicControl)
	defer stop()
	poll := time.NewTimer(jitter(s.cfg.Poll))
	defer poll.Stop()
	reconciled := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wish:
		case <-poll.C:
		}
		statuses := []squall.Status{squall.Canceling}
		if time.Since(reconciled) > 2*s.cfg.Heartbeat {
			statuses = append(statuses, squall.Running)
			reconciled = time.Now()
		}
		if err := s.control(ctx, statuses); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("wishes to cancel cannot be read", "error", err)
		}
		poll.Reset(jitter(s.cfg.Poll))
	}
}

// control compares the rows that belong to this node with what it runs.
func (s *Scheduler) control(ctx context.Context, statuses []squall.Status) error {
	s.mu.Lock()
	l := s.lease
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	var (
		rows []*squall.Execution
		now  time.Time
	)
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		now = tx.Now()
		rows, err = tx.FindExecutions(ctx, store.ExecutionFilter{
			Node: l.owner.Node, Statuses: statuses, Ascending: true, Limit: s.cfg.Slots + 2*maxInstant,
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, ex := range rows {
		if ex.Epoch != l.owner.Epoch {
			continue // of an earlier incarnation: for the rescue
		}
		s.mu.Lock()
		r := s.active[ex.ID]
		s.mu.Unlock()
		switch {
		case r != nil && ex.Status == squall.Canceling:
			r.cancel(runner.ErrCanceled)
		case r == nil && now.Sub(ex.UpdatedAt) > 2*s.cfg.Heartbeat:
			s.returnStray(l, ex)
		}
	}
	return nil
}

// returnStray puts back an execution that belongs to this node and does not
// run here: the commit that gave it to us succeeded, but we were told that it
// had not, so it was never begun.
func (s *Scheduler) returnStray(l *lease, ex *squall.Execution) {
	err := s.svc.GiveBack(l.lost, l.owner, ex, false)
	if err != nil && squall.KindOf(err) != squall.Conflict {
		s.cfg.Log.Warn("an execution that was never begun cannot be given back", "execution_id", ex.ID, "error", err)
	}
}
