package reactor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/lifecycle"
	"squall/internal/pgtest"
	"squall/internal/reactor"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var drivers = map[string]func(t testing.TB) store.Store{
	"sqlite": func(t testing.TB) store.Store {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "squall.db")})
		if err != nil {
			t.Fatal(err)
		}
		return st
	},
	"postgres": func(t testing.TB) store.Store {
		st, err := postgres.Open(t.Context(), postgres.Options{DSN: pgtest.DSN(t)})
		if err != nil {
			t.Fatal(err)
		}
		return st
	},
}

type catalog struct{}

func (catalog) RunnerType(name string) (*squall.RunnerType, bool) {
	return &squall.RunnerType{Name: name}, name == "noop"
}

var (
	webhook = squall.Ref{Pack: "core", Name: "st2.webhook"}
	noop    = squall.Ref{Pack: "core", Name: "noop"}
	strict  = squall.Ref{Pack: "p", Name: "strict"}
)

// bundle is a reactor on a fresh database.
type bundle struct {
	*testing.T
	*reactor.Reactor
	st  store.Store
	svc *lifecycle.Service
}

func eachStore(t *testing.T, test func(b *bundle)) {
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t)
			t.Cleanup(func() {
				if err := st.Check(context.Background()); err != nil {
					t.Errorf("the database is not sound: %v", err)
				}
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			})
			b := newBundle(t, st)
			b.update(func(tx store.Tx) error {
				for _, typ := range []*squall.TriggerType{
					{Ref: webhook, PayloadSchema: json.RawMessage(`{"type":"object"}`)},
					{Ref: squall.Ref{Pack: "p", Name: "plain"}},
					{Ref: strict, PayloadSchema: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer","required":true}}}`)},
					{Ref: squall.Ref{Pack: "core", Name: "st2.IntervalTimer"}}, {Ref: squall.Ref{Pack: "core", Name: "st2.generic.actiontrigger"}},
					{Ref: squall.Ref{Pack: "std", Name: "schedule"}}, {Ref: squall.Ref{Pack: "std", Name: "schedule_missed"}},
				} {
					if err := store.Put(t.Context(), tx, typ); err != nil {
						return err
					}
				}
				return tx.PutAction(t.Context(), &squall.Action{Ref: noop, Runner: "noop", Enabled: true, Parameters: squall.Schema{
					{Name: "who", Type: json.RawMessage(`"string"`)}, {Name: "n", Type: json.RawMessage(`"integer"`)},
				}})
			})
			test(b)
		})
	}
}

func newBundle(t *testing.T, st store.Store) *bundle {
	exprs := expr.NewSet(expr.Limits{}, jinja.New())
	svc := lifecycle.New(st, catalog{}, lifecycle.Options{Log: slog.New(slog.DiscardHandler), Workflows: lifecycle.Workflows{Exprs: exprs}})
	return &bundle{T: t, st: st, svc: svc, Reactor: reactor.New(reactor.Config{
		Store: st, Lifecycle: svc, Exprs: exprs, Node: "n1", Poll: 50 * time.Millisecond, LockTTL: time.Second,
	})}
}

