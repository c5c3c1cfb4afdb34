package workflow

import (
	"cmp"
	"fmt"
	"slices"
)

// collect gives what changed since the last call, as rows.
func (c *Conductor) collect(before Status) Changes {
	ch := Changes{From: before, Run: c.run, Done: c.done}
	for _, e := range c.dirtyTasks {
		e.dirty = false
		if e.index < len(c.seq) && c.seq[e.index] == e {
			ch.Tasks = append(ch.Tasks, e.row())
		}
	}
	for _, s := range c.dirtyStaged {
		s.dirty = false
		switch {
		case !s.gone:
			ch.Staged = append(ch.Staged, s.row())
		case s.number < c.storedStaged:
			ch.StagedGone = append(ch.StagedGone, s.number)
		}
	}
	for _, l := range c.dirtyItems {
		for _, i := range l.dirty {
			// A list that was made anew meanwhile has other cells.
			if i < len(l.cells) && l.cells[i].dirty {
				l.cells[i].dirty = false
				ch.Items = append(ch.Items, l.row(i))
			}
		}
		l.dirty = l.dirty[:0]
	}
	for _, n := range c.newContexts {
		ch.Contexts = append(ch.Contexts, n.row())
	}
	for _, id := range c.newRoutes {
		ch.Routes = append(ch.Routes, RouteRow{id, c.routes[id]})
	}
	gone := c.errors.gone
	for _, r := range c.errors.added {
		if i := slices.Index(gone, r.Number); i >= 0 {
			gone = slices.Delete(gone, i, i+1) // came and went within one call
			continue
		}
		ch.Errors = append(ch.Errors, *r)
	}
	ch.ErrorsGone = gone
	if len(ch.Tasks)+len(ch.Staged)+len(ch.StagedGone)+len(ch.Items)+len(ch.Contexts)+len(ch.Routes)+len(ch.Errors)+len(ch.ErrorsGone) > 0 ||
		before != c.status || c.output != c.storedOutput || c.revision == 0 {
		c.revision++
	}
	ch.Workflow = WorkflowRow{Revision: c.revision, Status: c.status, Output: c.output, NextStaged: c.nextStaged, NextError: c.errors.next}
	c.dirtyTasks, c.dirtyStaged, c.dirtyItems = c.dirtyTasks[:0], c.dirtyStaged[:0], c.dirtyItems[:0]
	c.newContexts, c.newRoutes = nil, nil
	c.errors.added, c.errors.gone = nil, nil
	c.storedStaged, c.storedOutput = c.nextStaged, c.output
	c.run, c.done = nil, nil
	return ch
}

func (e *entry) row() TaskRow {
	r := TaskRow{Index: e.index, Task: e.node.Name, Route: e.route, Status: e.status, Context: e.ctx.id, Prev: e.prev,
		Terminal: e.term, Retry: e.retry}
	for i, taken := range e.next {
		if taken != 0 {
			r.Next = append(r.Next, Taken{e.node.Out[i].ID, taken > 0})
		}
	}
	return r
}

func (s *stagedTask) row() StagedRow {
	r := StagedRow{Number: s.number, Task: s.node.Name, Route: s.route, Context: s.ctx.id, Prev: s.prev, Ready: s.ready,
		Completed: s.completed, RunOnFail: s.runOnFail, Retry: s.retry}
	if s.items != nil {
		r.HasItems, r.Items, r.Generation = true, len(s.items.cells), s.round
	}
	return r
}

// Restore builds the conductor of a workflow execution from its rows.
func Restore(spec *Spec, rows Rows, host Host) (*Conductor, error) {
	c, err := newConductor(spec, host)
	if err != nil {
		return nil, err
	}
	w := rows.Workflow
	c.revision, c.status, c.output, c.storedOutput = w.Revision, w.Status, w.Output, w.Output
	c.nextStaged, c.storedStaged = w.NextStaged, w.NextStaged
	for _, f := range []func(Rows) error{c.restoreContexts, c.restoreTasks, c.restoreItems, c.restoreStaged, c.restoreErrors} {
		if err := f(rows); err != nil {
			return nil, fmt.Errorf("restore workflow: %w", err)
		}
	}
	c.save()
	return c, nil
}

func (c *Conductor) restoreContexts(rows Rows) error {
	list := sorted(rows.Contexts, func(a, b ContextRow) int { return cmp.Compare(a.ID, b.ID) })
	for i, r := range list {
		if r.ID != i || r.Parent >= i || r.Merged >= i || (r.Parent < 0) != (i == 0) {
			return fmt.Errorf("context %d is out of place", r.ID)
		}
		var n *contextNode
		switch {
		case r.Parent < 0:
			n = firstContext(r.Vars)
		case r.Merged >= 0:
			n = c.contexts[r.Parent].join(r.ID, c.contexts[r.Merged])
		default:
			n = c.contexts[r.Parent].publish(r.ID, r.Vars)
		}
		c.contexts = append(c.contexts, n)
	}
	for i, r := range sorted(rows.Routes, func(a, b RouteRow) int { return cmp.Compare(a.ID, b.ID) }) {
		if r.ID != i {
			return fmt.Errorf("route %d is missing", i)
		}
		c.routes = append(c.routes, r.Transitions)
	}
	return nil
}

