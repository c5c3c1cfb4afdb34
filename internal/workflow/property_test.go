package workflow_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
)

// fanOut is a workflow whose outcome does not depend on the order of results:
// branches publish variables of their own, joins take all.
const fanOut = `
version: 1.0
input: [n]
vars: [{seen: {}}]
tasks:
  start:
    next: [{do: [a, b, c]}]
  a:
    action: core.echo message=a
    next: [{when: <% succeeded() %>, publish: [{a: <% result() %>}], do: join}]
  b:
    with: {items: "i in <% range(0, ctx(n)).toList() %>", concurrency: 3}
    action: core.echo
    input: {message: <% item(i) %>}
    retry: {count: 2, delay: 1}
    next: [{when: <% succeeded() %>, publish: [{b: <% result() %>}], do: join}]
  c:
    action: core.echo message=c
    next:
      - {when: <% succeeded() %>, publish: [{c: done}], do: [d, e]}
      - {when: <% failed() %>, publish: [{c: failed}], do: join}
  d:
    action: core.echo message=d
    next: [{publish: [{d: <% result() %>}], do: inner}]
  e:
    next: [{publish: [{e: 1}], do: inner}]
  inner:
    join: all
    action: core.echo message="<% ctx(c) %><% ctx(e) %>"
    next: [{publish: [{inner: <% result() %>}], do: join}]
  join:
    join: 3
    action: core.echo message=<% ctx(a) %>
output:
  - a: <% ctx(a) %>
  - b: <% ctx(b) %>
  - c: <% ctx(c) %>
  - inner: <% ctx().get(inner) %>
`

// job is a started action with the number of its tries.
type job struct {
	run workflow.RunAction
	try int
}

// world runs workflows with results that depend only on what an action is, so
// that any two runs can be compared.
type world struct {
	rows     workflow.Rows
	c        *workflow.Conductor
	jobs     []job
	tries    map[string]int
	failures map[string]int // how often an action fails before it succeeds
}

func (w *world) take(ch workflow.Changes) {
	ch.Into(&w.rows)
	for _, r := range ch.Run {
		key := fmt.Sprintf("%s/%d/%d", r.Task, r.Route, r.Item)
		w.tries[key]++
		w.jobs = append(w.jobs, job{r, w.tries[key]})
	}
}

func (w *world) result(j job) workflow.Report {
	r := workflow.Report{Task: j.run.Task, Route: j.run.Route, Item: j.run.Item, Status: squall.Succeeded,
		Result: fmt.Sprintf("%s %d", j.run.Task, j.run.Item)}
	if j.try <= w.failures[fmt.Sprintf("%s/%d", j.run.Task, j.run.Item)] {
		r.Status, r.Result = squall.Failed, "try again"
	}
	return r
}

func begin(t rapid.TB, spec *workflow.Spec, failures map[string]int, n int) *world {
	w := &world{tries: map[string]int{}, failures: failures}
	c, ch, err := workflow.New(tContext(t), spec, workflow.Start{Input: value.DictOf("n", int64(n))}, host())
	if err != nil {
		t.Fatal(err)
	}
	w.c = c
	w.take(ch)
	w.take(w.c.Apply(tContext(t), workflow.Request{Status: squall.Running}))
	return w
}

func (w *world) halted() bool {
	return w.c.Status() == squall.Paused || w.c.Status() == squall.Pausing
}

// summary is what two runs must agree on: names and states of tasks, output,
// status. The order of entries may differ.
func (w *world) summary() map[string]any {
	tasks := map[string]string{}
	for _, t := range w.rows.Tasks {
		key := fmt.Sprintf("%s/%d", t.Task, t.Route)
		tasks[key] += " " + string(t.Status)
		if t.Retry != nil {
			tasks[key] += fmt.Sprint(t.Retry.Tally)
		}
	}
	output := "none"
	if w.c.Output() != nil {
		output, _ = value.Repr(nil, w.c.Output())
	}
	return map[string]any{"status": w.c.Status(), "tasks": tasks, "output": output, "errors": len(w.c.Errors())}
}

