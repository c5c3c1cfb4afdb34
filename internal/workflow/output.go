package workflow

import (
	"cmp"
	"slices"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// renderOutput renders the output of a workflow that is over, unless there is
// one already. An output that cannot be rendered fails the workflow.
func (c *Conductor) renderOutput() error {
	if !completed(c.status) || c.output != nil || !truthy(c.spec.output) {
		return nil
	}
	sc := &scope{c: c, base: c.terminalContext(), state: true}
	out := value.NewDict(4)
	var problems []error
	err := c.assignments(c.spec.output, func(name, def any) error {
		v, err := c.evalStored(def, sc)
		if err != nil {
			if isEvaluation(err) {
				problems = append(problems, err)
				return nil
			}
			return err
		}
		if text, ok := name.(string); ok {
			sc.set(text, v)
		}
		out.Set(name, v)
		return nil
	})
	if err != nil {
		return err
	}
	if out.Len() > 0 {
		old := c.output
		c.onUndo(func() { c.output = old })
		c.output = out
	}
	if len(problems) == 0 {
		return nil
	}
	for _, p := range problems {
		c.logError(p, "", -1, "")
	}
	switch c.status {
	case squall.Timeout, squall.Abandoned, squall.Canceled:
		return nil
	}
	return c.requestStatus(squall.Failed)
}

// terminalContext joins what the terminal tasks started with, in the order of
// the sequence.
func (c *Conductor) terminalContext() *contextNode {
	var n *contextNode
	for _, e := range c.seq {
		switch {
		case !e.term:
		case n == nil:
			n = e.ctx
		default:
			n = n.join(noContext, e.ctx)
		}
	}
	if n == nil {
		n = firstContext(value.NewDict(0))
	}
	return n
}

// TerminalContext gives the variables at the end of a workflow; nil while it
// is not over.
func (c *Conductor) TerminalContext() *value.Dict {
	if !completed(c.status) {
		return nil
	}
	return c.terminalContext().dict()
}

// stagedInOrder lists the staged records in the order of their staging.
func (c *Conductor) stagedInOrder() []*stagedTask {
	var out []*stagedTask
	for _, s := range c.stagedBy {
		for ; s != nil; s = s.twin {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *stagedTask) int { return cmp.Compare(a.number, b.number) })
	return out
}

// snapshot is the state of the workflow as expressions see it under __state.
// It is made only for those that name it.
func (c *Conductor) snapshot() *value.Dict {
	contexts, routes, seq, staged := value.NewList(), value.NewList(), value.NewList(), value.NewList()
	tasks := value.NewDict(len(c.latest))
	for _, n := range c.contexts {
		if n.vars != nil {
			contexts.Items = append(contexts.Items, n.vars)
		}
	}
	for _, r := range c.routes {
		l := value.NewList()
		for _, t := range r {
			l.Items = append(l.Items, t)
		}
		routes.Items = append(routes.Items, l)
	}
	for _, e := range c.seq {
		d := value.NewDict(6)
		d.SetStr("id", e.node.Name)
		d.SetStr("route", int64(e.route))
		prev, next := value.NewDict(len(e.prev)), value.NewDict(len(e.next))
		for _, l := range e.prev {
			prev.SetStr(l.Transition, int64(l.Task))
		}
		for i, taken := range e.next {
			if taken != 0 {
				next.SetStr(e.node.Out[i].ID, taken > 0)
			}
		}
		d.SetStr("prev", prev)
		d.SetStr("next", next)
		if e.status != unset {
			d.SetStr("status", string(e.status))
		}
		if e.term {
			d.SetStr("term", true)
		}
		seq.Items = append(seq.Items, d)
		tasks.SetStr(e.node.Name+"__r"+itoa(e.route), int64(e.index))
	}
	for _, s := range c.stagedInOrder() {
		d := value.NewDict(3)
		d.SetStr("id", s.node.Name)
		d.SetStr("route", int64(s.route))
		d.SetStr("ready", s.ready)
		staged.Items = append(staged.Items, d)
	}
	d := value.NewDict(6)
	d.SetStr("contexts", contexts)
	d.SetStr("routes", routes)
	d.SetStr("sequence", seq)
	d.SetStr("staged", staged)
	d.SetStr("status", word(c.status))
	d.SetStr("tasks", tasks)
	return d
}