func (b *bundle) update(fn func(tx store.Tx) error) {
	b.Helper()
	if err := b.st.Update(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}

func (b *bundle) view(fn func(tx store.Tx) error) {
	b.Helper()
	if err := b.st.View(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}

// rule registers a rule that the options change.
func (b *bundle) rule(name string, options ...func(*squall.Rule)) *squall.Rule {
	b.Helper()
	r := &squall.Rule{
		Ref: squall.Ref{Pack: "p", Name: name}, Enabled: true, Type: squall.RuleStandard,
		Trigger: squall.RuleTrigger{Type: squall.Ref{Pack: "p", Name: "plain"}}, Action: squall.RuleAction{Ref: "core.noop"},
	}
	for _, option := range options {
		option(r)
	}
	b.update(func(tx store.Tx) error { return store.PutRule(b.Context(), tx, r, "") })
	return r
}

func on(typ string, parameters string) func(*squall.Rule) {
	return func(r *squall.Rule) {
		r.Trigger.Type, _ = squall.ParseRef(typ)
		r.Trigger.Parameters = json.RawMessage(parameters)
	}
}

func criteria(doc string) func(*squall.Rule) {
	return func(r *squall.Rule) { r.Criteria = json.RawMessage(doc) }
}

func event(typ, payload string, options ...func(*squall.Event)) squall.Event {
	ref, _ := squall.ParseRef(typ)
	ev := squall.Event{Trigger: ref, Payload: json.RawMessage(payload)}
	for _, option := range options {
		option(&ev)
	}
	return ev
}

func (b *bundle) emit(events ...squall.Event) []reactor.Accepted {
	b.Helper()
	list, err := b.Emit(b.Context(), events...)
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// outcome tells what rules made of an event: "rule ran", "rule: failure".
func outcome(a reactor.Accepted) (list []string) {
	for _, e := range a.Enforcements {
		switch {
		case e.Failure != "":
			list = append(list, e.Rule+": "+e.Failure)
		case e.Execution != "":
			list = append(list, e.Rule+" ran")
		default:
			list = append(list, e.Rule+" held back")
		}
	}
	return list
}

func (b *bundle) equal(what string, got, want any) {
	b.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		b.Errorf("%s: %s, want %s", what, g, w)
	}
}

func TestEmit(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.equal("nobody listens", len(b.emit(event("p.plain", `{"a":1}`))[0].Enforcements), 0)
		b.rule("all")
		b.rule("some", criteria(`{"trigger.a":{"type":"gt","pattern":5}}`))
		b.rule("off", func(r *squall.Rule) { r.Enabled = false })
		b.rule("elsewhere", on("p.strict", ""))
		b.rule("otherwise", func(r *squall.Rule) { r.Type = squall.RuleBackstop })
		list := b.emit(event("p.plain", `{"a":1}`), event("p.plain", `{"a":9}`), event("p.plain", `{"a":"x"}`))
		b.equal("the first", outcome(list[0]), []string{"p.all ran"})
		b.equal("the second", outcome(list[1]), []string{"p.all ran", "p.some ran"})
		got := outcome(list[2])
		if len(got) != 2 || got[0] != "p.all ran" || !strings.HasPrefix(got[1], `p.some: Failed to match rule "p.some" against trigger instance "`+string(list[2].Event)) {
			b.Errorf("the third: %q", got)
		}
		b.view(func(tx store.Tx) error {
			ev, err := tx.Event(b.Context(), list[1].Event)
			if err != nil {
				return err
			}
			b.equal("stored", []any{ev.Status, ev.Trigger, ev.Type, ev.Trace == ev.ID}, []any{"processed", "p.plain", "p.plain", true})
			for _, e := range list[1].Enforcements {
				stored, err := tx.Enforcement(b.Context(), e.ID)
				if err != nil {
					return err
				}
				if *stored != *e {
					b.Errorf("stored %+v, answered %+v", stored, e)
				}
				ex, err := tx.Execution(b.Context(), e.Execution, store.WithAll)
				if err != nil {
					return err
				}
				b.equal("execution", []any{ex.Status, ex.User, ex.Action}, []any{"requested", "stanley", "core.noop"})
				var doc struct {
					Event struct {
						ID squall.ID `json:"id"`
					} `json:"trigger_instance"`
					Rule struct {
						Name string `json:"name"`
					} `json:"rule"`
				}
				if json.Unmarshal(ex.Context, &doc) != nil || doc.Event.ID != ev.ID || "p."+doc.Rule.Name != e.Rule {
					b.Errorf("context %s", ex.Context)
				}
			}
			return nil
		})
	})
}

