package lifecycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

var exprs = expr.NewSet(expr.Limits{}, yaql.New(yaql.Options{Now: time.Now}), jinja.New())

func init() {
	types["orquesta"] = &squall.RunnerType{Name: "orquesta", Parameters: squall.Schema{
		{Name: "context", Type: json.RawMessage(`"object"`), Default: json.RawMessage(`{}`)},
	}}
}

// flowBundle is a service with workflows, and a worker that ends its runs as
// the test says.
type flowBundle struct {
	*bundle
	// outcome says how a run ends; nil: it succeeds with its parameters.
	outcome func(ex *squall.Execution) squall.Outcome
}

func newFlowService(st store.Store) *lifecycle.Service {
	return lifecycle.New(st, types, lifecycle.Options{Log: slog.New(slog.DiscardHandler),
		Workflows: lifecycle.Workflows{Exprs: exprs, Window: 16}})
}

// eachFlowStore runs the test on every database with the workflows given, by
// name, beside the actions noop and shell.
func eachFlowStore(t *testing.T, flows map[string]string, test func(t *testing.T, b *flowBundle)) {
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newFlowBundle(t, open(t), flows))
		})
	}
}

func newFlowBundle(t *testing.T, st store.Store, flows map[string]string) *flowBundle {
	t.Helper()
	b := &flowBundle{bundle: &bundle{Service: newFlowService(st), st: st}}
	update(t, st, func(ctx context.Context, tx store.Tx) error {
		actions := []squall.Action{
			{Ref: ref("noop"), Runner: "noop", Enabled: true, Parameters: squall.Schema{{Name: "n"}, {Name: "text"}}},
			{Ref: ref("shell"), Runner: "shell", Enabled: true, Parameters: squall.Schema{{Name: "cmd", Required: true}}},
		}
		for name, text := range flows {
			actions = append(actions, flowAction(name, text))
		}
		for _, a := range actions {
			if err := tx.PutAction(ctx, &a); err != nil {
				return err
			}
		}
		return nil
	})
	b.own = b.join(t, "n1", time.Hour)
	return b
}

// flowAction is a workflow whose inputs are its parameters.
func flowAction(name, text string) squall.Action {
	a := squall.Action{Ref: ref(name), Runner: "orquesta", Enabled: true, EntryPoint: "workflows/" + name + ".yaml", Definition: text}
	inputs := false
	for line := range strings.Lines(text) {
		switch line = strings.TrimRight(line, "\n"); {
		case line == "input:":
			inputs = true
		case inputs && strings.HasPrefix(line, "  - "):
			input, _, _ := strings.Cut(strings.TrimPrefix(line, "  - "), ":")
			a.Parameters = append(a.Parameters, squall.Parameter{Name: input})
		default:
			inputs = false
		}
	}
	return a
}

// work claims and finishes until nothing is due, and returns how many runs that were.
func (b *flowBundle) work(t *testing.T) (runs int) {
	t.Helper()
	for {
		n := b.workOnce(t, 64)
		if n == 0 {
			return runs
		}
		runs += n
	}
}

func (b *flowBundle) workOnce(t *testing.T, limit int) int {
	t.Helper()
	claimed, err := b.Claim(t.Context(), b.own, limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ex := range claimed {
		b.finish(t, ex)
	}
	return len(claimed)
}

func (b *flowBundle) finish(t *testing.T, ex *squall.Execution) {
	t.Helper()
	out := squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters}
	if b.outcome != nil {
		out = b.outcome(ex)
	}
	if err := b.Finish(t.Context(), b.own, ex, out); err != nil {
		t.Fatal(err)
	}
}

// run requests a workflow and works until it rests.
func (b *flowBundle) run(t *testing.T, name, input string) *squall.Execution {
	t.Helper()
	ex := b.request(t, name, params(input))
	b.work(t)
	return b.get(t, ex.ID)
}

