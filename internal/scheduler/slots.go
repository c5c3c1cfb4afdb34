package scheduler

import (
	"sync"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// slot is the right to run one execution under a lease.
type slot struct {
	s       *Scheduler
	lease   *lease
	instant bool // counts as instant, takes no slot
	once    sync.Once
}

var _ lifecycle.Slot = (*slot)(nil)

// Reserve implements lifecycle.Local. Older executions that wait go first: a
// request that finds them waiting has to queue up too.
func (s *Scheduler) Reserve(runner string) (lifecycle.Slot, bool) {
	if s.runners[runner] == nil || s.cfg.OnlyLabels {
		return nil, false // another node may have it
	}
	instant := s.isInstant(runner)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lease
	if l == nil || l.sealed || s.stopping || !l.live() {
		return nil, false
	}
	switch {
	case instant && s.instant < maxInstant:
		s.instant++
	case !instant && s.used < s.cfg.Slots && !s.backlog:
		s.used++
	default:
		s.backlog = true
		s.backlogs++
		return nil, false
	}
	l.held++
	return &slot{s: s, lease: l, instant: instant}, true
}

// reserveFree takes up to limit free slots for a claim.
func (s *Scheduler) reserveFree(limit int) []*slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lease
	if l == nil || l.sealed || s.stopping || !l.live() {
		return nil
	}
	slots := make([]*slot, max(0, min(limit, s.cfg.Slots-s.used)))
	for i := range slots {
		slots[i] = &slot{s: s, lease: l}
	}
	s.used += len(slots)
	l.held += len(slots)
	return slots
}

// Owner implements lifecycle.Slot.
func (t *slot) Owner() store.Owner { return t.lease.owner }

// Start implements lifecycle.Slot.
func (t *slot) Start(ex *squall.Execution) {
	t.s.cfg.Hooks.Claimed(1)
	t.s.start(t, ex)
}

// Release implements lifecycle.Slot.
func (t *slot) Release() {
	t.free()
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.lease.release()
}

// free makes room for another run, while this one may still be busy with
// storing its outcome.
func (t *slot) free() {
	t.once.Do(func() {
		t.s.mu.Lock()
		wake := false
		if t.instant {
			t.s.instant--
		} else {
			t.s.used--
			wake = t.s.backlog
		}
		t.s.mu.Unlock()
		if wake {
			t.s.hintClaim()
		}
	})
}
