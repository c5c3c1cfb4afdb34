package scheduler

import (
	"context"
	"time"

	"squall/internal/store"
)

// claimBatch is how many executions one transaction claims at most.
const claimBatch = 64

// claimLoop fills free slots until ctx ends. It looks when somebody says that
// there may be work, when a slot becomes free while others wait, when the next
// delayed execution is due, and now and then without any reason.
func (s *Scheduler) claimLoop(ctx context.Context) {
	work, stop := s.st.Wake(store.TopicWork)
	defer stop()
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-work:
		case <-s.freed:
		case <-poll.C:
		}
		due, err := s.fill(ctx)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("executions cannot be claimed", "error", err)
		}
		next := jitter(s.cfg.Poll)
		if due > 0 {
			next = min(next, due)
		}
		poll.Reset(next)
	}
}

// fill claims until there is no free slot or nothing to claim. It returns how
// long it takes until the next delayed execution is due; 0 when unknown.
func (s *Scheduler) fill(ctx context.Context) (due time.Duration, err error) {
	for {
		s.mu.Lock()
		marks := s.backlogs
		s.mu.Unlock()
		stats, now, err := s.look(ctx)
		if err != nil {
			return 0, err
		}
		if stats.OldestDue.IsZero() {
			s.mu.Lock()
			if s.backlogs == marks {
				s.backlog = false
			}
			s.mu.Unlock()
			if stats.NextDue.IsZero() {
				return 0, nil
			}
			return max(time.Millisecond, stats.NextDue.Sub(now)), nil
		}
		s.mu.Lock()
		s.backlog = true
		s.mu.Unlock()
		more, err := s.claim(ctx)
		if !more || err != nil {
			return 0, err
		}
	}
}

// look reads whether something is due, without writing.
func (s *Scheduler) look(ctx context.Context) (stats store.QueueStats, now time.Time, err error) {
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		now = tx.Now()
		stats, err = tx.QueueStats(ctx)
		return err
	})
	return stats, now, err
}

// claim takes what it has slots for, and starts it. It reports whether it is
// worth to claim again at once.
func (s *Scheduler) claim(ctx context.Context) (more bool, err error) {
	slots := s.reserveFree(claimBatch)
	if len(slots) == 0 {
		return false, nil
	}
	owner := slots[0].Owner()
	claimed, err := s.svc.Claim(ctx, owner, len(slots), s.cfg.Queues)
	for i, t := range slots {
		if i < len(claimed) {
			s.start(t, claimed[i])
		} else {
			t.Release()
		}
	}
	if len(claimed) > 0 {
		s.cfg.Hooks.Claimed(len(claimed))
	}
	return err == nil && len(claimed) == len(slots), err
}