func TestBackstop(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("a-otherwise", func(r *squall.Rule) { r.Type = squall.RuleBackstop })
		b.rule("some", criteria(`{"trigger.a":{"type":"eq","pattern":1}}`))
		list := b.emit(event("p.plain", `{"a":1}`), event("p.plain", `{"a":2}`))
		b.equal("a standard rule matches", outcome(list[0]), []string{"p.some ran"})
		b.equal("none does", outcome(list[1]), []string{"p.a-otherwise ran"})
	})
}

func TestParameters(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.update(func(tx store.Tx) error {
			return tx.PutKey(b.Context(), &squall.KeyValue{ID: squall.NewIDSource().Next(time.Now()), KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: "greeting"}, Value: "hello"})
		})
		with := func(parameters string) func(*squall.Rule) {
			return func(r *squall.Rule) { r.Action.Parameters = json.RawMessage(parameters) }
		}
		b.rule("a", with(`{"who":"{{ st2kv.system.greeting }} {{ trigger.body.name }}","n":"{{ trigger.body.n }}"}`))
		b.rule("b", with(`{"who":"{{ trigger.nothing.here }}"}`))
		b.rule("c", with(`{"nosuch":1}`))
		b.rule("d", func(r *squall.Rule) { r.Action.Ref = "core.nosuch" })
		a := b.emit(event("p.plain", `{"body":{"name":"ann","n":7}}`))[0]
		got := outcome(a)
		if len(got) != 4 || got[0] != "p.a ran" || !strings.Contains(got[1], "Failed to render parameter") || !strings.Contains(got[2], "nosuch") || !strings.Contains(got[3], "core.nosuch") {
			b.Errorf("%q", got)
		}
		b.view(func(tx store.Tx) error {
			ex, err := tx.Execution(b.Context(), a.Enforcements[0].Execution, store.WithAll)
			if err == nil {
				b.equal("parameters", string(ex.Parameters), `{"who":"hello ann","n":7}`)
			}
			return err
		})
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		for _, tt := range []struct {
			ev   squall.Event
			want string
		}{
			{event("no.such", `{}`), `Trigger payload validation failed and validation is enabled, not dispatching a trigger "no.such" ({}): Trigger type with reference "no.such" doesn't exist in the database`},
			{event("p.strict", `{"n":"x"}`), `Trigger payload validation failed and validation is enabled, not dispatching a trigger "p.strict" ({"n":"x"}): 'x' is not of type 'integer'`},
			{event("p.strict", ``), `Trigger payload validation failed and validation is enabled, not dispatching a trigger "p.strict" ({}): 'n' is a required property`},
		} {
			_, err := b.Emit(b.Context(), event("p.plain", `{}`), tt.ev)
			if squall.KindOf(err) != squall.Invalid || squall.MessageOf(err) != tt.want {
				b.Errorf("%s: %v", tt.ev.Trigger, err)
			}
		}
		b.view(func(tx store.Tx) error {
			n, err := tx.CountEvents(b.Context(), store.EventFilter{}, 0)
			b.equal("events stored", n, 0)
			return err
		})
	})
}

func TestSameKey(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("all")
		key := func(ev *squall.Event) { ev.Key = "incident 7" }
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, fresh := map[squall.ID]bool{}, 0
		for range 20 {
			wg.Go(func() {
				list, err := b.Emit(b.Context(), event("p.plain", `{"a":1}`, key))
				if err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				ids[list[0].Event] = true
				if list[0].New {
					fresh++
				}
			})
		}
		wg.Wait()
		b.equal("new ones", fresh, 1)
		b.equal("identifiers", len(ids), 1)
		b.equal("executions", b.executions(), 1)
	})
}

func (b *bundle) executions() (n int) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		n, err = tx.CountExecutions(b.Context(), store.ExecutionFilter{}, 0)
		return err
	})
	return n
}

