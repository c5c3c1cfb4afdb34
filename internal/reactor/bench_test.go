package reactor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/reactor"
	"squall/internal/runner"
	nooprunner "squall/internal/runner/noop"
	"squall/internal/scheduler"
	"squall/internal/squall"
	"squall/internal/store"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
)

// whole is a reactor with a scheduler that runs no-ops.
type whole struct {
	*reactor.Reactor
	st    store.Store
	ended atomic.Int64
	last  atomic.Pointer[chan struct{}]
	stop  func()
}

func newWhole(b *testing.B, st store.Store, rules int) *whole {
	b.Helper()
	w := &whole{st: st}
	exprs := expr.NewSet(expr.Limits{}, jinja.New())
	svc := lifecycle.New(st, catalog{}, lifecycle.Options{Log: slog.New(slog.DiscardHandler)})
	sched, err := scheduler.New(svc, st, runner.Set{"noop": nooprunner.Runner{}}, scheduler.Config{
		Node: store.Node{Name: "n1"}, Slots: 16, SoftStop: time.Second, LeaseTTL: time.Hour, Hooks: scheduler.Hooks{Ended: func(string, squall.Status, time.Duration) {
			w.ended.Add(1)
			if c := w.last.Load(); c != nil {
				*c <- struct{}{}
			}
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	svc.SetLocal(sched)
	w.Reactor = reactor.New(reactor.Config{Store: st, Lifecycle: svc, Exprs: exprs, Node: "n1"})
	ctx := b.Context()
	if err := st.Update(ctx, func(tx store.Tx) error {
		for _, typ := range []squall.Ref{webhook, {Pack: "std", Name: "schedule"}} {
			if err := store.Put(ctx, tx, &squall.TriggerType{Ref: typ}); err != nil {
				return err
			}
		}
		return tx.PutAction(ctx, &squall.Action{Ref: squall.Ref{Pack: "core", Name: "noop"}, Runner: "noop", Enabled: true})
	}); err != nil {
		b.Fatal(err)
	}
	for from := 0; from < rules; from += 500 {
		if err := st.Update(ctx, func(tx store.Tx) error {
			for i := from; i < min(rules, from+500); i++ {
				if err := store.PutRule(ctx, tx, &squall.Rule{
					Ref: squall.Ref{Pack: "p", Name: fmt.Sprintf("r%d", i)}, Enabled: true, Type: squall.RuleStandard, Action: squall.RuleAction{Ref: "core.noop"},
					Trigger:  squall.RuleTrigger{Type: webhook, Parameters: json.RawMessage(fmt.Sprintf(`{"url":"hook%d"}`, i))},
					Criteria: json.RawMessage(`{"trigger.body.a":{"type":"equals","pattern":"b"}}`),
				}, ""); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	running, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = sched.Run(running) })
	w.stop = func() { cancel(); wg.Wait() }
	for { // until it is a member
		if _, err := w.Hook(ctx, "hook0", false); err != nil {
			b.Fatal(err)
		}
		if slot, ok := sched.Reserve("noop"); ok {
			slot.Release()
			return w
		}
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkEvents measures from the event to the end of its no-op: one after the
// other (p50, p99), and from many at once (events per second).
func BenchmarkEvents(b *testing.B) {
	for _, driver := range []string{"sqlite", "postgres"} {
		for _, rules := range []int{10, 10_000} {
			b.Run(fmt.Sprintf("%s/rules=%d/single", driver, rules), func(b *testing.B) { benchmarkSingle(b, driver, rules) })
			b.Run(fmt.Sprintf("%s/rules=%d/parallel", driver, rules), func(b *testing.B) { benchmarkParallel(b, driver, rules) })
		}
	}
}

func benchmarkSingle(b *testing.B, driver string, rules int) {
	st := drivers[driver](b)
	defer st.Close() //nolint:errcheck // the benchmark is over
	w := newWhole(b, st, rules)
	defer w.stop()
	ended := make(chan struct{}, 1000)
	w.last.Store(&ended)
	hook, err := w.Hook(b.Context(), "hook0", false)
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		w.fire(b, hook[0].Ref)
		<-ended
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func (w *whole) fire(b *testing.B, trigger squall.Ref) {
	if _, err := w.Emit(b.Context(), squall.Event{Trigger: trigger, Payload: json.RawMessage(`{"headers":{"Content-Type":"application/json"},"body":{"a":"b"}}`)}); err != nil {
		b.Error(err)
	}
}

func benchmarkParallel(b *testing.B, driver string, rules int) {
	st := drivers[driver](b)
	defer st.Close() //nolint:errcheck // the benchmark is over
	w := newWhole(b, st, rules)
	defer w.stop()
	var refs []squall.Ref
	for i := range 10 {
		hook, err := w.Hook(b.Context(), fmt.Sprintf("hook%d", i), false)
		if err != nil {
			b.Fatal(err)
		}
		refs = append(refs, hook[0].Ref)
	}
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	began := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w.fire(b, refs[n.Add(1)%10])
		}
	})
	for w.ended.Load() < n.Load() {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(n.Load())/time.Since(began).Seconds(), "events/s")
}

// BenchmarkTimers lets 1,000 timers be due in the same second and measures until
// all their no-ops have ended.
func BenchmarkTimers(b *testing.B) {
	for _, driver := range []string{"sqlite", "postgres"} {
		b.Run(driver, func(b *testing.B) {
			st := drivers[driver](b)
			defer st.Close() //nolint:errcheck // the benchmark is over
			w := newWhole(b, st, 1)
			defer w.stop()
			const timers = 1000
			at := time.Now().Add(4 * time.Second).Truncate(time.Second)
			if err := st.Update(b.Context(), func(tx store.Tx) error {
				for i := range timers {
					if err := store.PutRule(b.Context(), tx, &squall.Rule{
						Ref: squall.Ref{Pack: "t", Name: fmt.Sprintf("t%d", i)}, Enabled: true, Type: squall.RuleStandard, Action: squall.RuleAction{Ref: "core.noop"},
						Trigger: squall.RuleTrigger{Type: squall.Ref{Pack: "std", Name: "schedule"}, Parameters: json.RawMessage(fmt.Sprintf(`{"at":%q,"key":"t%d"}`, at.UTC().Format(time.RFC3339), i))},
					}, ""); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = w.Run(ctx) })
			for b.Loop() {
				for w.ended.Load() < timers && time.Since(at) < 30*time.Second {
					time.Sleep(time.Millisecond)
				}
			}
			b.ReportMetric(float64(time.Since(at).Milliseconds()), "last-ms")
			b.ReportMetric(float64(w.ended.Load()), "fired")
			cancel()
			wg.Wait()
		})
	}
}