func sorted[T any](list []T, by func(a, b T) int) []T {
	if slices.IsSortedFunc(list, by) {
		return list
	}
	list = slices.Clone(list)
	slices.SortFunc(list, by)
	return list
}

// find looks up what a row refers to.
func (c *Conductor) find(task string, route, ctx int) (*Node, *contextNode, error) {
	n := c.graph.byName[task]
	if n == nil {
		return nil, nil, fmt.Errorf("task %q is not in the definition", task)
	}
	if route < 0 || route >= len(c.routes) || ctx < 0 || ctx >= len(c.contexts) {
		return nil, nil, fmt.Errorf("task %q refers to route %d and context %d, which are missing", task, route, ctx)
	}
	return n, c.contexts[ctx], nil
}

func (c *Conductor) restoreTasks(rows Rows) error {
	list := sorted(rows.Tasks, func(a, b TaskRow) int { return cmp.Compare(a.Index, b.Index) })
	for i, r := range list {
		n, ctx, err := c.find(r.Task, r.Route, r.Context)
		if err != nil {
			return err
		}
		if r.Index != i {
			return fmt.Errorf("task entry %d is missing", i)
		}
		e := &entry{index: i, node: n, route: r.Route, status: r.Status, ctx: ctx, prev: r.Prev, term: r.Terminal, retry: r.Retry}
		for _, t := range r.Next {
			at := slices.IndexFunc(n.Out, func(e *Edge) bool { return e.ID == t.Transition })
			if at < 0 {
				return fmt.Errorf("task %q has no transition %q", r.Task, t.Transition)
			}
			if e.next == nil {
				e.next = make([]int8, len(n.Out))
			}
			e.next[at] = -1
			if t.Taken {
				e.next[at] = 1
			}
		}
		c.seq = append(c.seq, e)
		c.latest[taskKey{n, r.Route}] = e
	}
	for _, e := range c.latest {
		c.counts.add(e.status, 1)
	}
	return nil
}

func (c *Conductor) restoreItems(rows Rows) error {
	for _, r := range rows.Items {
		n := c.graph.byName[r.Task]
		if n == nil {
			return fmt.Errorf("task %q is not in the definition", r.Task)
		}
		key := taskKey{n, r.Route}
		l := c.items[key]
		if l == nil {
			l = &itemList{node: n, route: r.Route}
			c.items[key] = l
		}
		// Rows of the newest list say how many items there are.
		if r.List > l.list || l.cells == nil {
			l.list = r.List
			if len(l.cells) != r.Count {
				cells := make([]cell, r.Count)
				copy(cells, l.cells)
				l.cells = cells
			}
		}
		l.round = max(l.round, r.Generation)
		if r.Item < 0 || r.Item >= len(l.cells) {
			continue
		}
		l.cells[r.Item] = cell{round: r.Generation, status: r.Status, list: r.List, reported: r.Reported, result: r.Result}
	}
	for _, l := range c.items {
		l.listRound = l.lastRound()
		for i := range l.cells {
			if l.cells[i].list == l.list && completed(l.cells[i].reported) {
				l.finished++
			}
		}
	}
	return nil
}

// lastRound is the last round that items were started in for the list of
// results.
func (l *itemList) lastRound() int {
	last := 0
	for i := range l.cells {
		if l.cells[i].list == l.list {
			last = max(last, l.cells[i].round)
		}
	}
	return last
}

func (c *Conductor) restoreStaged(rows Rows) error {
	list := sorted(rows.Staged, func(a, b StagedRow) int { return cmp.Compare(a.Number, b.Number) })
	for _, r := range list {
		n, ctx, err := c.find(r.Task, r.Route, r.Context)
		if err != nil {
			return err
		}
		s := &stagedTask{number: r.Number, node: n, route: r.Route, ctx: ctx, prev: r.Prev, ready: r.Ready,
			completed: r.Completed, runOnFail: r.RunOnFail, retry: r.Retry}
		key := taskKey{n, r.Route}
		if r.HasItems {
			s.items, s.round = c.restoreRound(key, r), r.Generation
		}
		c.linkStaged(key, s)
		if s.pending() {
			c.readyStaged++
		}
		c.consider(s)
	}
	return nil
}

// restoreRound sums up the work on the items of a staged task.
func (c *Conductor) restoreRound(key taskKey, r StagedRow) *itemList {
	l := c.items[key]
	if l == nil {
		l = &itemList{node: key.node, route: key.route}
		c.items[key] = l
	}
	if len(l.cells) != r.Items {
		// Work began on a list of another length and no item of it has run.
		cells := make([]cell, r.Items)
		l.cells, l.list, l.finished, l.listRound = cells, l.list+1, 0, 0
	}
	l.round = max(l.round, r.Generation)
	l.counts = itemCounts{}
	for i := range l.cells {
		l.counts.add(l.status(i), 1)
	}
	return l
}

func (c *Conductor) restoreErrors(rows Rows) error {
	for _, r := range sorted(rows.Errors, func(a, b ErrorRow) int { return cmp.Compare(a.Number, b.Number) }) {
		c.errors.insert(keyOf(&r), &r)
	}
	c.errors.next = max(c.errors.next, rows.Workflow.NextError)
	return nil
}
