package lifecycle

import (
	"context"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// runnerStates remembers for a moment which runners the administrator has
// switched off: every run asks, and it hardly ever changes.
type runnerStates struct {
	mu   sync.Mutex
	off  map[string]bool
	read time.Time
}

// runnerStateTTL is how long a runner that was switched off on another node goes
// on here, at most.
const runnerStateTTL = 2 * time.Second

// CheckRunner refuses a runner that is switched off, with kind Invalid (st2: the
// execution fails with this text). When the database cannot be asked, what was
// known last counts.
func (s *Service) CheckRunner(ctx context.Context, name string) error {
	if !s.RunnerOff(ctx, name) {
		return nil
	}
	return squall.Errorf(squall.Invalid, "Runner %q has been disabled by the administrator.", name)
}

// RunnerOff reports whether a runner is switched off.
func (s *Service) RunnerOff(ctx context.Context, name string) bool {
	r := &s.runnerStates
	r.mu.Lock()
	stale := time.Since(r.read) >= runnerStateTTL
	if stale {
		r.read = time.Now() // others go on with what is known
	}
	off := r.off
	r.mu.Unlock()
	if !stale {
		return off[name]
	}
	s.RunnersChanged(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.off[name]
}

// RunnersChanged reads which runners are switched off, so that a change holds
// here from now on.
func (s *Service) RunnersChanged(ctx context.Context) {
	var off map[string]bool
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		off, err = store.DisabledRunners(ctx, tx)
		return err
	})
	if err != nil {
		s.log.Warn("the state of runners cannot be read; what was known counts", "error", err)
		return
	}
	s.runnerStates.mu.Lock()
	defer s.runnerStates.mu.Unlock()
	s.runnerStates.off, s.runnerStates.read = off, time.Now()
}
