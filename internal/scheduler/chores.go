package scheduler

import (
	"context"
	"fmt"
	"time"

	"squall/internal/store"
)

// choreLoop does a chore of the whole cluster every so often, on the one node
// that holds the lock of that name.
func (s *Scheduler) choreLoop(ctx context.Context, name string, every time.Duration, chore func(context.Context)) {
	// The first time comes soon, and not on all nodes at once.
	t := time.NewTimer(jitter(min(every, 10*time.Second)))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if s.mine(ctx, name, every) {
			chore(ctx)
		}
		t.Reset(jitter(every))
	}
}

// mine takes or prolongs the lock. It lasts for two rounds: a node that is
// gone is replaced in the third.
func (s *Scheduler) mine(ctx context.Context, name string, every time.Duration) (held bool) {
	s.mu.Lock()
	l := s.lease
	s.mu.Unlock()
	if l == nil || !l.live() {
		return false
	}
	owner := fmt.Sprintf("%s#%d", l.owner.Node, l.owner.Epoch)
	err := s.st.Update(ctx, func(tx store.Tx) (err error) {
		held, err = tx.TryLock(ctx, name, owner, 2*every+time.Second)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("a lock cannot be taken", "lock", name, "error", err)
	}
	return err == nil && held
}

func (s *Scheduler) rescue(ctx context.Context) {
	if _, err := s.svc.Rescue(ctx); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("executions of dead nodes cannot be rescued", "error", err)
	}
	if _, err := s.svc.ExpireInquiries(ctx); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("inquiries that are out of time cannot be ended", "error", err)
	}
}

func (s *Scheduler) sweep(ctx context.Context) {
	if _, err := s.svc.Sweep(ctx, s.cfg.Retention); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("old rows cannot be deleted", "error", err)
	}
}
