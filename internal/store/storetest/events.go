package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

var hook = squall.Ref{Pack: "core", Name: "st2.webhook"}

// event stores an event that the options change, and reports whether it is new.
func (b *bundle) event(options ...func(*squall.Event)) (ev *squall.Event, fresh bool) {
	b.Helper()
	b.update(func(tx store.Tx) (err error) {
		ev = &squall.Event{ID: b.ids.Next(tx.Now()), Trigger: squall.Ref{Pack: "core", Name: "x"}, Type: hook, Payload: json.RawMessage(`{"body":1}`)}
		for _, option := range options {
			option(ev)
		}
		fresh, err = tx.InsertEvent(b.Context(), ev)
		return err
	})
	return ev, fresh
}

func (b *bundle) findEvents(f store.EventFilter) (list []*squall.Event) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		list, err = tx.FindEvents(b.Context(), f)
		if err != nil {
			return err
		}
		all := f
		all.Limit, all.Offset = 0, 0
		n, err := tx.CountEvents(b.Context(), all, 0)
		if f.Limit == 0 && f.Offset == 0 {
			b.equal("count", n, len(list))
		}
		return err
	})
	return list
}

func testEvents(b *bundle) {
	first, fresh := b.event(func(ev *squall.Event) { ev.Key = "k1" })
	b.equal("a new event is new", fresh, true)
	b.equal("defaults", []any{first.Status, first.Trace, first.OccurredAt.IsZero()}, []any{squall.EventPending, first.ID, false})
	_, fresh = b.event(func(ev *squall.Event) { ev.Key = "k1" })
	b.equal("the same key again", fresh, false)
	large, _ := b.event(func(ev *squall.Event) {
		ev.Payload, ev.Type, ev.Trigger = document(100_000), squall.Ref{Pack: "p", Name: "t"}, squall.Ref{Pack: "p", Name: "t"}
		ev.Trace, ev.TraceTag, ev.Cause = first.ID, "tag", b.ids.Next(time.Now())
		ev.OccurredAt = first.OccurredAt.Add(time.Hour)
	})
	third, _ := b.event()
	b.view(func(tx store.Tx) error {
		for _, want := range []*squall.Event{first, large, third} {
			got, err := tx.Event(b.Context(), want.ID)
			if err != nil {
				return err
			}
			b.equal("event", got, want)
		}
		id, err := tx.EventByKey(b.Context(), "k1")
		b.equal("event by key", id, first.ID)
		if err != nil {
			return err
		}
		_, err = tx.EventByKey(b.Context(), "")
		b.wantKind("no key", err, squall.NotFound)
		_, err = tx.Event(b.Context(), b.ids.Next(time.Now()))
		b.wantKind("no event", err, squall.NotFound)
		list, err := tx.PendingEvents(b.Context(), 2)
		b.equal("pending", list, []*squall.Event{first, large})
		return err
	})
	for _, c := range []struct {
		f    store.EventFilter
		want []*squall.Event
	}{
		{store.EventFilter{}, []*squall.Event{third, large, first}},
		{store.EventFilter{Oldest: true, Limit: 2}, []*squall.Event{first, large}},
		{store.EventFilter{Offset: 1, Limit: 1}, []*squall.Event{large}},
		{store.EventFilter{Type: "core.st2.webhook"}, []*squall.Event{third, first}},
		{store.EventFilter{Type: "p.t", Trigger: "p.t"}, []*squall.Event{large}},
		{store.EventFilter{Type: "p.t", Trigger: "core.x"}, nil},
		{store.EventFilter{After: first.OccurredAt.Add(time.Minute)}, []*squall.Event{large}},
		{store.EventFilter{Before: first.OccurredAt.Add(time.Minute)}, []*squall.Event{third, first}},
		{store.EventFilter{Trace: first.ID}, []*squall.Event{large, first}},
		{store.EventFilter{Status: squall.EventProcessed}, nil},
	} {
		b.equal("events found", b.findEvents(c.f), c.want)
	}
	moved := make([]bool, 2)
	for i := range moved {
		b.update(func(tx store.Tx) (err error) {
			moved[i], err = tx.MoveEvent(b.Context(), first.ID, squall.EventPending, squall.EventProcessed)
			return err
		})
	}
	b.equal("moves", moved, []bool{true, false})
	b.equal("processed", len(b.findEvents(store.EventFilter{Status: squall.EventProcessed})), 1)
	b.wantKind("no identifier", b.s.Update(b.Context(), func(tx store.Tx) error {
		_, err := tx.InsertEvent(b.Context(), &squall.Event{ID: "x"})
		return err
	}), squall.Invalid)
}

