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
		hinted := true
		select {
		case <-ctx.Done():
			return
		case <-work:
		case <-s.freed:
		case <-poll.C:
			hinted = false
		}
		due, err := s.fill(ctx, hinted)
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

// fill claims until there is no free slot or nothing to claim. Without a hint
// that there is something it reads first, so that an idle node writes nothing.
// It returns how long it takes until the next delayed execution is due; 0 when
// unknown.
func (s *Scheduler) fill(ctx context.Context, hinted bool) (due time.Duration, err error) {
	looked := false
	for look := !hinted; ; {
		marks := s.backlogMarks()
		if look {
			stats, now, err := s.look(ctx)
			if err != nil {
				return 0, err
			}
			due, looked = untilDue(stats, now), true
			if stats.OldestDue.IsZero() {
				s.clearBacklog(marks)
				return due, nil
			}
		}
		asked, claimed, err := s.claim(ctx)
		switch {
		case err != nil:
			return 0, err
		case asked == 0:
			s.markBacklog() // whoever waits comes before new requests
			return due, nil
		case claimed == asked:
			look = false // there may be more
			continue
		}
		// What may still be due is not for this node.
		s.clearBacklog(marks)
		if looked && claimed == 0 {
			return due, nil
		}
		look = true
	}
}

// untilDue returns how long it takes until something becomes due that is not
// yet; 0 when there is nothing.
func untilDue(stats store.QueueStats, now time.Time) time.Duration {
	if stats.NextDue.IsZero() {
		return 0
	}
	return max(time.Millisecond, stats.NextDue.Sub(now))
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

// claim takes as many as it has slots for, and starts them.
func (s *Scheduler) claim(ctx context.Context) (asked, claimed int, err error) {
	slots := s.reserveFree(claimBatch)
	if len(slots) == 0 {
		return 0, 0, nil
	}
	list, err := s.take(ctx, slots[0].Owner(), len(slots))
	for i, t := range slots {
		if i < len(list) {
			s.start(t, list[i])
		} else {
			t.Release()
		}
	}
	if len(list) > 0 {
		s.cfg.Hooks.Claimed(len(list))
	}
	return len(slots), len(list), err
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
