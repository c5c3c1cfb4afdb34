package chain_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
	"squall/internal/workflow/chain"
)

func parse(t testing.TB, src string) *chain.Spec {
	t.Helper()
	s, err := chain.Parse(src, "chains/c.yaml", "c")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// session drives a conductor and keeps its rows, as a store does.
type session struct {
	t    testing.TB
	spec *chain.Spec
	c    *chain.Conductor
	rows workflow.Rows
	run  []workflow.RunAction
	// forgets makes every event come to a conductor restored from rows.
	forgets bool
}

func begin(t testing.TB, spec *chain.Spec, params *value.Dict, forgets bool) *session {
	s := &session{t: t, spec: spec, forgets: forgets}
	c, ch := chain.New(t.Context(), spec, chain.Start{Parameters: params}, chain.Host{})
	s.c = c
	s.keep(ch)
	if !c.Status().Final() {
		s.apply(workflow.Request{Status: squall.Running})
	}
	return s
}

func (s *session) keep(ch workflow.Changes) {
	ch.Into(&s.rows)
	s.run = append(s.run, ch.Run...)
}

func (s *session) apply(ev workflow.Event) {
	if s.forgets {
		c, err := chain.Restore(s.spec, s.rows, chain.Host{})
		if err != nil {
			s.t.Fatal(err)
		}
		s.c = c
	}
	s.keep(s.c.Apply(context.Background(), ev))
}

// report ends the newest action, or brings other news of it.
func (s *session) report(st squall.Status, result any) {
	if len(s.run) == 0 {
		s.t.Fatal("nothing runs")
	}
	r := s.run[len(s.run)-1]
	s.apply(workflow.Report{Task: r.Task, Route: r.Route, Item: workflow.NoItem, Status: st, Result: result,
		Child: workflow.Child{Execution: fmt.Sprintf("e%d", r.Route), Created: "t0", Updated: "t1"}})
}

func (s *session) input() string {
	text, err := value.ToJSON(s.run[len(s.run)-1].Input)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// summary is the state and the result without ids and times.
func (s *session) summary() string {
	text, err := value.ToJSON(s.c.Result())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(s.c.Status()) + " " + string(text)
}

func (s *session) order() string {
	var names []string
	for _, r := range s.run {
		names = append(names, r.Task)
	}
	return strings.Join(names, " ")
}

const loop = `
vars: {n: 0, who: "{{ name }}"}
chain:
  - {name: a, ref: p.a, parameters: {cmd: "{{ who }} {{ n }}"}, publish: {n: "{{ a.out }}", seen: [1, "{{ n }}"]}, on-success: b, on-failure: c}
  - {name: b, ref: p.b, params: {x: "{{ __results.a.out }}{{ n }}"}, on-success: a}
  - {name: c, ref: p.c}
`

func TestChainLoopsAndPublishes(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		s := begin(t, parse(t, loop), value.DictOf("name", "bob", "n", int64(9)), forgets)
		if got := s.input(); got != `{"cmd":"bob 0"}` {
			t.Errorf("input of the first task: %s", got)
		}
		s.report(squall.Succeeded, value.DictOf("out", int64(7)))
		if got := s.input(); got != `{"x":"77"}` {
			t.Errorf("input of the second task: %s", got)
		}
		s.report(squall.Succeeded, nil)
		s.report(squall.Failed, value.DictOf("out", "late"))
		s.report(squall.Succeeded, "done")
		if got, want := s.order(), "a b a c"; got != want {
			t.Errorf("tasks %s, want %s", got, want)
		}
		got, ok := s.c.Result().GetStr("published")
		text, err := value.ToJSON(got)
		if want := `{"n":"late","seen":[1,"7"]}`; !ok || err != nil || string(text) != want {
			t.Errorf("published %s, want %s", text, want)
		}
		if s.c.Status() != squall.Succeeded {
			t.Errorf("status %s", s.c.Status())
		}
	}
}

func TestChainRefusals(t *testing.T) {
	tests := []struct {
		kind   workflow.RefusalKind
		status squall.Status
		want   string // in the result
		runs   string
	}{
		{workflow.RefusedRun, squall.Running, `"error":"Failed running task \"a\".. no"`, "a c"},
		{workflow.RefusedAction, squall.Failed, `"tasks":[],"published":{},"error":"Failed to run task \"a\". Action with reference \"p.a\" doesn't exist.`, "a"},
		{workflow.RefusedCast, squall.Failed, `{"error":"no","traceback":`, "a"},
	}
	for _, tt := range tests {
		s := begin(t, parse(t, loop), value.DictOf("name", "bob"), true)
		s.apply(workflow.Refusal{Task: "a", Route: 0, Kind: tt.kind, Message: "no", At: "t0"})
		if got := s.summary(); s.c.Status() != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("kind %d: %s\nwant %s %s", tt.kind, got, tt.status, tt.want)
		}
		if got := s.order(); got != tt.runs {
			t.Errorf("kind %d: ran %s, want %s", tt.kind, got, tt.runs)
		}
	}
}

func TestChainPending(t *testing.T) {
	s := begin(t, parse(t, `chain: [{name: a, ref: p.ask, on-success: b}, {name: b, ref: p.b, parameters: {x: "{{ a.result.response }}"}}]`), nil, true)
	s.report(squall.Pending, value.DictOf("ttl", int64(1)))
	if s.c.Status() != squall.Paused {
		t.Fatalf("a chain with an open question is %s", s.c.Status())
	}
	s.report(squall.Succeeded, value.DictOf("response", "yes"))
	if s.c.Status() != squall.Paused || s.order() != "a" {
		t.Fatalf("an answer alone made it %s, ran %s", s.c.Status(), s.order())
	}
	s.apply(workflow.Request{Status: squall.Resuming})
	if s.order() != "a b" || s.input() != `{"x":"yes"}` {
		t.Errorf("ran %s, the last with %s", s.order(), s.input())
	}
}