// TestAnyOrderAnyInterruption: whatever the order of results, wherever the
// state is saved and restored, and with pauses on the way, the end is that of
// the undisturbed run.
func TestAnyOrderAnyInterruption(t *testing.T) {
	spec := parse(t, fanOut)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(t, "items")
		failures := map[string]int{}
		if rapid.Bool().Draw(t, "c fails") {
			failures["c/-1"] = 9
		}
		calm := begin(t, spec, failures, n)
		for len(calm.jobs) > 0 {
			j := calm.jobs[0]
			calm.jobs = calm.jobs[1:]
			calm.take(calm.c.Apply(tContext(t), calm.result(j)))
		}
		w := begin(t, spec, failures, n)
		for steps := 0; len(w.jobs) > 0 || w.halted(); steps++ {
			if steps > 500 {
				t.Fatalf("the run does not end: %v", w.summary())
			}
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0: // a crash: only the rows are left
				c, err := workflow.Restore(spec, w.rows, host())
				if err != nil {
					t.Fatal(err)
				}
				w.c = c
			case 1:
				w.take(w.c.Apply(tContext(t), workflow.Request{Status: squall.Paused}))
			case 2, 3:
				if w.halted() {
					w.take(w.c.Apply(tContext(t), workflow.Request{Status: squall.Resuming}))
				}
			default:
				if len(w.jobs) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(w.jobs)-1).Draw(t, "job")
				j := w.jobs[i]
				w.jobs = append(w.jobs[:i:i], w.jobs[i+1:]...)
				w.take(w.c.Apply(tContext(t), w.result(j)))
			}
		}
		if d := cmp.Diff(calm.summary(), w.summary()); d != "" {
			t.Fatalf("undisturbed and disturbed run differ:\n%s", d)
		}
	})
}

// TestRestoreAtEveryStep: a conductor restored from rows answers every later
// event exactly as the one that was never interrupted.
func TestRestoreAtEveryStep(t *testing.T) {
	spec := parse(t, fanOut)
	rapid.Check(t, func(t *rapid.T) {
		w := begin(t, spec, map[string]int{"b/1": rapid.IntRange(0, 5).Draw(t, "failures of an item")}, rapid.IntRange(0, 5).Draw(t, "items"))
		apply := func(ev workflow.Event) {
			other, err := workflow.Restore(spec, w.rows, host())
			if err != nil {
				t.Fatal(err)
			}
			want, got := w.c.Apply(tContext(t), ev), other.Apply(tContext(t), ev)
			if d := cmp.Diff(want, got, valueComparer, cmp.AllowUnexported(workflow.Changes{})); d != "" {
				t.Fatalf("after %+v: the restored conductor differs:\n%s", ev, d)
			}
			w.take(want)
		}
		for reruns := 0; ; reruns++ {
			for len(w.jobs) > 0 {
				i := rapid.IntRange(0, len(w.jobs)-1).Draw(t, "job")
				j := w.jobs[i]
				w.jobs = append(w.jobs[:i:i], w.jobs[i+1:]...)
				apply(w.result(j))
			}
			if w.c.Status() != squall.Failed || reruns == 3 {
				return
			}
			tasks := []workflow.RerunTask{{Task: "b", ResetItems: rapid.Bool().Draw(t, "reset items")}}
			if rapid.Bool().Draw(t, "all that failed") {
				tasks = nil
			}
			apply(workflow.Rerun{Tasks: tasks})
		}
	})
}

// TestRepeatedReports: a report delivered twice changes nothing the second time.
func TestRepeatedReports(t *testing.T) {
	spec := parse(t, fanOut)
	w := begin(t, spec, nil, 4)
	for len(w.jobs) > 0 {
		j := w.jobs[0]
		w.jobs = w.jobs[1:]
		w.take(w.c.Apply(t.Context(), w.result(j)))
		ch := w.c.Apply(t.Context(), w.result(j))
		if len(ch.Run) > 0 {
			t.Fatalf("the second report of %s started %v", j.run.Task, ch.Run)
		}
		w.take(ch)
	}
	if w.c.Status() != squall.Succeeded {
		t.Errorf("the workflow is %s: %v", w.c.Status(), w.c.Errors())
	}
}

var valueComparer = cmp.Comparer(func(a, b *value.Dict) bool {
	if a == nil || b == nil {
		return a == b
	}
	return value.Equal(a, b)
})