func testEnforcements(b *bundle) {
	ev, _ := b.event(func(ev *squall.Event) { ev.Status = squall.EventProcessed })
	other, _ := b.event()
	ex := b.insert()
	put := func(e squall.Enforcement) (*squall.Enforcement, error) {
		err := b.s.Update(b.Context(), func(tx store.Tx) error {
			e.ID, e.At = b.ids.Next(tx.Now()), tx.Now()
			return tx.InsertEnforcement(b.Context(), &e)
		})
		return &e, err
	}
	done, err := put(squall.Enforcement{Event: ev.ID, Rule: "p.r", Execution: ex.ID})
	if err != nil {
		b.Fatal(err)
	}
	failed, err := put(squall.Enforcement{Event: ev.ID, Rule: "p.r", Number: 1, Failure: "no \x00 such action"})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := put(squall.Enforcement{Event: other.ID, Rule: "p.r"}); err != nil {
		b.Fatal(err)
	}
	_, err = put(squall.Enforcement{Event: ev.ID, Rule: "p.r"})
	b.wantKind("twice for a rule and an event", err, squall.Conflict)
	yes, no := true, false
	b.view(func(tx store.Tx) error {
		got, err := tx.Enforcement(b.Context(), done.ID)
		b.equal("enforcement", got, done)
		for _, c := range []struct {
			f    store.EnforcementFilter
			want int
		}{
			{store.EnforcementFilter{}, 3},
			{store.EnforcementFilter{Rule: "p.r", Event: ev.ID}, 2},
			{store.EnforcementFilter{Rule: "p.q"}, 0},
			{store.EnforcementFilter{Execution: ex.ID}, 1},
			{store.EnforcementFilter{Failed: &yes}, 1},
			{store.EnforcementFilter{Failed: &no}, 2},
			{store.EnforcementFilter{Limit: 1, Offset: 2}, 1},
			{store.EnforcementFilter{After: failed.At.Add(time.Hour)}, 0},
			{store.EnforcementFilter{Before: failed.At.Add(time.Hour)}, 3},
			{store.EnforcementFilter{IDs: []squall.ID{done.ID, failed.ID, ev.ID, "no identifier"}}, 2},
			{store.EnforcementFilter{IDs: []squall.ID{done.ID}, Event: other.ID}, 0},
			{store.EnforcementFilter{IDs: []squall.ID{}}, 0},
		} {
			list, err := tx.FindEnforcements(b.Context(), c.f)
			if err != nil {
				return err
			}
			b.equal("enforcements", len(list), c.want)
		}
		oldest, err3 := tx.FindEnforcements(b.Context(), store.EnforcementFilter{Oldest: true, Limit: 1})
		if err3 != nil {
			return err3
		}
		b.equal("the oldest", oldest, []*squall.Enforcement{done})
		n, err2 := tx.CountEnforcements(b.Context(), store.EnforcementFilter{}, 2)
		b.equal("counted to two", n, 2)
		if err == nil {
			err = err2
		}
		return err
	})
	var n int
	b.update(func(tx store.Tx) (err error) {
		n, err = tx.DeleteEvents(b.Context(), tx.Now().Add(time.Hour), 0)
		return err
	})
	b.equal("events deleted", n, 1) // the other one is pending
	b.view(func(tx store.Tx) error {
		n, err := tx.CountEnforcements(b.Context(), store.EnforcementFilter{}, 0)
		b.equal("enforcements left", n, 1)
		return err
	})
}