func (b *flowBundle) children(t *testing.T, id squall.ID) (list []*squall.Execution) {
	t.Helper()
	view(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
		list, err = tx.FindExecutions(ctx, store.ExecutionFilter{Parent: id, Ascending: true, Limit: 5000, Parts: store.WithAll})
		return err
	})
	return list
}

// tasks lists the children as "task[item] status".
func tasks(children []*squall.Execution) (list []string) {
	for _, ex := range children {
		item := ""
		if ex.Parent.Item >= 0 {
			item = fmt.Sprintf("[%d]", ex.Parent.Item)
		}
		list = append(list, ex.Parent.Task+item+" "+string(ex.Status))
	}
	return list
}

func wantFlow(t *testing.T, ex *squall.Execution, status squall.Status, result string) {
	t.Helper()
	if ex.Status != status || string(ex.Result) != result {
		t.Errorf("%s with %s\nwant %s with %s", ex.Status, ex.Result, status, result)
	}
	if status.Final() == ex.EndedAt.IsZero() {
		t.Errorf("%s and ended at %s", ex.Status, ex.EndedAt)
	}
}

const sequence = `version: 1.0
input:
  - n: 1
vars:
  - sum: 0
tasks:
  a:
    action: core.noop n=<% ctx(n) %>
    next:
      - when: <% succeeded() %>
        publish: sum=<% ctx(sum) + result().n %>
        do: b
  b:
    action: core.noop
    input:
      n: "{{ ctx().sum + 10 }}"
    next:
      - publish: sum=<% ctx(sum) + result().n %>
        do: c
  c:
    action: core.noop n=<% task(b).result.n %>
    next:
      - publish: last=<% result().n %>
output:
  - sum: <% ctx(sum) %>
  - last: <% ctx(last) %>
  - action: <% ctx(st2).action %>
`

func TestWorkflowSequence(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence}, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "flow", `{"n":5}`)
		wantFlow(t, ex, squall.Succeeded, `{"output":{"sum":20,"last":15,"action":"core.flow"}}`)
		wantLog(t, ex, squall.Requested, squall.Scheduled, squall.Running, squall.Succeeded)
		children := b.children(t, ex.ID)
		if diff := cmp.Diff([]string{"a succeeded", "b succeeded", "c succeeded"}, tasks(children)); diff != "" {
			t.Error(diff)
		}
		var place struct {
			Parent struct {
				ID squall.ID `json:"execution_id"`
			}
			Orquesta map[string]any
		}
		if err := json.Unmarshal(children[1].Context, &place); err != nil {
			t.Fatal(err)
		}
		visit, _ := place.Orquesta["task_execution_id"].(string)
		if place.Parent.ID != ex.ID || place.Orquesta["workflow_execution_id"] != string(ex.ID) || place.Orquesta["task_name"] != "b" ||
			place.Orquesta["task_route"] != 0.0 || !squall.ID(visit).Valid() || children[1].Root != ex.ID || children[1].User != "ann" {
			t.Errorf("the child knows %s", children[1].Context)
		}
	})
}

const join = `version: 1.0
tasks:
  start:
    action: core.noop
    next:
      - do: [left, right]
  left:
    action: core.noop n=1
    next:
      - publish: left=<% result().n %>
        do: both
  right:
    action: core.noop n=2
    next:
      - publish: right=<% result().n %>
        do: both
  both:
    join: all
    action: core.noop
output:
  - sum: <% ctx(left) + ctx(right) %>
`

func TestWorkflowJoin(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": join}, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "flow", ``)
		wantFlow(t, ex, squall.Succeeded, `{"output":{"sum":3}}`)
		if got := tasks(b.children(t, ex.ID)); len(got) != 4 || got[3] != "both succeeded" {
			t.Errorf("children %v", got)
		}
	})
}

