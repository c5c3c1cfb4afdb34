package workflow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
)

func TestInspectSaysWhere(t *testing.T) {
	spec := parse(t, `version: 1.0
vars:
  - x: 1
tasks:
  first:
    action: core.noop
    nxt: []
    next:
      - when: <% succeeded( %>
        do: second, third
  second:
    with: y in <% ctx(nope) %>
output:
  - z: <% ctx().x %>
`)
	var got []string
	for _, p := range spec.Inspect(exprs(), nil) {
		got = append(got, fmt.Sprintf("%d:%d %s %s", p.Line, p.Column, p.Category, p.Message))
	}
	want := []string{
		"5:3 syntax Additional properties are not allowed ('nxt' was unexpected)",
		"11:3 semantics The action property is required for with items task.",
		`10:9 semantics The task "third" is not defined.`,
		"9:9 expressions Parse error: unexpected end of statement",
		`12:5 context Variable "nope" is referenced before assignment.`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseSaysWhere(t *testing.T) {
	for src, want := range map[string]string{
		"tasks:\n  a: {}\n":                            "2:6",
		"tasks:\n  a: {action: x}\n  a: {action: y}\n": "3:3",
		"tasks:\n  a: {action: x, next: [{}]}\n":       "2:25",
		"x: [":                                         "2:1",
	} {
		spec, problems := workflow.Parse([]byte(src))
		if spec != nil || len(problems) != 1 {
			t.Errorf("%q loads: %v", src, problems)
			continue
		}
		if got := fmt.Sprintf("%d:%d", problems[0].Line, problems[0].Column); got != want {
			t.Errorf("%q: want a problem at %s, got %s: %s", src, want, got, problems[0].Message)
		}
	}
}

// TestRerunKeepsResults: a rerun of the failed items starts them alone, and
// the results of the others are still there.
func TestRerunKeepsResults(t *testing.T) {
	spec := parse(t, strings.ReplaceAll(`
version: 1.0
tasks:
  each:
    with: h in <% list(a, b, c) %>
    action: core.local
    input: {cmd: <% item(h) %>}
    next: [{when: <% succeeded() %>, publish: [{out: <% result() %>}]}]
output: [{out: <% ctx(out) %>}]
`, "\t", ""))
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
	if err != nil {
		t.Fatal(err)
	}
	ch := c.Apply(t.Context(), workflow.Request{Status: squall.Running})
	if len(ch.Run) != 3 {
		t.Fatalf("started %v", ch.Run)
	}
	for i, r := range ch.Run {
		s := squall.Succeeded
		if i == 1 {
			s = squall.Failed
		}
		ch = c.Apply(t.Context(), workflow.Report{Task: r.Task, Item: r.Item, Status: s, Result: fmt.Sprint("first ", i)})
	}
	if !ch.Over() || c.Status() != squall.Failed {
		t.Fatalf("the workflow is %s", c.Status())
	}
	ch = c.Apply(t.Context(), workflow.Rerun{})
	if len(ch.Run) != 1 || ch.Run[0].Item != 1 {
		t.Fatalf("the rerun started %v", ch.Run)
	}
	c.Apply(t.Context(), workflow.Report{Task: "each", Item: 1, Status: squall.Succeeded, Result: "second"})
	got, _ := value.Repr(nil, c.Output())
	if want := "{'out': ['first 0', 'second', 'first 2']}"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestRequestsThatMakeNoSenseAreRejected(t *testing.T) {
	spec := parse(t, chain(2))
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t.Context(), workflow.Request{Status: squall.Running})
	ch := c.Apply(t.Context(), workflow.Rerun{}, workflow.Request{Status: squall.Resuming}, workflow.Request{Status: squall.Timeout})
	var got []string
	for _, r := range ch.Rejected {
		class, _ := workflow.Describe(r.Err)
		got = append(got, fmt.Sprint(r.Event, " ", class))
	}
	want := []string{"0 WorkflowIsActiveAndNotRerunableError", "1 InvalidWorkflowStatusTransition", "2 InvalidEvent"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(ch.Tasks)+len(ch.Staged)+len(ch.Run) > 0 {
		t.Errorf("rejected events changed something: %+v", ch)
	}
}

// TestChangesAreSmall: an event in the thousandth task changes as many rows as
// one in the second.
func TestChangesAreSmall(t *testing.T) {
	spec := parse(t, chain(1000))
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
	if err != nil {
		t.Fatal(err)
	}
	ch := c.Apply(t.Context(), workflow.Request{Status: squall.Running})
	var early string
	for i := 0; len(ch.Run) > 0; i++ {
		ch = c.Apply(t.Context(), workflow.Report{Task: ch.Run[0].Task, Item: workflow.NoItem, Status: squall.Succeeded, Result: int64(i)})
		size := fmt.Sprintf("%d tasks, %d staged, %d gone, %d contexts of %d variables", len(ch.Tasks), len(ch.Staged), len(ch.StagedGone),
			len(ch.Contexts), variables(ch))
		switch i {
		case 1:
			early = size
		case 900:
			if size != early {
				t.Errorf("the second task changed %s; task 900 changed %s", early, size)
			}
		}
	}
}

func variables(ch workflow.Changes) int {
	n := 0
	for _, c := range ch.Contexts {
		n += c.Vars.Len()
	}
	return n
}

func TestRowsThatDoNotFitAreRefused(t *testing.T) {
	spec := parse(t, chain(3))
	rows := finalRows(t, spec)
	rows.Tasks = rows.Tasks[1:]
	if _, err := workflow.Restore(spec, rows, host()); err == nil {
		t.Error("rows without the first task were restored")
	}
	if _, err := workflow.Restore(parse(t, chain(1)), finalRows(t, spec), host()); err == nil {
		t.Error("rows of another definition were restored")
	}
}

// TestLoopsOfNothingYield: a loop of tasks without action does not hold the
// caller, and can be stopped.
func TestLoopsOfNothingYield(t *testing.T) {
	spec := parse(t, "tasks:\n  a: {next: [{do: b}]}\n  b: {next: [{do: c}]}\n  c: {next: [{do: b}]}\n")
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
	if err != nil {
		t.Fatal(err)
	}
	ch := c.Apply(t.Context(), workflow.Request{Status: squall.Running})
	if !ch.More || len(ch.Done) == 0 || ch.Over() {
		t.Fatalf("more %v, %d tasks done, %s", ch.More, len(ch.Done), c.Status())
	}
	if ch = c.Apply(t.Context()); !ch.More || len(ch.Done) == 0 {
		t.Fatalf("the loop stands still: more %v, %d tasks done", ch.More, len(ch.Done))
	}
	if ch = c.Apply(t.Context(), workflow.Request{Status: squall.Canceled}); ch.More || c.Status() != squall.Canceled {
		t.Errorf("after the cancel: more %v, %s", ch.More, c.Status())
	}
	short, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if _, err := workflow.Rehearse(short, spec, &workflow.Case{}, host()); err == nil {
		t.Error("a rehearsal of an endless loop ended")
	}
}

func TestRerunOfNothingIsRejected(t *testing.T) {
	spec := parse(t, "tasks: {a: {action: x}}\noutput: [{o: <% ctx(nope) %>}]\n")
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t.Context(), workflow.Request{Status: squall.Running})
	ch := c.Apply(t.Context(), workflow.Report{Task: "a", Item: workflow.NoItem, Status: squall.Succeeded})
	if !ch.Over() || c.Status() != squall.Failed {
		t.Fatalf("the output fails the workflow: it is %s", c.Status())
	}
	ch = c.Apply(t.Context(), workflow.Rerun{})
	if len(ch.Rejected) != 1 || c.Status() != squall.Failed || ch.Over() {
		t.Errorf("a rerun of nothing: %+v, %s", ch.Rejected, c.Status())
	}
	ch = c.Apply(t.Context(), workflow.Rerun{Tasks: []workflow.RerunTask{{Task: "a"}}})
	if len(ch.Run) != 1 || ch.Over() {
		t.Errorf("a rerun of the task: %+v", ch)
	}
}

func TestCleanUpRunsAlthoughTheWorkflowFailed(t *testing.T) {
	spec := parse(t, "tasks:\n  a: {action: x, next: [{do: [tidy, fail]}]}\n  tidy: {action: y}\n")
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t.Context(), workflow.Request{Status: squall.Running})
	ch := c.Apply(t.Context(), workflow.Report{Task: "a", Item: workflow.NoItem, Status: squall.Succeeded})
	if !ch.Over() || c.Status() != squall.Failed || len(ch.Run) != 1 || ch.Run[0].Task != "tidy" || !ch.Run[0].OnFail {
		t.Errorf("%s, run %+v", c.Status(), ch.Run)
	}
}

// TestTemplatesChangeNothing: values are shared, so a template that changes
// one in place must have a copy, whether it stands in the definition or came
// out of a result.
func TestTemplatesChangeNothing(t *testing.T) {
	for name, when := range map[string]string{
		"in the definition": `{{ ctx().list.append(4) }}`,
		"out of a result":   `<% result() %>`,
	} {
		spec := parse(t, `
vars: [list: [1, 2, 3]]
tasks:
  a:
    action: x
    next: [{publish: [{seen: '`+when+`'}, {again: '{{ result() }}'}], do: b}]
  b: {action: y, input: {list: <% ctx(list) %>}}
`)
		c, _, err := workflow.New(t.Context(), spec, workflow.Start{}, host())
		if err != nil {
			t.Fatal(err)
		}
		c.Apply(t.Context(), workflow.Request{Status: squall.Running})
		ch := c.Apply(t.Context(), workflow.Report{Task: "a", Item: workflow.NoItem, Status: squall.Succeeded, Result: "{{ ctx().list.append(4) }}"})
		if len(ch.Run) != 1 {
			t.Fatalf("%s: %v", name, c.Errors())
		}
		if got, _ := value.Repr(nil, ch.Run[0].Input); got != "{'list': [1, 2, 3]}" {
			t.Errorf("%s: b was given %s", name, got)
		}
	}
}
