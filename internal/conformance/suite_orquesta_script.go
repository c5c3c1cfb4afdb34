package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/workflow"
)

// script applies the recorded steps to the engine.
func (o *orquesta) script(ctx context.Context, c *Case) (any, error) {
	spec, err := parseWorkflow(c, rawWorkflow)
	if err != nil {
		return nil, err
	}
	e, err := workflow.NewEngine(ctx, spec, workflow.Start{Input: dictAt(c.Raw, "inputs"), Context: dictAt(c.Raw, "context")}, o.host)
	if err != nil {
		return nil, err
	}
	for i, item := range items(at(c.Raw, "ops")) {
		op := item.(*value.Dict)
		got, err := scriptStep(e, op)
		expect := dictAt(op, "expect")
		if err != nil {
			class, msg := workflow.Describe(err)
			got.SetStr("error", value.DictOf("type", class, "message", msg))
		}
		got.SetStr("workflow_status", shownStatus(e.Conductor().Status()))
		if d := difference(expect, got, fmt.Sprintf("ops[%d] %s", i, at(op, "op"))); d != "" {
			return nil, errors.New(d)
		}
	}
	got := e.Value(false)
	for _, t := range items(at(got, "tasks")) {
		t.(*value.Dict).Delete("prev") // not recorded
	}
	return nil, sameOutcome(dictAt(c.Raw, "expect"), got)
}

func shownStatus(s workflow.Status) any {
	if s == "" {
		return "null"
	}
	return string(s)
}

func scriptStep(e *workflow.Engine, op *value.Dict) (got *value.Dict, err error) {
	got = value.NewDict(3)
	status, _ := at(op, "status").(string)
	switch at(op, "op") {
	case "request_status":
		return got, e.Request(workflow.Status(status))
	case "next":
		list, err := e.Next()
		tasks := value.NewList()
		for _, n := range list {
			tasks.Items = append(tasks.Items, nextValue(n))
		}
		if err == nil {
			got.SetStr("tasks", tasks)
		}
		return got, err
	case "report":
		s, err := scriptReport(e, op, workflow.Status(status))
		if err == nil {
			got.SetStr("task_status", shownStatus(s))
		}
		return got, err
	case "rerun":
		return got, e.Rerun(workflow.ReadRerunTasks(items(at(op, "tasks"))))
	case "render_output":
		if err := e.RenderOutput(); err != nil {
			return got, err
		}
		got.SetStr("output", nil)
		if out := e.Conductor().Output(); out != nil {
			got.SetStr("output", out)
		}
		return got, nil
	case "reload":
		return got, e.Reload()
	}
	return got, fmt.Errorf("unknown step %v", at(op, "op"))
}

func scriptReport(e *workflow.Engine, op *value.Dict, status workflow.Status) (workflow.Status, error) {
	task, _ := at(op, "task").(string)
	route, _ := at(op, "route").(int64)
	if name, ok := at(op, "engine_event").(string); ok {
		return e.Command(task, int(route), name)
	}
	r := workflow.Report{Task: task, Route: int(route), Item: workflow.NoItem, Status: status, Result: at(op, "result")}
	if item, ok := at(op, "item").(int64); ok {
		r.Item = int(item)
		r.Accumulated, ok = at(op, "accumulated_result").(*value.List)
		if !ok {
			r.Accumulated = value.NewList()
		}
	}
	return e.Report(r)
}

func nextValue(n workflow.Next) *value.Dict {
	d := value.NewDict(7)
	d.SetStr("task", n.Task)
	d.SetStr("route", int64(n.Route))
	actions := value.NewList()
	for _, a := range n.Actions {
		ad := value.DictOf("action", a.Action, "input", a.Input)
		if a.Item >= 0 {
			ad.SetStr("item", int64(a.Item))
		}
		actions.Items = append(actions.Items, ad)
	}
	d.SetStr("actions", actions)
	d.SetStr("ctx", n.Context())
	if n.Delay != nil {
		d.SetStr("delay", n.Delay)
	}
	if n.HasItems {
		d.SetStr("items_count", int64(n.Items))
		d.SetStr("concurrency", n.Concurrency)
	}
	return d
}