func testTraces(b *bundle) {
	first, _ := b.event()
	second, _ := b.event(func(ev *squall.Event) { ev.Trace = first.ID })
	named := &squall.Trace{ID: b.ids.Next(time.Now()), Tag: "deploy", At: first.OccurredAt}
	ex := b.insert()
	b.update(func(tx store.Tx) error {
		if err := tx.PutTrace(b.Context(), named); err != nil {
			return err
		}
		return tx.AddToTrace(b.Context(), named.ID, ex.ID)
	})
	b.event(func(ev *squall.Event) { ev.Trace, ev.TraceTag = named.ID, named.Tag })
	anonymous := &squall.Trace{ID: first.ID, Tag: "trigger_instance-" + string(first.ID), At: first.OccurredAt}
	b.view(func(tx store.Tx) error {
		got, err := tx.NamedTrace(b.Context(), "deploy")
		b.equal("named trace", got, named)
		if err != nil {
			return err
		}
		_, err = tx.NamedTrace(b.Context(), "none")
		b.wantKind("no trace", err, squall.NotFound)
		_, err = tx.Trace(b.Context(), second.ID)
		b.wantKind("an event that did not begin a trace", err, squall.NotFound)
		for _, want := range []*squall.Trace{named, anonymous} {
			got, err := tx.Trace(b.Context(), want.ID)
			if err != nil {
				return err
			}
			b.equal("trace", got, want)
		}
		for tag, want := range map[string][]*squall.Trace{"": {named, anonymous}, "deploy": {named}, anonymous.Tag: {anonymous}, "none": nil} {
			list, err := tx.FindTraces(b.Context(), tag, 0, 0)
			if err != nil {
				return err
			}
			b.equal("traces of "+tag, list, want)
			n, err := tx.CountTraces(b.Context(), tag, 0)
			if err != nil {
				return err
			}
			b.equal("number of traces of "+tag, n, len(want))
		}
		ids, err := tx.TraceExecutions(b.Context(), named.ID)
		if err != nil {
			return err
		}
		b.equal("executions", ids, []squall.ID{ex.ID})
		of, err := tx.TraceOf(b.Context(), ex.ID)
		b.equal("trace of the execution", of, named.ID)
		return err
	})
}

func testContentVersion(b *bundle) {
	version := func() (n int64) {
		b.Helper()
		b.update(func(tx store.Tx) (err error) {
			n, err = tx.ContentVersion(b.Context())
			return err
		})
		b.view(func(tx store.Tx) error {
			m, err := tx.ContentVersion(b.Context())
			b.equal("version in a view", m, n)
			return err
		})
		return n
	}
	changes := func(what string, want bool, fn func(tx store.Tx) error) {
		b.Helper()
		before := version()
		err := b.s.Update(b.Context(), fn)
		if after := version(); (after > before) != want {
			b.Errorf("%s (%v): the version went from %d to %d", what, err, before, after)
		}
	}
	ref := squall.Ref{Pack: "p", Name: "r"}
	rule := &squall.Rule{Ref: ref, Trigger: squall.RuleTrigger{Type: hook}}
	changes("a rule", true, func(tx store.Tx) error { return store.PutRule(b.Context(), tx, rule, "") })
	changes("a sensor", false, func(tx store.Tx) error { return store.Put(b.Context(), tx, &squall.Sensor{Ref: ref}) })
	changes("a rule that is undone", false, func(tx store.Tx) error {
		if err := store.PutRule(b.Context(), tx, rule, ""); err != nil {
			return err
		}
		return errTest
	})
	changes("a policy", true, func(tx store.Tx) error { return store.Put(b.Context(), tx, &squall.Policy{Ref: ref}) })
	changes("a deleted rule", true, func(tx store.Tx) error { return store.DeleteRule(b.Context(), tx, ref) })
	changes("a pack", true, func(tx store.Tx) error { return tx.DeletePack(b.Context(), "p") })
}