// TestRulesOfTheMoment: a rule counts for every event after its registration was
// acknowledged, also on nodes that were not told.
func TestRulesOfTheMoment(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		other := newBundle(b.T, b.st)
		for i := range 5 {
			name := fmt.Sprintf("r%d", i)
			b.rule(name)
			b.equal("after registration", len(other.emit(event("p.plain", `{}`))[0].Enforcements), 1)
			b.update(func(tx store.Tx) error {
				return store.DeleteRule(b.Context(), tx, squall.Ref{Pack: "p", Name: name})
			})
			b.equal("after removal", len(other.emit(event("p.plain", `{}`))[0].Enforcements), 0)
		}
		b.rule("act")
		other.emit(event("p.plain", `{}`))
		b.update(func(tx store.Tx) error {
			return tx.PutAction(b.Context(), &squall.Action{Ref: noop, Runner: "noop", Description: "changed"})
		})
		b.equal("an action that was disabled", outcome(other.emit(event("p.plain", `{}`))[0]), []string{`p.act: Unable to execute. Action "core.noop" is disabled.`})
	})
}

func TestWebhookTriggers(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		r := b.rule("hook", on("core.st2.webhook", `{"url":"/alarm/"}`))
		b.rule("hook2", on("core.st2.webhook", `{"url":"other"}`))
		hook, err := b.Hook(b.Context(), "alarm", false)
		if err != nil || len(hook) != 1 || hook[0].Ref != squall.TriggerFor(r.Trigger.Type, r.Trigger.Parameters).Ref {
			b.Fatalf("Hook = %v, %v", hook, err)
		}
		b.equal("its rules", outcome(b.emit(event(hook[0].Ref.String(), `{"body":{}}`))[0]), []string{"p.hook ran"})
		if hook, err := b.Hook(b.Context(), "none", false); hook != nil || err != nil {
			b.Errorf("Hook(none) = %v, %v", hook, err)
		}
	})
}

func TestTraceTag(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		tag := func(ev *squall.Event) { ev.TraceTag = "deploy" }
		first, second := b.emit(event("p.plain", `{}`, tag))[0], b.emit(event("p.plain", `{}`, tag))[0]
		b.view(func(tx store.Tx) error {
			t, err := tx.NamedTrace(b.Context(), "deploy")
			if err != nil {
				return err
			}
			list, err := tx.FindEvents(b.Context(), store.EventFilter{Trace: t.ID, Oldest: true})
			if err == nil && (len(list) != 2 || list[0].ID != first.Event || list[1].ID != second.Event) {
				b.Errorf("events of the trace: %v", list)
			}
			return err
		})
	})
}

// TestPending: what was stored without a reaction gets one, once, by whoever
// comes first.
func TestPending(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("all")
		const n = 250
		ids := squall.NewIDSource()
		b.update(func(tx store.Tx) error {
			for i := range n {
				typ := squall.Ref{Pack: "p", Name: "plain"}
				if i == 17 {
					typ.Name = "gone"
				}
				if _, err := tx.InsertEvent(b.Context(), &squall.Event{ID: ids.Next(tx.Now()), Trigger: typ, Type: typ, Payload: json.RawMessage(`{}`)}); err != nil {
					return err
				}
			}
			return nil
		})
		b.run(newBundle(b.T, b.st), func() bool {
			var list []*squall.Event
			b.view(func(tx store.Tx) (err error) {
				list, err = tx.PendingEvents(b.Context(), 1)
				return err
			})
			return len(list) == 0
		})
		b.equal("executions", b.executions(), n-1)
		b.view(func(tx store.Tx) error {
			failed, err := tx.CountEvents(b.Context(), store.EventFilter{Status: squall.EventFailed}, 0)
			b.equal("failed", failed, 1)
			return err
		})
	})
}

// run lets the bundle's reactor and another node's run until done says so.
func (b *bundle) run(other *bundle, done func() bool) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	for _, r := range []*reactor.Reactor{b.Reactor, other.Reactor} {
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	until := time.Now().Add(time.Minute)
	for !done() && time.Now().Before(until) {
		time.Sleep(10 * time.Millisecond)
	}
	if !done() {
		b.Error("it took too long")
	}
	cancel()
	wg.Wait()
}

