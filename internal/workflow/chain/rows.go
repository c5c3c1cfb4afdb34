package chain

import (
	"cmp"
	"fmt"
	"slices"

	"squall/internal/expr/value"
	"squall/internal/workflow"
)

// The rows of a chain. Context 0 holds what it began with, context 1 its
// variables, and each further one what a task published. The results of tasks
// are rows of items, one for each visit, under the visit's number as route.

func (c *Conductor) addContext(vars *value.Dict) {
	parent := c.contexts - 1
	c.rows = append(c.rows, workflow.ContextRow{ID: c.contexts, Parent: parent, Merged: -1, Vars: vars})
	c.contexts++
}

// collect gathers what changed since it was called last.
func (c *Conductor) collect(before workflow.Status) workflow.Changes {
	ch := workflow.Changes{From: before, Run: c.run, Contexts: c.rows}
	c.run, c.rows = nil, nil
	visits := make([]*visit, 0, len(c.changed))
	for v := range c.changed {
		visits = append(visits, v)
	}
	clear(c.changed)
	slices.SortFunc(visits, func(a, b *visit) int { return cmp.Compare(a.index, b.index) })
	for _, v := range visits {
		row := workflow.TaskRow{Index: v.index, Task: v.node.Name, Route: v.index, Status: v.status, Context: c.contexts - 1, Terminal: v.settled}
		if v.index > 0 {
			row.Prev = []workflow.Link{{Transition: c.visits[v.index-1].node.Name + "__t0", Task: v.index - 1}}
		}
		ch.Tasks = append(ch.Tasks, row)
		if v.child.Created != "" {
			ch.Items = append(ch.Items, workflow.ItemRow{Task: v.node.Name, Route: v.index, Count: 1, Status: v.status, Reported: v.status, Result: v.stored(c)})
		}
	}
	if len(ch.Tasks)+len(ch.Contexts)+len(ch.Run) > 0 || before != c.status {
		c.revision++
	}
	ch.Workflow = c.row()
	return ch
}

// stored is the document of a visit. seen is what templates see of it, when that
// is something else than its result.
func (v *visit) stored(c *Conductor) *value.Dict {
	d := value.DictOf("execution", v.child.Execution, "created", v.child.Created, "updated", v.child.Updated, "refused", v.refused, "result", v.result)
	if seen, _ := c.results.GetStr(v.node.Name); seen != nil && seen != v.result && v.settled && c.last() == v {
		d.SetStr("seen", seen)
	}
	return d
}

func (c *Conductor) row() workflow.WorkflowRow {
	r := workflow.WorkflowRow{Revision: c.revision, Status: c.status}
	if f := c.fault; f != nil {
		r.Output = value.DictOf("error", f.message, "traceback", f.trace, "alone", f.alone)
	}
	return r
}

// Restore builds a conductor from the rows of another one.
func Restore(spec *Spec, rows workflow.Rows, host Host) (*Conductor, error) {
	c := newConductor(spec, host)
	c.revision, c.status = rows.Workflow.Revision, rows.Workflow.Status
	if out := rows.Workflow.Output; out != nil {
		f := &fault{}
		f.message, _ = get[string](out, "error")
		f.trace, _ = get[string](out, "traceback")
		f.alone, _ = get[bool](out, "alone")
		c.fault = f
	}
	slices.SortFunc(rows.Contexts, func(a, b workflow.ContextRow) int { return cmp.Compare(a.ID, b.ID) })
	for _, r := range rows.Contexts {
		c.contexts = r.ID + 1
		switch {
		case r.ID == 0:
			if p, ok := get[*value.Dict](r.Vars, "parameters"); ok {
				c.parameters = p
			}
			c.hide, _ = get[bool](r.Vars, "hide_published")
			if skip, ok := get[*value.List](r.Vars, "skip_notify"); ok {
				for _, item := range skip.Items {
					if name, ok := item.(string); ok {
						c.skip = append(c.skip, name)
					}
				}
			}
		case r.Vars == nil:
		default:
			c.vars.Update(r.Vars)
			if r.ID > 1 {
				c.published.Update(r.Vars)
			}
		}
	}
	if err := c.restoreVisits(rows); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conductor) restoreVisits(rows workflow.Rows) error {
	docs := make(map[int]*value.Dict, len(rows.Items))
	for _, r := range rows.Items {
		docs[r.Route], _ = r.Result.(*value.Dict)
	}
	slices.SortFunc(rows.Tasks, func(a, b workflow.TaskRow) int { return cmp.Compare(a.Index, b.Index) })
	for _, r := range rows.Tasks {
		n, ok := c.spec.Node(r.Task)
		if !ok || r.Index != len(c.visits) {
			return fmt.Errorf("the rows of a chain do not fit its definition: visit %d of task %q", r.Index, r.Task)
		}
		v := &visit{index: r.Index, node: n, status: r.Status, settled: r.Terminal}
		c.visits = append(c.visits, v)
		d := docs[r.Index]
		if d == nil {
			continue
		}
		v.child.Execution, _ = get[string](d, "execution")
		v.child.Created, _ = get[string](d, "created")
		v.child.Updated, _ = get[string](d, "updated")
		v.refused, _ = get[bool](d, "refused")
		v.result, _ = d.GetStr("result")
		if v.settled || v.status == "paused" {
			c.results.SetStr(n.Name, v.result)
		}
		if seen, ok := d.GetStr("seen"); ok {
			c.results.SetStr(n.Name, seen)
		}
	}
	return nil
}
