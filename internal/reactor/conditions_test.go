package reactor_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func (b *bundle) key(name, value string) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		return tx.PutKey(b.Context(), &squall.KeyValue{ID: squall.NewIDSource().Next(time.Now()), KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: name}, Value: value})
	})
}

// fires are the records of a rule's timer, oldest first.
func (b *bundle) fires(r *squall.Rule) (list []*store.Fire) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		list, err = tx.Fires(b.Context(), squall.TriggerFor(r.Trigger.Type, r.Trigger.Parameters).Ref.String(), 0)
		return err
	})
	slices.Reverse(list)
	return list
}

// TestOnlyIf: times at which the condition does not hold are skipped, and say so.
func TestOnlyIf(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.key("drain", "on")
		r := b.rule("r", on("std.schedule", `{"every":"1s","grace":"1s","only_if":"{{ st2kv('system.drain') != 'on' and ctx().nominal is string }}"}`))
		broken := b.rule("broken", on("std.schedule", `{"every":"1s","grace":"2s","only_if":"{{ st2kv('system.nosuch') }}"}`))
		free := false
		b.run(newBundle(b.T, b.st), func() bool {
			list := b.fires(r)
			if len(list) >= 2 && !free {
				b.key("drain", "off")
				free = true
			}
			return len(list) > 0 && list[len(list)-1].Outcome == store.Fired && len(b.fires(broken)) > 0
		})
		skipped := 0
		for i, f := range b.fires(r) {
			if f.Outcome == store.Skipped {
				if f.Reason != "only_if does not hold" && f.Reason != "A later time is due" {
					b.Errorf("time %d: %q", i, f.Reason)
				}
				skipped++
			}
		}
		if skipped < 2 {
			b.Errorf("%d times were skipped", skipped)
		}
		for _, f := range b.fires(broken) {
			if f.Outcome != store.Skipped || !strings.HasPrefix(f.Reason, "only_if cannot be asked") && f.Reason != "A later time is due" {
				b.Errorf("a condition that cannot be asked: %s, %q", f.Outcome, f.Reason)
			}
		}
	})
}

// TestConditionIsWaitedFor: within its grace, a time waits until the condition
// holds, and then fires once.
func TestConditionIsWaitedFor(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.key("drain", "on")
		at := time.Now().UTC().Add(time.Second).Truncate(time.Second)
		r := b.rule("r", on("std.schedule", fmt.Sprintf(`{"at":%q,"grace":"1h","only_if":"{{ st2kv('system.drain') != 'on' }}"}`, at.Format(time.RFC3339))))
		began := time.Now()
		b.run(newBundle(b.T, b.st), func() bool {
			if time.Since(began) > 3*time.Second {
				b.key("drain", "off")
			}
			return len(b.fires(r)) > 0
		})
		list := b.fires(r)
		if len(list) != 1 || list[0].Outcome != store.Fired || !list[0].Nominal.Equal(at) || list[0].At.Sub(at) < time.Second {
			b.Errorf("%+v", list[0])
		}
		b.equal("executions", b.executions(), 1)
	})
}

// TestAfter: a schedule that comes after another one runs only when that has
// succeeded since the time before.
func TestAfter(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		first := b.rule("first", on("std.schedule", `{"at":"2100-01-01","key":"first"}`))
		second := b.rule("second", on("std.schedule", `{"every":"1s","grace":"2s","after":["p.first"]}`))
		orphan := b.rule("orphan", on("std.schedule", `{"every":"1s","grace":"2s","after":["p.nosuch"]}`))
		b.run(newBundle(b.T, b.st), func() bool {
			list := b.fires(second)
			if len(list) >= 2 { // now and then: a busy machine may miss the time after one success
				b.succeed(first)
			}
			return len(b.fires(orphan)) > 0 && slices.ContainsFunc(list, func(f *store.Fire) bool { return f.Outcome == store.Fired })
		})
		list := b.fires(second)
		if list[0].Outcome != store.Skipped || !strings.HasPrefix(list[0].Reason, "p.first has not succeeded since ") {
			b.Errorf("before: %+v", list[0])
		}
		if f := b.fires(orphan)[0]; f.Outcome != store.Skipped || f.Reason != "There is no rule p.nosuch to succeed first" {
			b.Errorf("after a rule that is not there: %+v", f)
		}
	})
}

// succeed lets a run of the rule's timer end well now.
func (b *bundle) succeed(r *squall.Rule) {
	b.Helper()
	ref := squall.TriggerFor(r.Trigger.Type, r.Trigger.Parameters).Ref
	a := b.emit(squall.Event{Trigger: ref, Payload: json.RawMessage(`{}`)})[0]
	b.update(func(tx store.Tx) error {
		_, err := tx.InsertFire(b.Context(), &store.Fire{Ref: ref.String(), Nominal: tx.Now(), At: tx.Now(), Outcome: store.Fired, Event: a.Event})
		return err
	})
	var owner store.Owner
	b.update(func(tx store.Tx) error {
		epoch, err := tx.JoinNode(b.Context(), store.Node{Name: "w"}, time.Hour)
		owner = store.Owner{Node: "w", Epoch: epoch}
		return err
	})
	list, err := b.svc.Claim(b.Context(), owner, 100, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, ex := range list {
		if err := b.svc.Finish(b.Context(), owner, ex, squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}); err != nil {
			b.Fatal(err)
		}
	}
	if len(list) == 0 {
		b.Error("there was no run")
	}
}
