package reactor

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// pendingBatch is how many pending events one transaction takes.
const pendingBatch = 100

// pendingLoop reacts to events that were stored without: by another node that
// died, or in a transaction that could not decide about rules.
func (r *Reactor) pendingLoop(ctx context.Context) {
	news, stop := r.st.Wake(store.TopicEvents)
	defer stop()
	r.loop(ctx, "react to pending events", news, func() (again time.Duration, err error) {
		n, err := r.reactPending(ctx)
		if n == pendingBatch && err == nil {
			return time.Nanosecond, nil
		}
		return 0, err
	})
}

// reactPending decides about pending events. Events that two nodes take at once
// are written by one of them.
func (r *Reactor) reactPending(ctx context.Context) (n int, err error) {
	var events []*squall.Event
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		events, err = tx.PendingEvents(ctx, pendingBatch)
		return err
	})
	if err != nil || len(events) == 0 {
		return 0, err
	}
	plans := make([]*plan, len(events))
	for i, ev := range events {
		plans[i] = &plan{event: ev, stored: true}
	}
	err = r.react(ctx, plans, nil)
	if err == nil || squall.KindOf(err) == squall.Unavailable || ctx.Err() != nil {
		return len(events), err
	}
	for _, ev := range events { // one of them spoils it: each for itself
		if err := r.react(ctx, []*plan{{event: ev, stored: true}}, nil); err != nil {
			r.Log.Error("an event cannot be processed", "event", ev.ID, "trigger", ev.Trigger.String(), "error", err)
			if err := r.giveUp(ctx, ev); err != nil {
				return 0, err
			}
		}
	}
	return len(events), nil
}

func (r *Reactor) giveUp(ctx context.Context, ev *squall.Event) error {
	return r.st.Update(ctx, func(tx store.Tx) error {
		_, err := tx.MoveEvent(ctx, ev.ID, squall.EventPending, squall.EventFailed)
		return err
	})
}

// loop calls step when somebody wakes it, when step asked for it, and now and
// then, until ctx ends.
func (r *Reactor) loop(ctx context.Context, what string, news <-chan struct{}, step func() (again time.Duration, err error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-news:
		case <-timer.C:
		}
		again, err := step()
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("a loop could not do its work", "loop", what, "error", err)
			r.Hooks.Failed(what, err)
			again = 0
		}
		if again <= 0 || again > r.Poll {
			again = jitter(r.Poll)
		}
		timer.Reset(again)
	}
}

// jitter returns d, changed by up to a fifth.
func jitter(d time.Duration) time.Duration { return d - d/5 + rand.N(2*d/5+1) }

// mine takes or prolongs a lock of the cluster.
func (r *Reactor) mine(ctx context.Context, name string) (held bool, err error) {
	err = r.st.Update(ctx, func(tx store.Tx) (err error) {
		held, err = tx.TryLock(ctx, name, r.Node, r.LockTTL)
		return err
	})
	return held, err
}

// release gives a lock back at the end of a loop, so that another node goes on at
// once.
func (r *Reactor) release(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := r.st.Update(ctx, func(tx store.Tx) error { return tx.Unlock(ctx, name, r.Node) })
	if err != nil {
		r.Log.Debug("a lock was not given back; it runs out", "lock", name, "error", err)
	}
}

// The locks of the cluster: what one node does for all.
const (
	choreLock      = "reactor chores"
	timerLock      = "timers"
	completionLock = "internal triggers"
)

const (
	// choreEvery is how often old rows are deleted.
	choreEvery = 10 * time.Minute
	// admitEvery is how often executions that wait at gates are looked after when no
	// policy has changed.
	admitEvery = 30 * time.Second
)

// choreLoop deletes what is older than Retention, and lets executions go on
// whose policies have changed.
func (r *Reactor) choreLoop(ctx context.Context) {
	defer r.release(ctx, choreLock)
	swept, admittedAt, admitted := time.Now(), time.Time{}, int64(0)
	r.loop(ctx, "look after old events and waiting executions", nil, func() (time.Duration, error) {
		if held, err := r.mine(ctx, choreLock); err != nil || !held {
			return 0, err
		}
		x, err := r.currentNow(ctx)
		if err != nil {
			return 0, err
		}
		if x.version != admitted || time.Since(admittedAt) > admitEvery {
			if _, err := r.svc.AdmitWaiting(ctx); err != nil {
				return 0, err
			}
			admitted, admittedAt = x.version, time.Now()
		}
		if err := r.deadMen(ctx); err != nil {
			return 0, err
		}
		if time.Since(swept) < choreEvery {
			return 0, nil
		}
		swept = time.Now()
		return 0, r.Sweep(ctx)
	})
}

// sweepBatch is how many rows one transaction deletes.
const sweepBatch = 500

// Sweep deletes events, records of timers and gates that are older than
// Retention, and what rules remember and is over, in small transactions.
func (r *Reactor) Sweep(ctx context.Context) error {
	for _, part := range []struct {
		always bool
		del    func(tx store.Tx, before time.Time) (int, error)
	}{
		{false, func(tx store.Tx, t time.Time) (int, error) { return tx.DeleteEvents(ctx, t, sweepBatch) }},
		{false, func(tx store.Tx, t time.Time) (int, error) { return tx.TrimFires(ctx, t, sweepBatch) }},
		{false, func(tx store.Tx, t time.Time) (int, error) { return tx.TrimDeliveries(ctx, t, sweepBatch) }},
		{true, func(tx store.Tx, _ time.Time) (int, error) { return tx.TrimRuleStates(ctx, sweepBatch) }},
		{true, func(tx store.Tx, _ time.Time) (int, error) {
			return tx.TrimGates(ctx, tx.Now().Add(-24*time.Hour), sweepBatch)
		}},
	} {
		if r.Retention <= 0 && !part.always {
			continue
		}
		for n := sweepBatch; n == sweepBatch; {
			err := r.st.Update(ctx, func(tx store.Tx) (err error) {
				n, err = part.del(tx, tx.Now().Add(-r.Retention))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Tell stores an event inside a transaction of the caller's, about what that
// transaction does, when a rule listens to it. Rules react after the commit.
func (r *Reactor) Tell(ctx context.Context, tx store.Tx, trigger squall.Ref, payload json.RawMessage) error {
	version, err := tx.ContentVersion(ctx)
	if err != nil {
		return err
	}
	// An index that is old does not know: then the event is stored in any case.
	if x := r.known.Load(); x != nil && x.version == version && !x.listens(trigger) {
		return nil
	}
	ev := &squall.Event{ID: r.IDs.Next(tx.Now()), Trigger: trigger, Type: trigger, Payload: payload, OccurredAt: tx.Now()}
	if _, err := tx.InsertEvent(ctx, ev); err != nil {
		return err
	}
	tx.Wake(store.TopicEvents)
	return nil
}