func testTimers(b *bundle) {
	start := time.Unix(1_700_000_000, 0).UTC()
	timer := &store.Timer{Ref: "core.t1", Since: start, Seen: start, Next: start.Add(time.Minute), State: "s"}
	added := make([]bool, 2)
	for i := range added {
		b.update(func(tx store.Tx) (err error) {
			added[i], err = tx.AddTimer(b.Context(), timer)
			return err
		})
	}
	b.equal("added", added, []bool{true, false})
	advance := func(from, to time.Time) (ok bool) {
		b.update(func(tx store.Tx) (err error) {
			ok, err = tx.AdvanceTimer(b.Context(), &store.Timer{Ref: "core.t1", Seen: to, State: "u"}, from)
			return err
		})
		return ok
	}
	b.equal("advances", []bool{advance(start, start.Add(1e9)), advance(start, start.Add(2e9))}, []bool{true, false})
	b.view(func(tx store.Tx) error {
		list, err := tx.Timers(b.Context())
		b.equal("timers", list, []*store.Timer{{Ref: "core.t1", Since: start, Seen: start.Add(1e9), State: "u"}})
		return err
	})

	ev, _ := b.event()
	ended := b.insert(func(ex *squall.Execution) { ex.Status, ex.EndedAt = squall.Succeeded, start.Add(5e9) })
	open := b.insert()
	b.insert() // not the timer's
	b.update(func(tx store.Tx) error {
		for i, ex := range []*squall.Execution{ended, open} {
			if err := tx.InsertEnforcement(b.Context(), &squall.Enforcement{ID: b.ids.Next(tx.Now()), Event: ev.ID, Rule: "p.r" + string(rune('0'+i)), Execution: ex.ID}); err != nil {
				return err
			}
		}
		return nil
	})
	fire := func(n int, outcome store.FireOutcome, event squall.ID) (ok bool) {
		b.update(func(tx store.Tx) (err error) {
			ok, err = tx.InsertFire(b.Context(), &store.Fire{Ref: "core.t1", Nominal: start.Add(time.Duration(n) * time.Second), Outcome: outcome, At: start, Event: event, Reason: map[store.FireOutcome]string{store.Skipped: "why"}[outcome]})
			return err
		})
		return ok
	}
	b.equal("fires", []bool{fire(1, store.Fired, ev.ID), fire(1, store.Skipped, ""), fire(2, store.Skipped, "")}, []bool{true, false, true})
	b.view(func(tx store.Tx) error {
		list, err := tx.Fires(b.Context(), "core.t1", 0)
		b.equal("records", list, []*store.Fire{
			{Ref: "core.t1", Nominal: start.Add(2e9), Outcome: store.Skipped, At: start, Reason: "why"},
			{Ref: "core.t1", Nominal: start.Add(1e9), Outcome: store.Fired, At: start, Event: ev.ID},
		})
		if err != nil {
			return err
		}
		runs, err := tx.OpenRuns(b.Context(), "core.t1")
		if err != nil {
			return err
		}
		b.equal("open runs", ids(runs), []squall.ID{open.ID})
		at, err := tx.LastSuccess(b.Context(), "core.t1")
		b.equal("last success", at, ended.EndedAt)
		if err != nil {
			return err
		}
		at, err = tx.LastSuccess(b.Context(), "core.t2")
		b.equal("last success of none", at, time.Time{})
		return err
	})
	b.update(func(tx store.Tx) error {
		n, err := tx.TrimFires(b.Context(), start.Add(1500*time.Millisecond), 0)
		b.equal("trimmed", n, 1)
		if err != nil {
			return err
		}
		return tx.RemoveTimer(b.Context(), "core.t1")
	})
}

