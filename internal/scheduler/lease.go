package scheduler

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"squall/internal/runner"
	"squall/internal/store"
)

// lease is the node's membership under one epoch.
type lease struct {
	owner store.Owner
	// until is when this node stops believing in it, on the monotonic clock.
	until atomic.Pointer[time.Time]
	// lost ends when nothing may be written any more.
	lost   context.Context
	expire context.CancelCauseFunc
	// runs is the root of the contexts of runs. It ends, with the cause, when
	// the lease is lost or the second stage of a stop begins.
	runs   context.Context
	cancel context.CancelCauseFunc

	// Guarded by Scheduler.mu.
	held   int           // reserved slots and runs
	sealed bool          // no more slots are given out
	gone   chan struct{} // closed when sealed and nothing is held
}

func newLease(owner store.Owner, until time.Time) *lease {
	l := &lease{owner: owner, gone: make(chan struct{})}
	l.until.Store(&until)
	l.lost, l.expire = context.WithCancelCause(context.Background())
	l.runs, l.cancel = context.WithCancelCause(l.lost)
	return l
}

// live reports whether the node may still begin something under the lease. A
// process that was stopped for long finds out here, before anything else has
// noticed.
func (l *lease) live() bool {
	return l.lost.Err() == nil && time.Now().Before(*l.until.Load())
}

// margin is the part of the lease's life that is kept for ending runs when it
// could not be renewed.
func margin(ttl time.Duration) time.Duration { return ttl / 4 }

// holdLease keeps the node in the cluster until ctx ends, joining again after
// every loss once the runs of the old epoch are gone.
func (s *Scheduler) holdLease(ctx context.Context) {
	var renewals sync.WaitGroup
	defer renewals.Wait()
	for {
		l := s.join(ctx)
		if l == nil {
			return
		}
		s.setLease(l)
		s.adopt(l.lost, l)
		s.rescue(l.lost) // what an earlier incarnation of this node left behind
		lost := s.renew(ctx, l, &renewals)
		s.seal(l)
		if !lost {
			s.leave(l)
			return
		}
		l.expire(runner.ErrLeaseLost)
		s.cfg.Hooks.LeaseLost()
		s.cfg.Log.Error("the node lost its lease and ends its runs", "node", l.owner.Node, "epoch", l.owner.Epoch)
		select {
		case <-l.gone:
		case <-time.After(s.cfg.KillWait):
			s.cfg.Log.Error("some runs do not end although the lease is lost", "node", l.owner.Node, "epoch", l.owner.Epoch)
		case <-ctx.Done():
			return
		}
	}
}

// join takes a new epoch, trying until it succeeds. It returns nil when ctx ended.
func (s *Scheduler) join(ctx context.Context) *lease {
	var pause backoff
	for ctx.Err() == nil {
		begun := time.Now()
		var epoch int64
		err := s.st.Update(ctx, func(tx store.Tx) (err error) {
			epoch, err = tx.JoinNode(ctx, s.cfg.Node, s.cfg.LeaseTTL)
			return err
		})
		if err == nil {
			s.cfg.Log.Info("node joined", "node", s.cfg.Node.Name, "epoch", epoch)
			return newLease(store.Owner{Node: s.cfg.Node.Name, Epoch: epoch}, begun.Add(s.cfg.LeaseTTL-margin(s.cfg.LeaseTTL)))
		}
		if ctx.Err() == nil {
			s.cfg.Log.Warn("the node cannot join", "node", s.cfg.Node.Name, "error", err)
		}
		pause.wait(ctx)
	}
	return nil
}

// renew keeps the lease until it is lost (true) or ctx ends (false). A renewal
// counts from before it was sent, on the monotonic clock: the store's idea of
// the end can only be later.
func (s *Scheduler) renew(ctx context.Context, l *lease, renewals *sync.WaitGroup) (lost bool) {
	type answer struct {
		held  bool
		until time.Time
		err   error
	}
	answers := make(chan answer, 1)
	ask := func() {
		until := time.Now().Add(s.cfg.LeaseTTL - margin(s.cfg.LeaseTTL))
		var held bool
		err := s.st.Update(l.lost, func(tx store.Tx) (err error) {
			held, err = tx.RenewNode(l.lost, l.owner.Node, l.owner.Epoch, s.cfg.LeaseTTL)
			return err
		})
		answers <- answer{held, until, err}
	}
	asking := false
	beat := time.NewTimer(s.cfg.Heartbeat)
	defer beat.Stop()
	end := time.NewTimer(time.Until(*l.until.Load()))
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			if asking {
				// A renewal that arrives after we have left would undo it.
				select {
				case <-answers:
				case <-end.C:
				}
			}
			return false
		case <-end.C:
			return true
		case <-beat.C:
			asking = true
			renewals.Go(ask)
		case a := <-answers:
			asking = false
			switch {
			case a.err != nil:
				s.cfg.Log.Warn("the lease was not renewed", "node", l.owner.Node, "epoch", l.owner.Epoch, "error", a.err)
				beat.Reset(min(s.cfg.Heartbeat, time.Second))
			case !a.held:
				return true
			default:
				l.until.Store(&a.until)
				beat.Reset(s.cfg.Heartbeat)
				end.Reset(time.Until(a.until))
			}
		}
	}
}

// leave ends the lease, so that others need not wait for it to run out.
func (s *Scheduler) leave(l *lease) {
	ctx, cancel := context.WithTimeout(l.lost, 5*time.Second)
	defer cancel()
	err := s.st.Update(ctx, func(tx store.Tx) error { return tx.LeaveNode(ctx, l.owner.Node, l.owner.Epoch) })
	l.expire(runner.ErrShutdown)
	if err != nil {
		s.cfg.Log.Warn("the node could not leave; its lease runs out", "node", l.owner.Node, "error", err)
		return
	}
	s.cfg.Log.Info("node left", "node", l.owner.Node, "epoch", l.owner.Epoch)
}