// TestCompletions: a rule on the action trigger hears of every end once, and of
// none that was before it.
func TestCompletions(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		end := func() {
			ex, err := b.svc.Request(b.Context(), squall.Request{Action: noop, Parameters: json.RawMessage(`{"who":"x"}`)})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := b.svc.Cancel(b.Context(), ex.ID, "ann"); err != nil {
				b.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(b.Context())
		var wg sync.WaitGroup
		other := newBundle(b.T, b.st)
		for _, r := range []*reactor.Reactor{b.Reactor, other.Reactor} {
			wg.Go(func() { _ = r.Run(ctx) }) // it has nothing to say
		}
		defer wg.Wait()
		defer cancel()
		count := func(rule string) (n int) {
			b.view(func(tx store.Tx) (err error) {
				n, err = tx.CountEnforcements(b.Context(), store.EnforcementFilter{Rule: rule}, 0)
				return err
			})
			return n
		}
		hears := func(rule string, want int) {
			for until := time.Now().Add(30 * time.Second); count(rule) < want && time.Now().Before(until); {
				time.Sleep(20 * time.Millisecond)
			}
			b.equal("enforcements of "+rule, count(rule), want)
		}
		who := criteria(`{"trigger.status":{"type":"eq","pattern":"canceled"},"trigger.parameters.who":{"type":"eq","pattern":"x"}}`)
		b.rule("first", on("core.st2.generic.actiontrigger", ""), who)
		end()
		hears("p.first", 1) // so this end has been told
		b.rule("ends", on("core.st2.generic.actiontrigger", ""), who)
		for range 5 {
			end()
		}
		hears("p.first", 6)
		hears("p.ends", 5)
		time.Sleep(200 * time.Millisecond)
		hears("p.ends", 5)
	})
}

// TestTimers: two nodes, many timers, no instant twice and none left out.
func TestTimers(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		const timers, fires = 20, 3
		for i := range timers {
			b.rule(fmt.Sprintf("t%d", i), on("core.st2.IntervalTimer", fmt.Sprintf(`{"unit":"seconds","delta":1,"timezone":%q}`, []string{"UTC", "Europe/Berlin"}[i%2])))
		}
		b.rule("every", on("std.schedule", `{"every":"1s","jitter":"300ms"}`))
		b.rule("broken", on("std.schedule", `{"every":"x"}`))
		other := newBundle(b.T, b.st)
		var nominal map[string][]time.Time
		b.run(other, func() bool {
			nominal = map[string][]time.Time{}
			b.view(func(tx store.Tx) error {
				list, err := tx.Timers(b.Context())
				if err != nil {
					return err
				}
				for _, tm := range list {
					fires, err := tx.Fires(b.Context(), tm.Ref, 0)
					if err != nil {
						return err
					}
					for _, f := range slices.Backward(fires) {
						nominal[tm.Ref] = append(nominal[tm.Ref], f.Nominal)
					}
				}
				return nil
			})
			full := 0
			for _, list := range nominal {
				if len(list) >= fires {
					full++
				}
			}
			return full >= 3 // equal parameters share a trigger: two intervals and the schedule
		})
		for ref, list := range nominal {
			for i := 1; i < len(list); i++ {
				if d := list[i].Sub(list[i-1]); d != time.Second {
					b.Errorf("timer %s: %v after the instant before", ref, d)
				}
			}
		}
		b.view(func(tx store.Tx) error {
			events, err := tx.FindEvents(b.Context(), store.EventFilter{Type: "core.st2.IntervalTimer"})
			if err != nil {
				return err
			}
			for _, ev := range events {
				n, err := tx.CountEnforcements(b.Context(), store.EnforcementFilter{Event: ev.ID}, 0)
				if err != nil {
					return err
				}
				b.equal("enforcements of an instant", n, timers/2)
			}
			return nil
		})
		views, err := b.Timers(b.Context(), 3)
		if err != nil || len(views) != 4 {
			b.Fatalf("Timers: %d, %v", len(views), err)
		}
		broken := 0
		for _, v := range views {
			switch {
			case v.Fault != "":
				broken++
			case len(v.Next) != 3:
				b.Errorf("%s: next %v", v.Trigger.Ref, v.Next)
			}
		}
		b.equal("broken timers", broken, 1)
	})
}