// testGates lets many pass a gate at once, from several stores where that is
// possible: never more than it has room for.
func testGates(b *bundle) {
	stores := []store.Store{b.s}
	if b.driver.Shared {
		stores = append(stores, b.openStore())
	}
	const room, want = 3, 40
	executions := make([]*squall.Execution, want)
	for i := range executions {
		executions[i] = b.insert()
	}
	var inside atomic.Int32
	var wg sync.WaitGroup
	for i, ex := range executions {
		wg.Go(func() {
			let := false
			err := stores[i%len(stores)].Update(b.Context(), func(tx store.Tx) error {
				doc, err := tx.LockGate(b.Context(), "g")
				if err != nil {
					return err
				}
				n, err := tx.CountGate(b.Context(), "g")
				if err != nil {
					return err
				}
				let = n < room
				if err := tx.PutGate(b.Context(), "g", append(doc, 'x')); err != nil {
					return err
				}
				return tx.PutPlace(b.Context(), store.Place{Gate: "g", Execution: ex.ID, Waiting: !let})
			})
			if err != nil {
				b.Errorf("pass the gate: %v", err)
			}
			if let {
				inside.Add(1)
			}
		})
	}
	wg.Wait()
	b.equal("inside", int(inside.Load()), room)
	var doc []byte
	var waiting []squall.ID
	b.update(func(tx store.Tx) (err error) {
		if doc, err = tx.LockGate(b.Context(), "g"); err != nil {
			return err
		}
		waiting, err = tx.Waiting(b.Context(), "g", 0)
		return err
	})
	b.equal("what the gate keeps", len(doc), want)
	b.equal("waiting", len(waiting), want-room)
	for i := 1; i < len(waiting); i++ {
		if waiting[i] < waiting[i-1] {
			b.Errorf("the queue is not in order: %s before %s", waiting[i-1], waiting[i])
		}
	}
	b.update(func(tx store.Tx) error {
		places, err := tx.LeaveGates(b.Context(), waiting[0])
		b.equal("places", places, []store.Place{{Gate: "g", Execution: waiting[0], Waiting: true}})
		if err != nil {
			return err
		}
		places, err = tx.Places(b.Context(), waiting[0])
		b.equal("places left", len(places), 0)
		if err != nil {
			return err
		}
		all, err := tx.Waiting(b.Context(), "", 5)
		b.equal("at any gate", all, waiting[1:6])
		return err
	})
	b.equal("claimed past those that wait", len(b.claimGated()), room+1) // one has left its place
	b.update(func(tx store.Tx) error {
		past, future := tx.Now().Add(-time.Second), tx.Now().Add(time.Hour)
		for i, at := range []*time.Time{&past, &past, &future} {
			ok, err := tx.MoveExecution(b.Context(), store.Move{ID: waiting[1+i], From: []squall.Status{squall.Requested}, To: squall.Delayed, NotBefore: at})
			if err != nil || !ok {
				return fmt.Errorf("delay: %v, %w", ok, err)
			}
		}
		return nil
	})
	b.update(func(tx store.Tx) error {
		due, err := tx.DueWaiting(b.Context(), 3)
		b.equal("due and waiting", due, waiting[1:3])
		return err
	})
	b.update(func(tx store.Tx) error {
		ok, err := tx.MoveExecution(b.Context(), store.Move{ID: waiting[1], From: []squall.Status{squall.Delayed}, To: squall.Canceled})
		if err != nil || !ok {
			return err
		}
		stale, err := tx.StalePlaces(b.Context(), 0)
		b.equal("stale", stale, waiting[1:2])
		if err != nil {
			return err
		}
		if _, err := tx.LockGate(b.Context(), "unused"); err != nil {
			return err
		}
		n, err := tx.TrimGates(b.Context(), tx.Now().Add(time.Hour), 0)
		b.equal("gates trimmed", n, 1)
		return err
	})
}

func testDeliveries(b *bundle) {
	put := func(key string, due time.Duration) (id squall.ID, fresh bool) {
		b.update(func(tx store.Tx) (err error) {
			id = b.ids.Next(tx.Now())
			fresh, err = tx.InsertDelivery(b.Context(), &store.Delivery{ID: id, Key: key, Sink: "mail", Group: "g", Due: tx.Now().Add(due), Doc: []byte(`{}`)})
			return err
		})
		return id, fresh
	}
	claim := func(lease time.Duration) (list []*store.Delivery) {
		b.update(func(tx store.Tx) (err error) {
			list, err = tx.ClaimDeliveries(b.Context(), 10, lease)
			return err
		})
		return list
	}
	first, fresh := put("k", -time.Second)
	b.equal("new", fresh, true)
	_, fresh = put("k", -time.Second)
	b.equal("the same key again", fresh, false)
	second, _ := put("", -time.Second)
	put("", time.Hour)
	list := claim(time.Hour)
	b.equal("claimed", len(list), 2)
	if len(list) == 2 {
		b.equal("in order", []squall.ID{list[0].ID, list[1].ID, squall.ID(list[0].Sink), squall.ID(list[0].Doc)}, []squall.ID{first, second, "mail", "{}"})
		b.equal("attempt", list[0].Attempt, 1)
	}
	b.equal("claimed again under the lease", len(claim(time.Hour)), 0)
	finish := func(id squall.ID, attempt int, fault string, retry time.Time) (ok bool) {
		b.update(func(tx store.Tx) (err error) {
			ok, err = tx.FinishDelivery(b.Context(), id, attempt, fault, retry)
			return err
		})
		return ok
	}
	b.equal("finish of another attempt", finish(first, 2, "", time.Time{}), false)
	b.equal("finish", finish(first, 1, "", time.Time{}), true)
	b.equal("finish twice", finish(first, 1, "", time.Time{}), false)
	b.equal("retry", finish(second, 1, "refused", time.Unix(1, 0)), true)
	b.view(func(tx store.Tx) error {
		due, err := tx.NextDelivery(b.Context())
		b.equal("next", due, time.Unix(1, 0).UTC())
		return err
	})
	list = claim(0)
	b.equal("second attempt", len(list), 1)
	b.equal("given up", finish(second, 2, "refused again", time.Time{}), true)
	b.view(func(tx store.Tx) error {
		for state, want := range map[store.DeliveryState]int{"": 3, store.DeliveryDone: 1, store.DeliveryLost: 1, store.DeliveryOpen: 1} {
			list, err := tx.FindDeliveries(b.Context(), state, 0)
			if err != nil {
				return err
			}
			b.equal("deliveries "+string(state), len(list), want)
		}
		return nil
	})
	b.update(func(tx store.Tx) error {
		n, err := tx.TrimDeliveries(b.Context(), tx.Now().Add(time.Hour), 0)
		b.equal("trimmed", n, 2)
		return err
	})
}