const items = `version: 1.0
input:
  - count: 3
tasks:
  each:
    with:
      items: n in <% range(ctx(count)).toList() %>%s
    action: core.noop n=<%% item(n) %%>
    next:
      - when: <%% succeeded() %%>
        publish: sum=<%% result().select($.n).sum(0) %%>
output:
  - sum: <%% ctx(sum) %%>
`

func itemsFlow(concurrency string) string {
	return strings.ReplaceAll(strings.Replace(items, "%s", concurrency, 1), "%%", "%")
}

func TestWorkflowItems(t *testing.T) {
	flows := map[string]string{"all": itemsFlow(""), "two": itemsFlow("\n      concurrency: 2")}
	eachFlowStore(t, flows, func(t *testing.T, b *flowBundle) {
		for name, atOnce := range map[string]int{"all": 16, "two": 2} {
			ex := b.request(t, name, params(`{"count":100}`))
			if n := len(b.children(t, ex.ID)); n != atOnce {
				t.Errorf("%s: %d items were requested at once, want %d", name, n, atOnce)
			}
			b.workOnce(t, 1)
			if n := len(b.children(t, ex.ID)); n != atOnce+1 {
				t.Errorf("%s: %d items were requested after one had ended, want %d", name, n, atOnce+1)
			}
			b.Service = newFlowService(b.st) // nothing is only in memory
			b.work(t)
			wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"sum":4950}}`)
			if n := len(b.children(t, ex.ID)); n != 100 {
				t.Errorf("%s: %d children", name, n)
			}
		}
		wantFlow(t, b.run(t, "all", `{"count":0}`), squall.Succeeded, `{"output":{"sum":0}}`)
	})
}

func TestWorkflowOfAThousandItems(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": itemsFlow("")}, func(t *testing.T, b *flowBundle) {
		wantFlow(t, b.run(t, "flow", `{"count":1000}`), squall.Succeeded, `{"output":{"sum":499500}}`)
		view(t, b.st, func(ctx context.Context, tx store.Tx) error {
			ids, _, err := tx.DueWorkflows(ctx, 0)
			if len(ids) > 0 {
				t.Errorf("events are left for %v", ids)
			}
			return err
		})
	})
}

const outer = `version: 1.0
input:
  - depth: 0
tasks:
  down:
    action: core.flow depth=<% ctx(depth) - 1 %>
    next:
      - when: <% succeeded() %>
        publish: inner=<% result().output.depth %>
output:
  - depth: <% ctx(inner) + 1 %>
`

const innermost = `version: 1.0
tasks:
  only:
    action: core.noop n=7
    next:
      - publish: n=<% result().n %>
output:
  - depth: <% ctx(n) %>
`

func TestWorkflowInWorkflow(t *testing.T) {
	flows := map[string]string{"deep": innermost}
	for i := range 4 {
		below := fmt.Sprintf("core.level%d", i-1)
		if i == 0 {
			below = "core.deep"
		}
		flows[fmt.Sprintf("level%d", i)] = strings.Replace(strings.Replace(outer, "core.flow depth=<% ctx(depth) - 1 %>", below, 1), "input:\n  - depth: 0\n", "", 1)
	}
	eachFlowStore(t, flows, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "level3", ``)
		wantFlow(t, ex, squall.Succeeded, `{"output":{"depth":11}}`)
		view(t, b.st, func(ctx context.Context, tx store.Tx) error {
			list, err := tx.FindExecutions(ctx, store.ExecutionFilter{Root: ex.ID})
			if len(list) != 6 {
				t.Errorf("the tree has %d executions, want 6", len(list))
			}
			return err
		})
	})
}

const failing = `version: 1.0
input:
  - say
tasks:
  try:
    action: core.shell cmd=<% ctx(say) %>
    next:
      - when: <% failed() and ctx(say) = "repair" %>
        do: repair
      - when: <% failed() and ctx(say) = "fail" %>
        do: fail
      - when: <% failed() and ctx(say) = "unknown" %>
        do: unknown
  repair:
    action: core.noop
  unknown:
    action: <% concat('core.', 'nosuch') %> # as a plain name, inspection would find it
output:
  - said: <% ctx(say) %>
`

func TestWorkflowFails(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": failing, "broken": "version: 1.0\ntasks:\n  a:\n    action: core.noop\n    next:\n      - do: nosuch\n"}, func(t *testing.T, b *flowBundle) {
		b.outcome = func(ex *squall.Execution) squall.Outcome {
			if ex.Action == ref("shell") {
				return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`{"return_code":1}`)}
			}
			return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`null`)}
		}
		tryError := `{"type":"error","message":"Execution failed. See result for details.","task_id":"try","result":{"return_code":1}}`
		// As in StackStorm, the output is rendered when the request fails, before the task counts.
		early := `{"type":"error","message":"YaqlEvaluationException: Unable to evaluate expression '<% ctx(say) %>'. VariableUndefinedError: The variable \"say\" is undefined."}`
		for say, want := range map[string]string{
			"stop":    `{"output":{"said":"stop"},"errors":[` + tryError + `]}`,
			"fail":    `{"output":{"said":"fail"},"errors":[` + tryError + `,{"type":"error","message":"Execution failed. See result for details.","task_id":"fail"}]}`,
			"unknown": `{"output":{"said":"unknown"},"errors":[` + tryError + `,` + early + `,{"type":"error","message":"Execution failed. See result for details.","task_id":"unknown","result":{"errors":[{"type":"error","message":"Action \"core.nosuch\" cannot be found.","task_id":"unknown","route":0}]}}]}`,
		} {
			wantFlow(t, b.run(t, "flow", `{"say":"`+say+`"}`), squall.Failed, want)
		}
		wantFlow(t, b.run(t, "flow", `{"say":"repair"}`), squall.Succeeded, `{"output":{"said":"repair"}}`)
		broken := b.run(t, "broken", ``)
		if broken.Status != squall.Failed || !strings.Contains(string(broken.Result), `nosuch`) || !strings.HasPrefix(string(broken.Result), `{"output":null,"errors":[`) {
			t.Errorf("a definition with faults: %s %s", broken.Status, broken.Result)
		}
	})
}

// What tasks name is inspected with the definition before anything runs.
func TestWorkflowWithWrongActionsDoesNotBegin(t *testing.T) {
	const wrong = `version: 1.0
tasks:
  a:
    action: core.noop
    next:
      - do: b
  b:
    action: core.nosuch
  c:
    action: core.shell cmd="ls" what="ever"
  d:
    action: plain
  e:
    action: core.noop
    next:
      - do: nowhere
`
	eachFlowStore(t, map[string]string{"flow": wrong}, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "flow", ``)
		const place = `"schema_path":"properties.tasks.patternProperties.^\\w+$.properties.`
		wantFlow(t, ex, squall.Failed, `{"output":null,"errors":[`+
			`{"type":"content","message":"The action \"core.nosuch\" is not registered in the database.","spec_path":"tasks.b.action",`+place+`action"},`+
			`{"type":"content","message":"The action reference \"plain\" is not formatted correctly.","spec_path":"tasks.d.action",`+place+`action"},`+
			`{"type":"content","message":"Action \"core.shell\" has unexpected input \"what\".","spec_path":"tasks.c.input.what",`+place+`input.patternProperties.^\\w+$"},`+
			`{"message":"The task \"nowhere\" is not defined.","spec_path":"tasks.e.next[0].do",`+place+`next.items.properties.do","type":"semantic"}]}`)
		if len(b.children(t, ex.ID)) > 0 {
			t.Error("it has run something")
		}
		if last := ex.Log[len(ex.Log)-1]; last.Reason != lifecycle.NotBegun {
			t.Errorf("the reason in the log is %q", last.Reason)
		}
	})
}

func TestWorkflowIsCanceled(t *testing.T) {
	eachFlowStore(t, map[string]string{"deep": itemsFlow(""), "flow": strings.Replace(outer, "core.flow depth=<% ctx(depth) - 1 %>", "core.deep count=100", 1)}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow")
		running, err := b.Claim(t.Context(), b.own, 3, nil)
		if err != nil || len(running) != 3 {
			t.Fatal(running, err)
		}
		sub := b.children(t, ex.ID)[0]
		got, err := b.Cancel(t.Context(), ex.ID, "bob")
		if err != nil || got.Status != squall.Canceling {
			t.Fatalf("%v, %v", got, err)
		}
		if s := b.get(t, sub.ID).Status; s != squall.Canceling {
			t.Errorf("the workflow within is %s", s)
		}
		for _, child := range b.children(t, sub.ID) {
			want := squall.Canceled
			if slices.ContainsFunc(running, func(r *squall.Execution) bool { return r.ID == child.ID }) {
				want = squall.Canceling
			}
			if last := child.Log[len(child.Log)-1]; last.Reason != "canceled by bob" {
				t.Errorf("item %d: %+v", child.Parent.Item, last)
			}
			if child.Status != want {
				t.Errorf("item %d is %s, want %s", child.Parent.Item, child.Status, want)
			}
		}
		for _, r := range running {
			if err := b.Finish(t.Context(), b.own, r, squall.Outcome{Status: squall.Canceled}); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.work(t); n != 0 {
			t.Errorf("%d more ran", n)
		}
		for _, id := range []squall.ID{ex.ID, sub.ID} {
			if s := b.get(t, id).Status; s != squall.Canceled {
				t.Errorf("%s is %s", id, s)
			}
		}
		if n := len(b.children(t, sub.ID)); n != 16 {
			t.Errorf("%d items were requested", n)
		}
	})
}

func TestWorkflowIsPausedAndResumed(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence, "outer": strings.Replace(strings.Replace(outer, "core.flow depth=<% ctx(depth) - 1 %>", "core.flow n=1", 1), "output.depth", "output.sum", 1)}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "outer")
		sub := b.children(t, ex.ID)[0]
		running := b.claim(t)
		if got, err := b.Pause(t.Context(), ex.ID, "bob"); err != nil || got.Status != squall.Pausing {
			t.Fatalf("%v, %v", got, err)
		}
		if s := b.get(t, sub.ID).Status; s != squall.Pausing {
			t.Errorf("the workflow within is %s", s)
		}
		b.finish(t, running)
		for _, id := range []squall.ID{ex.ID, sub.ID} {
			if s := b.get(t, id).Status; s != squall.Paused {
				t.Errorf("%s is %s, want paused", id, s)
			}
		}
		if n := b.work(t); n != 0 {
			t.Errorf("%d ran while it was paused", n)
		}
		if _, err := b.Resume(t.Context(), ex.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"depth":13}}`)
		_, err := b.Pause(t.Context(), ex.ID, "bob")
		wantKind(t, err, squall.Invalid)
		_, err = b.Pause(t.Context(), running.ID, "bob")
		wantKind(t, err, squall.Invalid)
	})
}

// A workflow that is paused while its last task runs has nothing left to do when
// it goes on: it runs again and ends, in one step.
func TestWorkflowResumedAtItsEnd(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": "version: 1.0\ntasks:\n  last:\n    action: core.noop\n"}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow")
		running := b.claim(t)
		if _, err := b.Pause(t.Context(), ex.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		b.finish(t, running)
		if _, err := b.Resume(t.Context(), ex.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		want := []squall.Status{squall.Requested, squall.Scheduled, squall.Running, squall.Pausing, squall.Paused, squall.Resuming, squall.Running, squall.Succeeded}
		if diff := cmp.Diff(want, states(b.get(t, ex.ID))); diff != "" {
			t.Error(diff)
		}
	})
}

// A workflow within another one that is paused by itself halts the outer one,
// which goes on with it.
func TestWorkflowWithinIsPaused(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence, "outer": strings.Replace(strings.Replace(outer, "core.flow depth=<% ctx(depth) - 1 %>", "core.flow n=1", 1), "output.depth", "output.sum", 1)}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "outer")
		sub := b.children(t, ex.ID)[0]
		running := b.claim(t)
		if _, err := b.Pause(t.Context(), sub.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		b.finish(t, running)
		for _, id := range []squall.ID{sub.ID, ex.ID} {
			if s := b.get(t, id).Status; s != squall.Paused {
				t.Errorf("%s is %s, want paused", id, s)
			}
		}
		if _, err := b.Resume(t.Context(), sub.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		wantFlow(t, b.get(t, sub.ID), squall.Succeeded, `{"output":{"sum":12,"last":11,"action":"core.flow"}}`)
		if got := b.get(t, ex.ID); got.Status != squall.Succeeded {
			t.Errorf("the outer one is %s: %v %s", got.Status, states(got), got.Result)
		}
		for _, got := range []*squall.Execution{b.get(t, ex.ID), b.get(t, sub.ID)} {
			log := states(got)
			for i := 3; i < len(log); i++ {
				if !log[i-1].CanMoveTo(log[i]) {
					t.Errorf("%s: %s follows %s", got.Action, log[i], log[i-1])
				}
			}
		}
	})
}

func TestWorkflowTasksRunAgain(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": itemsFlow(""), "seq": sequence}, func(t *testing.T, b *flowBundle) {
		b.outcome = func(ex *squall.Execution) squall.Outcome {
			if ex.Parent.Item%2 == 1 {
				return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`{"n":0}`)}
			}
			return squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters}
		}
		old := b.run(t, "flow", `{"count":10}`)
		if old.Status != squall.Failed {
			t.Fatalf("%s %s", old.Status, old.Result)
		}
		b.outcome = nil
		again, err := b.RerunTasks(t.Context(), old.ID, squall.Request{User: "ann"}, []string{"each"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := b.work(t); n != 5 {
			t.Errorf("%d items ran again, want 5", n)
		}
		wantFlow(t, b.get(t, again.ID), squall.Succeeded, `{"output":{"sum":45}}`)
		if got := b.get(t, again.ID); got.RerunOf != old.ID || got.ID == old.ID {
			t.Errorf("it is a run of %s", got.RerunOf)
		}
		all, err := b.RerunTasks(t.Context(), old.ID, squall.Request{User: "ann"}, []string{"each"}, []string{"each"})
		if err != nil {
			t.Fatal(err)
		}
		if n := b.work(t); n != 10 {
			t.Errorf("%d items ran again with reset, want 10", n)
		}
		wantFlow(t, b.get(t, all.ID), squall.Succeeded, `{"output":{"sum":45}}`)

		b.outcome = func(ex *squall.Execution) squall.Outcome {
			if ex.Parent.Task == "b" {
				return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`{"n":0}`)}
			}
			return squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters}
		}
		_, err = b.RerunTasks(t.Context(), old.ID, squall.Request{}, []string{"each"}, []string{"other"})
		wantKind(t, err, squall.Invalid)
		unknown, err := b.RerunTasks(t.Context(), old.ID, squall.Request{}, []string{"nosuch"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.get(t, unknown.ID); got.Status != squall.Failed || !strings.Contains(string(got.Result), "nosuch|0") {
			t.Errorf("an unknown task: %s %s", got.Status, got.Result)
		}
	})
}

func TestWorkflowRefusedWithoutExpressions(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence}, func(t *testing.T, b *flowBundle) {
		b.Service = lifecycle.New(b.st, types, lifecycle.Options{})
		_, err := b.Request(t.Context(), squall.Request{Action: ref("flow")})
		wantKind(t, err, squall.Invalid)
	})
}

// A workflow keeps the definition it began with.
func TestWorkflowDefinitionStays(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow", params(`{"n":1}`))
		changed := flowAction("flow", strings.ReplaceAll(sequence, "sum", "total"))
		update(t, b.st, func(ctx context.Context, tx store.Tx) error { return tx.PutAction(ctx, &changed) })
		b.Service = newFlowService(b.st)
		b.work(t)
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"sum":12,"last":11,"action":"core.flow"}}`)
		wantFlow(t, b.run(t, "flow", `{"n":1}`), squall.Succeeded, `{"output":{"total":12,"last":11,"action":"core.flow"}}`)
	})
}

