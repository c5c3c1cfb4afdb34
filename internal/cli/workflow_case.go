package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/expr/value"
	"squall/internal/workflow"
)

// writeCase writes a rehearsal that repeats an execution: the definition, the
// inputs, how every action ended, and the outcome.
func (a *app) writeCase(ctx context.Context, out format, id string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	if id, err = outermost(ctx, c, id); err != nil {
		return err
	}
	ex, err := c.Execution(ctx, id)
	if err != nil {
		return err
	}
	if !ex.Status.Final() {
		return usageErrorf("execution %s is %s; a case is written when it has ended", id, ex.Status)
	}
	flow, err := c.Flow(ctx, id)
	if err != nil {
		return err
	}
	spec, problems := workflow.Parse([]byte(flow.Definition))
	if spec == nil {
		return usageErrorf("%s\nonly Orquesta workflows can be rehearsed", finding("the definition of "+id, problems[0]))
	}
	children, err := c.Children(ctx, id, 1)
	if err != nil {
		return err
	}
	inputs, extra, err := firstVariables(ctx, c, id, spec)
	if err != nil {
		return err
	}
	one := value.DictOf("name", "as execution "+id, "inputs", inputs, "context", extra, "actions", mocks(children), "expect", expectation(ex))
	return a.printCase(out, value.DictOf("workflow", flow.Definition, "cases", value.NewList(one)))
}

func (a *app) printCase(out format, doc *value.Dict) error {
	text, err := value.ToJSON(doc)
	if err != nil {
		return err
	}
	if out.json {
		return out.print(a.io.Stdout, json.RawMessage(text))
	}
	return printYAML(a.io.Stdout, text)
}

// firstVariables are the inputs that a workflow began with, and what else it found.
func firstVariables(ctx context.Context, c *client.Client, id string, spec *workflow.Spec) (inputs, extra *value.Dict, err error) {
	inputs, extra = value.NewDict(4), value.NewDict(2)
	got, err := c.FlowContext(ctx, id, 0)
	if err != nil {
		if got, err = c.FlowContext(ctx, id, -1); err != nil { // it came to no task
			return nil, nil, err
		}
	}
	v, err := value.FromJSON(got.Variables)
	vars, ok := v.(*value.Dict)
	if err != nil || !ok {
		return nil, nil, fmt.Errorf("read the variables of %s: %w", id, err)
	}
	for _, name := range spec.Inputs() {
		if x, ok := vars.GetStr(name); ok {
			inputs.SetStr(name, x)
		}
	}
	for _, name := range []string{"st2", "parent"} {
		if x, ok := vars.GetStr(name); ok {
			extra.SetStr(name, x)
		}
	}
	return inputs, extra, nil
}

// mocks say how the actions ended, each start of a task and item for itself.
func mocks(children []wire.Execution) *value.List {
	type start struct {
		task string
		item int
	}
	list := value.NewList()
	visits := map[start]int{}
	for i := range children {
		ch := &children[i]
		p := placeOf(ch)
		key := start{p.Orquesta.Task, -1}
		m := value.DictOf("task", p.Orquesta.Task)
		if p.Orquesta.Item != nil {
			key.item = *p.Orquesta.Item
			m.SetStr("item", int64(key.item))
		}
		visits[key]++
		m.SetStr("visit", int64(visits[key]))
		m.SetStr("status", string(ch.Status))
		if v, err := value.FromJSON(ch.Result); err == nil {
			m.SetStr("result", v)
		}
		list.Items = append(list.Items, m)
	}
	return list
}

// expectation is what came of an execution, in the words of a rehearsal.
func expectation(ex *wire.Execution) *value.Dict {
	expect := value.DictOf("status", string(ex.Status))
	if v, err := value.FromJSON(ex.Result); err == nil {
		if d, ok := v.(*value.Dict); ok {
			if out, ok := d.GetStr("output"); ok {
				expect.SetStr("output", out)
			}
		}
	}
	return expect
}
