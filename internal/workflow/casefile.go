package workflow

import (
	"fmt"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// ReadCase reads a mocked run from its file form: a dict with name, inputs,
// context, actions, controls and order. Keys it does not know are left alone,
// so that a file may also hold what is expected.
func ReadCase(v any) (*Case, error) {
	d, ok := v.(*value.Dict)
	if !ok {
		return nil, fmt.Errorf("read case: it is %s, not a mapping", value.TypeName(v))
	}
	cs := &Case{}
	cs.Name, _ = get(d, "name").(string)
	cs.Input, _ = get(d, "inputs").(*value.Dict)
	cs.Context, _ = get(d, "context").(*value.Dict)
	switch order := get(d, "order"); order {
	case nil, "fifo":
	case "lifo":
		cs.LIFO = true
	default:
		return nil, fmt.Errorf("read case: order is %v, not fifo or lifo", order)
	}
	for i, item := range listAt(d, "actions") {
		m, err := readMock(item)
		if err != nil {
			return nil, fmt.Errorf("read case: actions[%d]: %w", i, err)
		}
		cs.Actions = append(cs.Actions, m)
	}
	for i, item := range listAt(d, "controls") {
		c, err := readControl(item)
		if err != nil {
			return nil, fmt.Errorf("read case: controls[%d]: %w", i, err)
		}
		cs.Controls = append(cs.Controls, c)
	}
	return cs, nil
}

func get(d *value.Dict, key string) any {
	v, _ := d.GetStr(key)
	return v
}

func listAt(d *value.Dict, key string) []any {
	if l, ok := get(d, key).(*value.List); ok {
		return l.Items
	}
	return nil
}

func intAt(d *value.Dict, key string) *int {
	n, ok := get(d, key).(int64)
	if !ok {
		return nil
	}
	i := int(n)
	return &i
}

func readMock(v any) (Mock, error) {
	d, ok := v.(*value.Dict)
	if !ok {
		return Mock{}, fmt.Errorf("it is %s, not a mapping", value.TypeName(v))
	}
	m := Mock{Item: intAt(d, "item"), Route: intAt(d, "route"), Visit: intAt(d, "visit")}
	m.Task, _ = get(d, "task").(string)
	reports := listAt(d, "reports")
	if len(reports) == 0 {
		reports = []any{d}
	}
	for _, item := range reports {
		rd, ok := item.(*value.Dict)
		if !ok {
			return m, fmt.Errorf("a report is %s, not a mapping", value.TypeName(item))
		}
		r := MockReport{Status: squall.Succeeded, Result: get(rd, "result")}
		if s, ok := get(rd, "status").(string); ok {
			r.Status = Status(s)
		}
		m.Reports = append(m.Reports, r)
	}
	return m, nil
}

func readControl(v any) (Control, error) {
	d, ok := v.(*value.Dict)
	if !ok {
		return Control{}, fmt.Errorf("it is %s, not a mapping", value.TypeName(v))
	}
	c := Control{Tasks: ReadRerunTasks(listAt(d, "tasks")), written: get(d, "tasks")}
	c.Name, _ = get(d, "request").(string)
	c.Idle, _ = get(d, "idle").(bool)
	if n := intAt(d, "after"); n != nil {
		c.After = *n
	}
	if _, known := controls[c.Name]; !known && c.Name != "rerun" {
		return c, fmt.Errorf("unknown request %q", c.Name)
	}
	return c, nil
}

// ReadRerunTasks reads a list of {task, route, reset_items}.
func ReadRerunTasks(items []any) []RerunTask {
	var out []RerunTask
	for _, item := range items {
		d, ok := item.(*value.Dict)
		if !ok {
			continue
		}
		t := RerunTask{}
		t.Task, _ = get(d, "task").(string)
		t.ResetItems, _ = get(d, "reset_items").(bool)
		if n := intAt(d, "route"); n != nil {
			t.Route = *n
		}
		out = append(out, t)
	}
	return out
}

// Value gives the outcome of a rehearsal in the form of the case files.
func (r *Rehearsal) Value() *value.Dict {
	trace, errs, tasks, routes := value.NewList(), value.NewList(), value.NewList(), value.NewList()
	for _, s := range r.Trace {
		trace.Items = append(trace.Items, s.value())
	}
	for _, e := range r.Errors {
		errs.Items = append(errs.Items, e.Value())
	}
	for _, t := range r.Tasks {
		tasks.Items = append(tasks.Items, t.value())
	}
	for _, route := range r.Routes {
		l := value.NewList()
		for _, t := range route {
			l.Items = append(l.Items, t)
		}
		routes.Items = append(routes.Items, l)
	}
	d := value.NewDict(7)
	d.SetStr("status", word(r.Status))
	d.SetStr("output", nil)
	if r.Output != nil {
		d.SetStr("output", r.Output)
	}
	d.SetStr("errors", errs)
	d.SetStr("tasks", tasks)
	d.SetStr("routes", routes)
	if r.Terminal != nil {
		d.SetStr("terminal_context", r.Terminal)
	}
	d.SetStr("trace", trace)
	return d
}

// Value gives an error in the form StackStorm shows it.
func (r *ErrorRow) Value() *value.Dict {
	d := value.NewDict(6)
	d.SetStr("type", "error")
	d.SetStr("message", r.Message)
	if r.Task != "" {
		d.SetStr("task_id", r.Task)
	}
	if r.Route >= 0 {
		d.SetStr("route", int64(r.Route))
	}
	if r.Transition != "" {
		d.SetStr("task_transition_id", r.Transition)
	}
	if r.Result != nil {
		d.SetStr("result", r.Result)
	}
	return d
}

func (t *TaskRow) value() *value.Dict {
	d := value.NewDict(7)
	d.SetStr("task", t.Task)
	d.SetStr("route", int64(t.Route))
	d.SetStr("status", nil)
	if t.Status != unset {
		d.SetStr("status", string(t.Status))
	}
	if len(t.Next) > 0 {
		next := value.NewDict(len(t.Next))
		for _, n := range t.Next {
			next.SetStr(n.Transition, n.Taken)
		}
		d.SetStr("next", next)
	}
	if len(t.Prev) > 0 {
		prev := value.NewDict(len(t.Prev))
		for _, p := range t.Prev {
			prev.SetStr(p.Transition, int64(p.Task))
		}
		d.SetStr("prev", prev)
	}
	if t.Terminal {
		d.SetStr("term", true)
	}
	if t.Retry != nil {
		d.SetStr("retries", int64(t.Retry.Tally))
	}
	return d
}

func (s *Step) value() *value.Dict {
	d := value.NewDict(8)
	d.SetStr("ev", s.Kind)
	fault := func(into *value.Dict) {
		class, msg := describe(s.Err)
		into.SetStr("type", class)
		into.SetStr("message", msg)
	}
	switch s.Kind {
	case "workflow":
		d.SetStr("status", word(s.Status))
		return d
	case "exception":
		fault(d)
		return d
	case "request":
		d.SetStr("request", s.Request)
		if s.written != nil {
			d.SetStr("tasks", s.written)
		}
		if s.Err != nil {
			e := value.NewDict(2)
			fault(e)
			d.SetStr("error", e)
		}
		return d
	}
	d.SetStr("task", s.Task)
	d.SetStr("route", int64(s.Route))
	if s.Item >= 0 {
		d.SetStr("item", int64(s.Item))
	}
	if s.Kind == "dispatch" {
		if s.Empty {
			d.SetStr("empty", true)
		} else {
			d.SetStr("action", s.Action)
			d.SetStr("input", s.Input)
		}
		if truthy(s.Delay) {
			d.SetStr("delay", s.Delay)
		}
		return d
	}
	d.SetStr("status", word(s.Status))
	if s.Auto {
		d.SetStr("auto", true)
	}
	if s.HasTask {
		d.SetStr("task_status", word(s.TaskStatus))
	}
	return d
}
