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
		marks := s.backlogMarks()
		stats, now, err := s.look(ctx)
		switch {
		case err != nil:
			return 0, err
		case !stats.OldestDue.IsZero():
			s.markBacklog()
			if free, err := s.claim(ctx); !free || err != nil {
				return 0, err
			}
		case stats.NextDue.IsZero():
			s.clearBacklog(marks)
			return 0, nil
		default:
			s.clearBacklog(marks)
			return max(time.Millisecond, stats.NextDue.Sub(now)), nil
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

// claim takes what it has slots for, and starts it. It reports whether there
// was a slot.
func (s *Scheduler) claim(ctx context.Context) (free bool, err error) {
	slots := s.reserveFree(claimBatch)
	if len(slots) == 0 {
		return false, nil
	}
	claimed, err := s.svc.Claim(ctx, slots[0].Owner(), len(slots), s.cfg.Queues)
	for i, t := range slots {
		if i < len(claimed) {
			s.start(t, claimed[i])
		} else {
			t.Release()
		}
	}
	if len(claimed) > 0 {
		s.cfg.Hooks.Claimed(len(claimed))
		return true, err
	}
	// What is due is not for this node, or others were faster.
	return false, err
}

// The backlog says that executions wait. While it is set, new requests queue
// up behind them.

func (s *Scheduler) backlogMarks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backlogs
}

func (s *Scheduler) markBacklog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = true
}

// clearBacklog says that nobody waits, unless somebody has begun to since
// marks was read.
func (s *Scheduler) clearBacklog(marks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlogs == marks {
		s.backlog = false
	}
}
