package mistral_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
	"squall/internal/squall"
	"squall/internal/workflow"
	"squall/internal/workflow/mistral"
)

var exprs = expr.NewSet(expr.Limits{}, jinja.New(), yaql.New(yaql.Options{Now: time.Now}))

// commands are shown like tasks in Orquesta.
var commands = []string{"noop", "fail", "continue", "retry"}

// answer is how a workflow ended.
type answer struct {
	State  string
	Output any
	Tasks  []string // "name state", sorted
	errors string
}

// simulation runs converted workflows with the actions of Mistral's that are
// known here, at once and in order.
type simulation struct {
	t     testing.TB
	flows map[string]mistral.Workflow // by action
	steps int
}

func (s *simulation) run(w mistral.Workflow, input *value.Dict) (answer, error) {
	spec, problems := workflow.Parse([]byte(w.Text))
	if spec == nil {
		return answer{}, fmt.Errorf("parse: %v\n%s", problems, w.Text)
	}
	tasks := &results{last: map[string]any{}}
	host := workflow.Host{Exprs: exprs, Env: expr.Env{Tasks: tasks}}
	start := workflow.Start{Input: input, Context: value.DictOf("st2", value.DictOf("workflow_execution_id", "w"))}
	c, ch, err := workflow.New(context.Background(), spec, start, host)
	if err != nil {
		return answer{}, err
	}
	var rows workflow.Rows
	ch.Into(&rows)
	var queue []workflow.RunAction
	apply := func(ev workflow.Event) {
		ch := c.Apply(context.Background(), ev)
		ch.Into(&rows)
		queue = append(queue, ch.Run...)
	}
	if !c.Status().Final() {
		apply(workflow.Request{Status: squall.Running})
	}
	for len(queue) > 0 {
		if s.steps++; s.steps > 2000 {
			return answer{}, fmt.Errorf("the workflow does not end")
		}
		run := queue[0]
		queue = queue[1:]
		status, result, err := s.action(run)
		if err != nil {
			return answer{}, err
		}
		tasks.put(run, result)
		apply(workflow.Report{Task: run.Task, Route: run.Route, Item: run.Item, Status: status, Result: result})
	}
	out := answer{State: word(c.Status())}
	if out.State == "SUCCESS" {
		out.Output = jsonOf(c.Output())
	}
	for _, r := range rows.Tasks {
		if r.Status != "" && r.Status != workflow.Retrying && !slices.Contains(commands, r.Task) {
			out.Tasks = append(out.Tasks, r.Task+" "+word(r.Status))
		}
	}
	slices.Sort(out.Tasks)
	for _, e := range c.Errors() {
		text, _ := value.Str(nil, e.Value())
		out.errors += "\n" + text
	}
	if out.State == "" {
		return out, fmt.Errorf("the workflow rests in state %q: %v", c.Status(), c.Errors())
	}
	return out, nil
}

func word(s squall.Status) string {
	switch s {
	case squall.Succeeded:
		return "SUCCESS"
	case squall.Failed:
		return "ERROR"
	}
	return ""
}

// action does what the action of that name does in Mistral, or in the oracle.
func (s *simulation) action(run workflow.RunAction) (squall.Status, any, error) {
	name, _ := run.Action.(string)
	input, _ := run.Input.(*value.Dict)
	if input == nil {
		input = value.NewDict(0)
	}
	if w, ok := s.flows[name]; ok {
		a, err := s.run(w, input)
		if err != nil {
			return "", nil, err
		}
		if a.State != "SUCCESS" {
			return squall.Failed, value.DictOf("output", nil), nil
		}
		doc, err := json.Marshal(a.Output)
		if err != nil {
			return "", nil, err
		}
		out, err := value.FromJSON(doc)
		return squall.Succeeded, value.DictOf("output", out), err
	}
	switch name {
	case "core.noop", "std.noop":
		return squall.Succeeded, nil, nil
	case "std.echo":
		v, _ := input.GetStr("output")
		return squall.Succeeded, v, nil
	case "std.fail":
		return squall.Failed, "failed", nil
	}
	if strings.HasPrefix(name, "hpe_icsp.") {
		input = input.Clone()
		input.SetStr("mid", int64(5))
		input.SetStr("jobid", int64(6))
	} else if !strings.HasPrefix(name, "p.") {
		return "", nil, fmt.Errorf("the action %q is not known", name)
	}
	result := value.DictOf("result", input, "stdout", name)
	fail, _ := input.GetStr("fail")
	if t, err := value.Truth(fail); err == nil && t {
		return squall.Failed, result, nil
	}
	return squall.Succeeded, result, nil
}

// results answers task() of expressions.
type results struct{ last map[string]any }

func (r *results) put(run workflow.RunAction, result any) {
	if run.Item == workflow.NoItem {
		r.last[run.Task] = result
		return
	}
	d, ok := r.last[run.Task].(*value.Dict)
	if !ok || run.Item == 0 {
		d = value.DictOf("items", value.NewList())
		r.last[run.Task] = d
	}
	v, _ := d.GetStr("items")
	l := v.(*value.List)
	for len(l.Items) <= run.Item {
		l.Items = append(l.Items, nil)
	}
	l.Items[run.Item] = result
}

func (r *results) Latest(_ context.Context, task string, _ int64) (expr.TaskExecution, bool, error) {
	v, ok := r.last[task]
	return expr.TaskExecution{TaskName: task, TaskID: task, Result: v}, ok, nil
}

func jsonOf(d *value.Dict) any {
	if d == nil {
		return map[string]any{}
	}
	doc, err := value.ToJSON(d)
	if err != nil {
		return err.Error()
	}
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return err.Error()
	}
	return v
}