// TestOverlap: a run that is still going, and five more instants.
func TestOverlap(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		r := b.rule("slow", on("std.schedule", `{"every":"1s","overlap":"forbid"}`))
		ref := squall.TriggerFor(r.Trigger.Type, r.Trigger.Parameters).Ref.String()
		var fires []*store.Fire
		b.run(newBundle(b.T, b.st), func() bool {
			b.view(func(tx store.Tx) (err error) {
				fires, err = tx.Fires(b.Context(), ref, 0)
				return err
			})
			return len(fires) >= 6
		})
		for i, f := range fires {
			want := store.Skipped
			if i == len(fires)-1 {
				want = store.Fired
			}
			if f.Outcome != want {
				b.Errorf("instant %d back: %s, want %s", i, f.Outcome, want)
			}
		}
		b.equal("executions", b.executions(), 1)
	})
}

func TestReEmit(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("all")
		first := b.emit(event("p.plain", `{"a":1}`, func(ev *squall.Event) { ev.Key = "once" }))[0]
		payload, err := b.ReEmit(b.Context(), first.Event)
		if err != nil {
			b.Fatal(err)
		}
		b.equal("payload", string(payload), fmt.Sprintf(`{"__context":{"original_id":"%s"},"a":1}`, first.Event))
		b.equal("executions", b.executions(), 2)
		_, err = b.ReEmit(b.Context(), "000000000000000000000000")
		b.equal("of nothing", squall.KindOf(err), squall.NotFound)
	})
}

// TestDeadMan: a run that does not succeed in time raises one alarm for each time.
func TestDeadMan(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("job", on("std.schedule", `{"every":"1s","overlap":"forbid","dead_man":"500ms"}`))
		b.rule("alarm", on("std.schedule_missed", ""), func(r *squall.Rule) { r.Action.Parameters = json.RawMessage(`{"who":"{{ trigger.expected_at }}"}`) })
		var list []*squall.Enforcement
		b.run(newBundle(b.T, b.st), func() bool {
			b.view(func(tx store.Tx) (err error) {
				list, err = tx.FindEnforcements(b.Context(), store.EnforcementFilter{Rule: "p.alarm"})
				return err
			})
			return len(list) >= 3
		})
		expected := map[string]bool{}
		for _, e := range list {
			b.view(func(tx store.Tx) error {
				ex, err := tx.Execution(b.Context(), e.Execution, store.WithParameters)
				if err == nil && expected[string(ex.Parameters)] {
					b.Errorf("twice: %s", ex.Parameters)
				}
				if err == nil {
					expected[string(ex.Parameters)] = true
				}
				return err
			})
		}
	})
}

// beyond makes a rule say what StackStorm's cannot.
func beyond(doc string) func(*squall.Rule) {
	return func(r *squall.Rule) { r.Context = json.RawMessage(`{"user":"ann","squall":` + doc + `}`) }
}

