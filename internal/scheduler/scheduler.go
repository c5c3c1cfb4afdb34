package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// Scheduler runs executions on this node. Make it with New, run it once.
type Scheduler struct {
	svc     *lifecycle.Service
	st      store.Store
	runners runner.Set
	cfg     Config
	packs   packDirs

	freed chan struct{} // a hint to the claim loop: a slot is free again, or a lease is there

	mu        sync.Mutex
	lease     *lease // nil: not a member now
	stopping  bool
	used      int  // slots taken
	instant   int  // runs that take no slot
	finishing int  // outcomes on their way into the store
	backlog   bool // executions wait that came before the next request
	backlogs  int  // counts how often backlog was set
	active    map[squall.ID]*run
}

var _ lifecycle.Local = (*Scheduler)(nil)

// maxInstant bounds the runs that take no slot.
const maxInstant = 1024

// New returns a scheduler that runs what runners can run.
func New(svc *lifecycle.Service, st store.Store, runners runner.Set, cfg Config) (*Scheduler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	cfg.setDefaults()
	s := &Scheduler{
		svc: svc, st: st, runners: runners, cfg: cfg,
		packs:   packDirs{st: st},
		freed:   make(chan struct{}, 1),
		backlog: true, // until a look says that nobody waits
		active:  map[squall.ID]*run{},
	}
	if s.cfg.Node.Keeps = s.keeps(); len(s.cfg.Node.Keeps) > 0 {
		s.cfg.Node.KeepFor = cfg.KeepFor
	}
	return s, nil
}

// Run works until ctx ends and then stops in two stages: it takes nothing more
// and waits for what runs; after SoftStop it cancels the rest, which becomes
// abandoned, or waits again for a node where the action is repeatable. It
// returns nil after a complete stop, an error when a runner did not return.
func (s *Scheduler) Run(ctx context.Context) error {
	member, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	var loops, keeper sync.WaitGroup
	keeper.Go(func() { s.holdLease(member) })
	loops.Go(func() { s.claimLoop(ctx) })
	loops.Go(func() { s.controlLoop(member) })
	loops.Go(func() { s.flowLoop(ctx) })
	loops.Go(func() { s.choreLoop(ctx, "rescue", s.cfg.RescueEvery, s.rescue) })
	loops.Go(func() { s.choreLoop(ctx, "sweep", s.cfg.SweepEvery, s.sweep) })

	<-ctx.Done()
	err := s.drain()
	leave()
	keeper.Wait()
	loops.Wait()
	return err
}

// errNotGone: a runner broke its contract.
var errNotGone = errors.New("some runs have not ended")

// drain is the orderly stop.
func (s *Scheduler) drain() error {
	s.mu.Lock()
	s.stopping = true
	l := s.lease
	n := len(s.active)
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	s.seal(l)
	if n > 0 {
		s.cfg.Log.Info("waiting for running executions", "count", n, "at_most", s.cfg.SoftStop)
	}
	if waitFor(l.gone, s.cfg.SoftStop) {
		return nil
	}
	s.cfg.Log.Warn("canceling running executions", "count", s.Active())
	l.cancel(runner.ErrShutdown)
	if waitFor(l.gone, s.cfg.KillWait) {
		return nil
	}
	return fmt.Errorf("stop scheduler: %d of them: %w", s.Active(), errNotGone)
}

func waitFor(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}

// Active returns how many executions this node has in hand.
func (s *Scheduler) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.active)
}

// setLease makes l the present lease.
func (s *Scheduler) setLease(l *lease) {
	s.mu.Lock()
	s.lease = l
	if s.stopping {
		l.seal()
	}
	s.mu.Unlock()
	s.hintClaim()
}

// seal gives out no more slots under l.
func (s *Scheduler) seal(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.seal()
}

// seal and release are called with Scheduler.mu held.
func (l *lease) seal() {
	if !l.sealed {
		l.sealed = true
		if l.held == 0 {
			close(l.gone)
		}
	}
}

func (l *lease) release() {
	l.held--
	if l.sealed && l.held == 0 {
		close(l.gone)
	}
}

func (s *Scheduler) hintClaim() { hint(s.freed) }

func (s *Scheduler) isInstant(runner string) bool { return slices.Contains(s.cfg.Instant, runner) }