const carrying = `version: 1.0
vars:
  - big: <% range(20000).toList() %>
tasks:
  a:
    action: core.noop
    next:
      - publish:
          - small: 1
          - big: <% ctx(big) %>
        do: b
  b:
    with: <% range(3).toList() %>
    action: core.noop
    input:
      n: <% ctx(big) %>
    next:
      - publish:
          - lengths: <% result().select($.n.len()) %>
          - big: <% ctx(big) %>
        do: c
  c:
    action: core.noop
output:
  - names: <% ctx().keys().where($ != st2).toList() %>
  - lengths: <% ctx(lengths) %>
  - length: <% ctx(big).len() %>
`

// A large value is carried along by reference: it is stored in each of its
// forms once, however many tasks publish it and wherever the process restarts.
func TestWorkflowCarriesLargeValues(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": carrying}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow")
		for b.workOnce(t, 1) > 0 {
			b.Service = newFlowService(b.st)
		}
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"names":["big","small","lengths"],"lengths":[20000,20000,20000],"length":20000}}`)
		large := map[string]bool{}
		view(t, b.st, func(ctx context.Context, tx store.Tx) error {
			rows, err := tx.WorkflowRows(ctx, ex.ID)
			for _, row := range rows {
				if len(row.Doc) > 100_000 {
					large[string(row.Doc)] = true
				}
			}
			return err
		})
		if len(large) != 2 { // the variable, and the result of an item
			t.Errorf("there are %d different large documents", len(large))
		}
	})
}

// A loop that no action interrupts holds nobody up, and can be canceled.
func TestWorkflowWithoutEnd(t *testing.T) {
	endless := "version: 1.0\ntasks:\n  start:\n    next:\n      - do: a\n  a:\n    next:\n      - do: b\n  b:\n    next:\n      - do: a\n"
	eachFlowStore(t, map[string]string{"flow": endless}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow")
		visits := func() (n int) {
			view(t, b.st, func(ctx context.Context, tx store.Tx) error {
				rows, err := tx.WorkflowRows(ctx, ex.ID, store.WorkflowTask)
				n = len(rows)
				return err
			})
			return n
		}
		first := visits()
		for deadline := time.Now().Add(10 * time.Second); visits() == first; time.Sleep(50 * time.Millisecond) {
			if _, _, err := b.AdvanceDue(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(deadline) {
				t.Fatal("it does not go on")
			}
		}
		if _, err := b.Cancel(t.Context(), ex.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		if s := b.get(t, ex.ID).Status; s != squall.Canceled {
			t.Errorf("it is %s", s)
		}
	})
}

const cleaning = `version: 1.0
tasks:
  try:
    action: core.shell cmd="x"
    next:
      - when: <% failed() %>
        do: [clean, fail]
  clean:
    action: core.noop n=1
`

// What is to clean up runs although the workflow has failed.
func TestWorkflowCleansUp(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": cleaning}, func(t *testing.T, b *flowBundle) {
		b.outcome = func(ex *squall.Execution) squall.Outcome {
			if ex.Action == ref("shell") {
				return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`null`)}
			}
			return squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters}
		}
		ex := b.run(t, "flow", ``)
		if got := tasks(b.children(t, ex.ID)); ex.Status != squall.Failed || len(got) != 2 || got[1] != "clean succeeded" {
			t.Errorf("%s, children %v", ex.Status, got)
		}
	})
}