func TestGroups(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", criteria(`{"trigger.n":{"type":"gt","pattern":0}}`), beyond(`{"match":{
			"any":[{"trigger.a":{"type":"eq","pattern":1}},{"all":[{"trigger.b":{"type":"eq","pattern":1}},{"trigger.c":{"type":"eq","pattern":1}}]}],
			"not":{"trigger.off":{"type":"exists","pattern":true}}}}`))
		for payload, want := range map[string]int{
			`{"n":1,"a":1}`: 1, `{"n":1,"b":1}`: 0, `{"n":1,"b":1,"c":1}`: 1, `{"n":0,"a":1}`: 0, `{"n":1,"a":1,"off":2}`: 0, `{"n":1}`: 0,
		} {
			b.equal(payload, len(b.emit(event("p.plain", payload))[0].Enforcements), want)
		}
	})
}

// kinds of outcome, short.
func (b *bundle) went(payload string) string {
	b.Helper()
	list := outcome(b.emit(event("p.plain", payload))[0])
	switch {
	case len(list) == 0:
		return "nothing"
	case strings.HasSuffix(list[0], " ran"):
		return "ran"
	case strings.Contains(list[0], "Held back"):
		return "held"
	}
	return list[0]
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"throttle":{"count":2,"per":"1h","key":"{{ trigger.host }}"}}`))
		got := []string{b.went(`{"host":"a"}`), b.went(`{"host":"a"}`), b.went(`{"host":"a"}`), b.went(`{"host":"b"}`)}
		b.equal("throttled", got, []string{"ran", "ran", "held", "ran"})
		if got := b.went(`{}`); !strings.Contains(got, "cannot be rendered") {
			b.Errorf("without the key: %s", got)
		}
		// Who asks at the same moment on several nodes does not get through more often.
		other := newBundle(b.T, b.st)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := []*bundle{b, other}[i%2].Emit(b.Context(), event("p.plain", `{"host":"c"}`)); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		b.equal("executions", b.executions(), 3+2)
	})
}

func TestDedupe(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"dedupe":{"for":"1s","key":"{{ trigger.id }}"}}`))
		b.equal("deduplicated", []string{b.went(`{"id":1}`), b.went(`{"id":1}`), b.went(`{"id":2}`)}, []string{"ran", "held", "ran"})
		time.Sleep(1100 * time.Millisecond)
		b.equal("later", b.went(`{"id":1}`), "ran")
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"window":{"count":3,"within":"1h","key":"{{ trigger.rack }}","distinct":"{{ trigger.host }}"}}`))
		var got []string
		for _, host := range []string{"a", "a", "b", "a", "c", "d"} {
			got = append(got, b.went(`{"rack":1,"host":"`+host+`"}`))
		}
		b.equal("window", got, []string{"held", "held", "held", "held", "ran", "held"})
		b.equal("another rack", b.went(`{"rack":2,"host":"a"}`), "held")
	})
}

func TestMaintenance(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"maintenance":[{"name":"always","from":"2000-01-01"}]}`))
		b.equal("in the window", outcome(b.emit(event("p.plain", `{}`))[0]), []string{"p.r: Held back by maintenance window always"})
		b.rule("r", beyond(`{"maintenance":[{"name":"over","to":"2000-01-01"}]}`))
		b.equal("after it", b.went(`{}`), "ran")
	})
}

// TestDebounce: of a burst the last one counts, when it is quiet again; whatever
// node looks then.
func TestDebounce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"debounce":{"for":"300ms","key":"{{ trigger.host }}"}}`), func(r *squall.Rule) { r.Action.Parameters = json.RawMessage(`{"n":"{{ trigger.n }}"}`) })
		for i := range 4 {
			b.equal("in the burst", b.went(fmt.Sprintf(`{"host":"a","n":%d}`, i)), "nothing")
		}
		other := newBundle(b.T, b.st) // as after a crash: nothing is in memory
		other.run(newBundle(b.T, b.st), func() bool { return b.executions() > 0 })
		b.equal("executions", b.executions(), 1)
		b.view(func(tx store.Tx) error {
			list, err := tx.FindExecutions(b.Context(), store.ExecutionFilter{Parts: store.WithParameters})
			if err == nil {
				b.equal("parameters", string(list[0].Parameters), `{"n":3}`)
			}
			n, err2 := tx.CountEnforcements(b.Context(), store.EnforcementFilter{}, 0)
			b.equal("enforcements", n, 4)
			if err == nil {
				err = err2
			}
			return err
		})
	})
}