func testCursors(b *bundle) {
	read := func() (c store.Cursor, found bool) {
		b.view(func(tx store.Tx) (err error) {
			c, found, err = tx.Cursor(b.Context(), "reader")
			return err
		})
		return c, found
	}
	_, found := read()
	b.equal("before the first", found, false)
	for _, want := range []store.Cursor{"", "7"} {
		b.update(func(tx store.Tx) error { return tx.PutCursor(b.Context(), "reader", want) })
		got, found := read()
		b.equal("cursor", got, want)
		b.equal("found", found, true)
	}
}

func testRuleStates(b *bundle) {
	put := func(key, doc string, until, due time.Duration) {
		b.update(func(tx store.Tx) error {
			s := store.RuleState{Rule: "p.r", Key: key, Until: tx.Now().Add(until)}
			if doc != "" {
				s.Doc = []byte(doc)
			}
			if due != 0 {
				s.Due = tx.Now().Add(due)
			}
			return tx.PutRuleState(b.Context(), s)
		})
	}
	read := func(key string) (doc string) {
		b.view(func(tx store.Tx) error {
			d, err := tx.RuleState(b.Context(), "p.r", key)
			doc = string(d)
			return err
		})
		return doc
	}
	put("a", "1", time.Hour, 0)
	put("a", "2", time.Hour, 0)
	put("over", "1", -time.Second, 0)
	put("due", "1", -time.Second, -time.Second)
	put("later", "1", time.Hour, time.Hour)
	b.equal("states", []string{read("a"), read("over"), read("none")}, []string{"2", "", ""})
	b.view(func(tx store.Tx) error {
		list, err := tx.DueRuleStates(b.Context(), 0)
		b.equal("due", len(list), 1)
		if err != nil {
			return err
		}
		next, err := tx.NextRuleState(b.Context())
		b.equal("next", next, list[0].Due)
		if err != nil {
			return err
		}
		n, err := tx.CountRuleStates(b.Context(), "p.r", 3)
		b.equal("counted to three", n, 3)
		return err
	})
	b.update(func(tx store.Tx) error {
		n, err := tx.TrimRuleStates(b.Context(), 0)
		b.equal("trimmed", n, 1) // what is due stays until it was asked
		return err
	})
	put("a", "", 0, 0)
	b.equal("removed", read("a"), "")
}

// claimGated claims everything that does not wait at a gate.
func (b *bundle) claimGated() (list []*squall.Execution) {
	b.Helper()
	b.update(func(tx store.Tx) (err error) {
		epoch, err := tx.JoinNode(b.Context(), store.Node{Name: "n1"}, time.Hour)
		if err != nil {
			return err
		}
		list, err = tx.ClaimExecutions(b.Context(), store.Claim{Node: "n1", Epoch: epoch, Limit: 1000, Gated: true})
		return err
	})
	return list
}

func testReleaseWorkflow(b *bundle) {
	ex, other := b.insert(), b.insert()
	b.update(func(tx store.Tx) error {
		for _, id := range []squall.ID{ex.ID, other.ID} {
			if err := tx.AppendWorkflowEvent(b.Context(), store.WorkflowEvent{Workflow: id, Kind: store.WorkflowBegin, Due: tx.Now().Add(time.Hour)}); err != nil {
				return err
			}
		}
		return tx.ReleaseWorkflow(b.Context(), ex.ID)
	})
	b.equal("due", []int{len(b.events(ex.ID, 0)), len(b.events(other.ID, 0))}, []int{1, 0})
}
