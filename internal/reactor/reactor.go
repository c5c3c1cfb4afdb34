package reactor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"squall/internal/expr"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// Config is what a Reactor needs. Zero fields get the defaults named.
type Config struct {
	Store     store.Store        // required
	Lifecycle *lifecycle.Service // required
	Exprs     *expr.Set          // required; renders patterns of criteria
	IDs       *squall.IDSource
	// Node names this process in the locks of the cluster; required.
	Node string
	// User is who runs what rules request; stanley, as in StackStorm.
	User string
	// Poll is how often to look without a wake-up; 1s.
	Poll time.Duration
	// LockTTL is how long a node that is gone keeps what one node of the cluster
	// does; 5s.
	LockTTL time.Duration
	// Zone is that of timers which name none; UTC.
	Zone *time.Location
	// Retention of events, and of records of timers; 0: for ever.
	Retention time.Duration

	Hooks Hooks
	Log   *slog.Logger
}

// Hooks are told what happens, for metrics. Nil fields are not called. They
// must not block.
type Hooks struct {
	Events   func(n int)                  // accepted
	Enforced func(executions, failed int) // what rules made of an event
	Fired    func(late time.Duration)     // a timer fired, so long after its instant
	Skipped  func(n int)                  // times of timers that were recorded and did not fire
	Failed   func(what string, err error) // a loop could not do its work
	Reacted  func(took time.Duration)     // from the event to its rows
	Skewed   func(by time.Duration)       // the database's clock is so far ahead of this node's
}

// Reactor accepts events. Make it with New; Emit works whether or not Run does.
type Reactor struct {
	Config
	st    store.Store
	svc   *lifecycle.Service
	exprs *expr.Set
	data  *lifecycle.Datastore

	known   atomic.Pointer[index]
	loading sync.Mutex
	timers  timerTable
}

// New returns a reactor.
func New(c Config) *Reactor {
	if c.IDs == nil {
		c.IDs = squall.NewIDSource()
	}
	if c.User == "" {
		c.User = "stanley"
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.LockTTL <= 0 {
		c.LockTTL = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Hooks.Events == nil {
		c.Hooks.Events = func(int) {}
	}
	if c.Hooks.Enforced == nil {
		c.Hooks.Enforced = func(int, int) {}
	}
	if c.Hooks.Fired == nil {
		c.Hooks.Fired = func(time.Duration) {}
	}
	if c.Hooks.Failed == nil {
		c.Hooks.Failed = func(string, error) {}
	}
	if c.Hooks.Skipped == nil {
		c.Hooks.Skipped = func(int) {}
	}
	if c.Hooks.Skewed == nil {
		c.Hooks.Skewed = func(time.Duration) {}
	}
	if c.Hooks.Reacted == nil {
		c.Hooks.Reacted = func(time.Duration) {}
	}
	return &Reactor{Config: c, st: c.Store, svc: c.Lifecycle, exprs: c.Exprs, data: c.Lifecycle.Datastore()}
}

// Run looks after pending events, timers, the outbox and what is due, until ctx
// ends.
func (r *Reactor) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { r.pendingLoop(ctx); return nil })
	g.Go(func() error { r.completionLoop(ctx); return nil })
	g.Go(func() error { r.timerLoop(ctx); return nil })
	g.Go(func() error { r.stateLoop(ctx); return nil })
	g.Go(func() error { r.choreLoop(ctx); return nil })
	g.Go(func() error { r.clockLoop(ctx); return nil })
	return g.Wait()
}

// Accepted is what became of an event that was emitted.
type Accepted struct {
	Event squall.ID // that of the first one with its key
	// New is false when there was an event with that key already: nothing was done.
	New          bool
	Enforcements []*squall.Enforcement
}

// Emit accepts events. When it returns without an error they are durable, and so
// is what every rule made of them. Of an event only Trigger is needed, the
// reference of a trigger or of a trigger type; Key, Payload, OccurredAt, TraceTag
// and Cause may be set. All events of a call are written in one transaction.
//
// Error kinds: Invalid for an unknown trigger or a payload that its schema
// refuses (nothing is stored then), Unavailable when the database cannot store
// it, and the same call may succeed later.
func (r *Reactor) Emit(ctx context.Context, events ...squall.Event) ([]Accepted, error) {
	began := time.Now()
	plans := make([]*plan, len(events))
	for i := range events {
		ev := events[i]
		ev.ID = r.IDs.Next(began)
		plans[i] = &plan{event: &ev}
	}
	if err := r.react(ctx, plans, nil); err != nil {
		return nil, err
	}
	r.Hooks.Events(len(events))
	r.Hooks.Reacted(time.Since(began))
	accepted := make([]Accepted, len(plans))
	for i, p := range plans {
		r.count(p)
		accepted[i] = Accepted{Event: p.event.ID, New: !p.known}
		if p.known {
			accepted[i].Event = p.first
		} else {
			accepted[i].Enforcements = p.enforcements()
		}
	}
	return accepted, nil
}