// TestAbsence: A without B within the time.
func TestAbsence(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", criteria(`{"trigger.state":{"type":"eq","pattern":"down"}}`), beyond(`{"absence":{"within":"400ms","key":"{{ trigger.host }}","unless":{"trigger.state":{"type":"eq","pattern":"up"}}}}`))
		b.equal("events", []string{
			b.went(`{"host":"a","state":"down"}`), b.went(`{"host":"b","state":"down"}`), b.went(`{"host":"b","state":"down"}`), b.went(`{"host":"a","state":"up"}`), b.went(`{"host":"c","state":"up"}`),
		}, []string{"nothing", "nothing", "held", "nothing", "nothing"})
		b.run(newBundle(b.T, b.st), func() bool { return b.executions() > 0 })
		time.Sleep(300 * time.Millisecond)
		b.equal("executions", b.executions(), 1)
	})
}

func TestCheckRule(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		for _, doc := range []string{
			`{"throttle":{"per":"soon"}}`, `{"nosuch":1}`, `{"match":{"any":[]}}`, `{"match":{"x":{"type":"nosuch","pattern":1}}}`,
			`{"dedupe":{"for":"1h"},"debounce":{"for":"1h"}}`, `{"window":{"within":"1h"}}`, `{"absence":{"within":"1h"}}`, `{"maintenance":[{"weekdays":["noday"]}]}`, `{"notify":{"on-sunday":{}}}`, `{"labels":{"zone":""}}`, `[]`,
		} {
			r := &squall.Rule{}
			beyond(doc)(r)
			if err := b.CheckRule(r); squall.KindOf(err) != squall.Invalid {
				b.Errorf("%s: %v", doc, err)
			}
		}
	})
}

// TestRuleLabels: what a rule starts asks for the rule's labels.
func TestRuleLabels(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"labels":{"zone":"dmz","gpu":"yes"}}`), func(r *squall.Rule) { r.Action.Parameters = json.RawMessage(`{"who":"ann"}`) })
		id := b.emit(event("p.plain", `{}`))[0].Enforcements[0].Execution
		b.view(func(tx store.Tx) error {
			ex, err := tx.Execution(b.Context(), id, 0)
			if err == nil && ex.Queue != "gpu=yes,zone=dmz" {
				b.Errorf("it is for the nodes %q", ex.Queue)
			}
			return err
		})
	})
}

// TestCheckSchedule: a schedule that can never be due as it is written is refused.
func TestCheckSchedule(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		for doc, ok := range map[string]bool{
			`{"every":"5m"}`: true, `{"cron":"H H * * *","only_if":"{{ st2kv('system.x') == '1' }}","after":["p.r"]}`: true,
			`{}`: false, `{"every":"5m","cron":"* * * * *"}`: false, `{"every":"1ms"}`: false, `{"cron":"61 * * * *"}`: false, `{"every":"5m","missed":"never"}`: false,
			`{"every":"5m","nosuch":1}`: false, `{"every":"5m","timezone":"Nowhere"}`: false, `{"every":"5m","only_if":"{{ ( }}"}`: false,
		} {
			r := &squall.Rule{}
			on("std.schedule", doc)(r)
			if err := b.CheckRule(r); (err == nil) != ok || err != nil && squall.KindOf(err) != squall.Invalid {
				b.Errorf("%s: %v", doc, err)
			}
		}
	})
}

// TestRuleNotifies: what a rule says about telling goes with its execution.
func TestRuleNotifies(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.rule("r", beyond(`{"notify":{"on-complete":{"message":"{{ action_parameters.who }} is done","routes":["ops"]}}}`), func(r *squall.Rule) { r.Action.Parameters = json.RawMessage(`{"who":"ann"}`) })
		id := b.emit(event("p.plain", `{}`))[0].Enforcements[0].Execution
		if _, err := b.svc.Cancel(b.Context(), id, "ann"); err != nil {
			b.Fatal(err)
		}
		b.view(func(tx store.Tx) error {
			ex, err := tx.Execution(b.Context(), id, store.WithAll)
			if err != nil {
				return err
			}
			list := b.svc.Notices(b.Context(), ex)
			if len(list) != 1 || list[0].Message != "ann is done" || list[0].Routes[0] != "ops" {
				b.Errorf("notices %+v", list)
			}
			return nil
		})
	})
}