// data is what an expression of the corpus is evaluated against.
func (c *Case) data() *expr.Env {
	v, own := c.Raw.GetStr("data")
	if !own || v == "@" {
		v = at(c.Raw, rawData)
	}
	// A copy: templates can change what they are given.
	text, err := value.ToJSON(v)
	if err == nil {
		v, err = value.FromJSON(text)
	}
	d, ok := v.(*value.Dict)
	if err != nil || !ok {
		d = value.NewDict(0)
	}
	return &expr.Env{Vars: expr.DictVars(d)}
}

// language gives the language of a case; nil for "any".
func (o *orquesta) language(c *Case) expr.Language {
	name, _ := at(c.Raw, "lang").(string)
	l, _ := o.set.Language(name)
	return l
}

func (o *orquesta) evaluate(ctx context.Context, c *Case) (any, error) {
	v, err := o.eval(ctx, c)
	want := dictAt(c.Raw, "expect")
	if fault := dictAt(want, "error"); fault != nil {
		if err == nil {
			return nil, fmt.Errorf("want error %s, got %s", show(fault), show(v))
		}
		class, msg := workflow.Describe(err)
		if class != at(fault, "type") || msg != at(fault, "message") {
			return nil, fmt.Errorf("want error %s, got %s: %s", show(fault), class, msg)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if kind, ok := want.GetStr("unserializable"); ok {
		if name := value.TypeName(v); name != kind {
			return nil, fmt.Errorf("want a %v, got %s", kind, show(v))
		}
		return nil, nil
	}
	expected := at(want, "value")
	if at(want, "type") == "float" {
		if n, ok := expected.(int64); ok {
			expected = float64(n)
		}
	}
	if d := difference(expected, untupled(v), ""); d != "" {
		return nil, errors.New(d)
	}
	return nil, nil
}

// untupled makes lists of tuples, as the recording did.
func untupled(v any) any {
	switch x := v.(type) {
	case value.Tuple:
		return untupled(value.NewList(x...))
	case *value.List:
		out := value.NewList()
		for _, item := range x.Items {
			out.Items = append(out.Items, untupled(item))
		}
		return out
	}
	return v
}

func (o *orquesta) eval(ctx context.Context, c *Case) (any, error) {
	if l := o.language(c); l != nil {
		if text, ok := c.Input.(string); ok {
			p, err := l.Compile(text)
			if err != nil {
				return nil, err
			}
			return p.Eval(ctx, c.data(), o.set.Limits().Budget(ctx))
		}
	}
	return o.set.Eval(ctx, c.Input, c.data())
}

func (o *orquesta) validate(_ context.Context, c *Case) (any, error) {
	problems := o.set.Validate(c.Input)
	if l := o.language(c); l != nil {
		text, _ := c.Input.(string)
		problems = l.Validate(text)
	}
	out := value.NewList()
	for _, p := range problems {
		d := value.DictOf("type", nil, "expression", p.Expression, "message", p.Message)
		if p.Type != "" {
			d.SetStr("type", p.Type)
		}
		out.Items = append(out.Items, d)
	}
	want := at(dictAt(c.Raw, "expect"), "value")
	if d, ok := want.(*value.Dict); ok {
		want = at(d, "errors")
	}
	if d := difference(want, out, ""); d != "" {
		return nil, errors.New(d)
	}
	return nil, nil
}

func (o *orquesta) extractVars(_ context.Context, c *Case) (any, error) {
	out := value.NewList()
	if l := o.language(c); l != nil {
		text, _ := c.Input.(string)
		refs := slices.Clone(l.(interface{ References(string) []string }).References(text))
		slices.Sort(refs)
		for _, r := range refs {
			out.Items = append(out.Items, r)
		}
	} else {
		for _, r := range o.set.ExtractVars(c.Input) {
			out.Items = append(out.Items, value.NewList(r.Type, r.Statement, r.Name))
		}
	}
	if d := difference(at(dictAt(c.Raw, "expect"), "value"), out, ""); d != "" {
		return nil, errors.New(d)
	}
	return nil, nil
}