// count tells what rules made of an event.
func (r *Reactor) count(p *plan) {
	ran, failed := 0, 0
	for _, o := range p.outcomes {
		switch {
		case p.known:
		case o.enforcement.Failure != "":
			failed++
		case o.enforcement.Execution != "":
			ran++
		}
	}
	r.Hooks.Enforced(ran, failed)
}

// Hook returns the triggers of a webhook, none when no rule waits for one. What
// was there a moment ago may be returned unless now is set.
func (r *Reactor) Hook(ctx context.Context, url string, now bool) ([]*squall.Trigger, error) {
	url = trimSlashes(url)
	x, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	if list := x.hooks[url]; list != nil && !now {
		return list, nil
	}
	if x, err = r.currentNow(ctx); err != nil { // it may have been made a moment ago
		return nil, err
	}
	return x.hooks[url], nil
}

// Webhooks lists the triggers of webhooks, by path.
func (r *Reactor) Webhooks(ctx context.Context) ([]*squall.Trigger, error) {
	x, err := r.currentNow(ctx)
	if err != nil {
		return nil, err
	}
	var list []*squall.Trigger
	for _, url := range slices.Sorted(maps.Keys(x.hooks)) {
		list = append(list, x.hooks[url]...)
	}
	return list, nil
}

// ReEmit emits an event again, as st2 does: a new one, which says in its
// payload whose copy it is. Error kind: NotFound.
func (r *Reactor) ReEmit(ctx context.Context, id squall.ID) (payload json.RawMessage, err error) {
	var old *squall.Event
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		old, err = tx.Event(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	if len(old.Payload) > 0 && json.Unmarshal(old.Payload, &members) != nil {
		return nil, squall.Errorf(squall.Invalid, "The payload of trigger instance %s is no object.", id)
	}
	members["__context"] = fmt.Appendf(nil, `{"original_id":%q}`, id)
	if payload, err = json.Marshal(members); err != nil {
		return nil, fmt.Errorf("re-emit event %s: %w", id, err)
	}
	_, err = r.Emit(ctx, squall.Event{Trigger: old.Trigger, Payload: payload, Cause: old.Cause})
	return payload, err
}

func trimSlashes(url string) string { return strings.Trim(url, "/") }

// errStale says that rules have changed since they were read.
var errStale = errors.New("the rules have changed meanwhile")

// maxTries is how often an event is decided anew because rules or actions change.
const maxTries = 20

// react decides about events and writes them with what rules make of them.
// also, when not nil, is called first in the transaction and may refuse it.
func (r *Reactor) react(ctx context.Context, plans []*plan, also func(tx store.Tx) error) error {
	x, err := r.current(ctx)
	if err != nil {
		return err
	}
	for range maxTries {
		err = r.reactWith(ctx, x, plans, also)
		if !errors.Is(err, errStale) && !errors.Is(err, lifecycle.ErrStale) {
			return err
		}
		if errors.Is(err, errStale) {
			if x, err = r.reload(ctx, x.version); err != nil {
				return err
			}
		}
	}
	return squall.Errorf(squall.Unavailable, "rules and actions change too fast; try again")
}

func (r *Reactor) reactWith(ctx context.Context, x *index, plans []*plan, also func(tx store.Tx) error) (err error) {
	defer func() {
		for _, p := range plans {
			p.settle(ctx, r.svc, err == nil)
		}
	}()
	for _, p := range plans {
		if err := r.decide(ctx, x, p); err != nil {
			return r.orStale(ctx, x, err)
		}
	}
	return r.st.Update(ctx, func(tx store.Tx) error {
		version, err := tx.ContentVersion(ctx)
		if err != nil {
			return err
		}
		if version != x.version {
			return errStale
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		for _, p := range plans {
			if err := p.write(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// orStale returns errStale instead of an error that may come from rules and
// triggers that were read too long ago.
func (r *Reactor) orStale(ctx context.Context, x *index, err error) error {
	var version int64
	failed := r.st.View(ctx, func(tx store.Tx) (err error) {
		version, err = tx.ContentVersion(ctx)
		return err
	})
	if failed == nil && version != x.version {
		return errStale
	}
	return err
}