func TestChainDefinitions(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"second node is not checked", "chain: [{name: a, ref: r}, {zzz: 1}]", ""},
		{"first node is", "chain: [{name: a, ref: r, zzz: 1}, {}]", "Additional properties are not allowed ('zzz' was unexpected)"},
		{"top level", "{chain: [], zzz: 1, yyy: 2}", "Additional properties are not allowed ('zzz', 'yyy' were unexpected)"},
		{"no chain", "vars: {}", "'chain' is a required property"},
		{"null default", "{chain: [{name: a, ref: r}], default: null}", "None is not of type 'string'"},
		{"unknown default", "{chain: [{name: a, ref: r}], default: b}", `Unable to find node with name "b" referenced in "default".`},
		{"template default", `{chain: [{name: a, ref: r}], default: "{{ b }}"}`, ""},
		{"both parameters", "chain: [{name: a, ref: r, params: {x: 1}, parameters: {x: 1}}]", `Either "params" or "parameters" attribute needs to be provided, but not both`},
		{"a cycle begins with the first", "chain: [{name: a, ref: r, on-success: b}, {name: b, ref: r, on-success: a}]", ""},
		{"text in the chain", "chain: [{name: a, ref: r}, b]", "must be a mapping, not str"},
	}
	for _, tt := range tests {
		_, err := chain.Parse(tt.src, "chains/c.yaml", "c")
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A conductor that is built from rows before every event does what the
// undisturbed one does, whatever happens in which order; and news that come
// twice change nothing.
func TestChainRestored(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "tasks")
		var b strings.Builder
		b.WriteString("vars: {v: start}\nchain:\n")
		names := []string{"a", "b", "c", "d", "{{ x }}"}
		for i := range n {
			fmt.Fprintf(&b, "- {name: %s, ref: p.%s, parameters: {in: \"{{ v }}\"}", names[i], names[i])
			for _, to := range []string{"on-success", "on-failure"} {
				if next := rapid.IntRange(-1, 4).Draw(rt, to); next == 4 || next >= 0 && next < n {
					fmt.Fprintf(&b, ", %s: %q", to, names[next])
				}
			}
			if rapid.Bool().Draw(rt, "publish") {
				fmt.Fprintf(&b, ", publish: {v: \"{{ %s.out }}%d\"}", names[i], i)
			}
			b.WriteString("}\n")
		}
		spec, err := chain.Parse(b.String(), "c", "c")
		if err != nil {
			rt.Fatalf("%v\n%s", err, b.String())
		}
		one, two := begin(t, spec, nil, false), begin(t, spec, nil, true)
		for range rapid.IntRange(1, 12).Draw(rt, "events") {
			var ev workflow.Event
			if len(one.run) > 0 && rapid.IntRange(0, 2).Draw(rt, "what") > 0 {
				r := one.run[len(one.run)-1]
				st := rapid.SampledFrom([]squall.Status{squall.Succeeded, squall.Succeeded, squall.Failed, squall.Timeout, squall.Canceled,
					squall.Paused, squall.Pending, squall.Running}).Draw(rt, "status")
				var result any = value.DictOf("out", fmt.Sprintf("r%d", r.Route))
				if rapid.IntRange(0, 5).Draw(rt, "result") == 0 {
					result = nil
				}
				ev = workflow.Report{Task: r.Task, Route: r.Route, Item: workflow.NoItem, Status: st, Result: result, Child: workflow.Child{Execution: "e", Created: "t", Updated: "u"}}
				if rapid.IntRange(0, 9).Draw(rt, "refused") == 0 {
					ev = workflow.Refusal{Task: r.Task, Route: r.Route, Message: "no", At: "t"}
				}
			} else {
				ev = workflow.Request{Status: rapid.SampledFrom([]squall.Status{squall.Paused, squall.Resuming, squall.Resuming, squall.Canceled}).Draw(rt, "wish")}
			}
			one.apply(ev)
			two.apply(ev)
			if r, ok := ev.(workflow.Report); ok && r.Status.Final() {
				two.apply(ev) // delivered twice
			}
			if diff := cmp.Diff(one.summary(), two.summary()); diff != "" {
				rt.Fatalf("after %+v: %s\n%s", ev, diff, b.String())
			}
			if one.order() != two.order() {
				rt.Fatalf("ran %s and %s", one.order(), two.order())
			}
		}
	})
}

// BenchmarkTask is one task in a chain that has done many already; the time must
// not depend on how many.
func BenchmarkTask(b *testing.B) {
	for _, done := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("after %d", done), func(b *testing.B) {
			var src strings.Builder
			src.WriteString("chain:\n")
			for i := range done {
				fmt.Fprintf(&src, "- {name: t%d, ref: p.t, parameters: {x: \"{{ n }} {{ __results | length > 3 }}\"}, publish: {v: \"{{ n }}\"}, on-success: t%d}\n", i, (i+1)%done)
			}
			s := begin(b, parse(b, src.String()), value.DictOf("n", int64(1)), false)
			for range done {
				s.report(squall.Succeeded, value.DictOf("out", "x"))
			}
			s.rows, s.t = workflow.Rows{}, b
			for b.Loop() {
				r := s.run[len(s.run)-1]
				ch := s.c.Apply(b.Context(), workflow.Report{Task: r.Task, Route: r.Route, Item: workflow.NoItem, Status: squall.Succeeded,
					Result: value.DictOf("out", "x"), Child: workflow.Child{Execution: "e", Created: "t", Updated: "u"}})
				s.run = ch.Run
			}
			if s.c.Status() != squall.Running {
				b.Fatal(s.summary())
			}
		})
	}
}
