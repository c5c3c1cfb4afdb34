package workflow

import (
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// finish evaluates the transitions of a task that is over, then settles.
func (c *Conductor) finish(n *Node, e *entry, sc *scope) error {
	if len(n.Out) == 0 {
		c.setTerminal(e, true)
		return c.settle(n, e, nil)
	}
	c.touch(e)
	next := make([]int8, len(n.Out))
	copy(next, e.next)
	e.next = next
	var queue []*stagedTask
	var ready []*stagedTask
	manualFail := false
	for _, edge := range n.Out {
		target, err := c.follow(e, edge, sc)
		if err != nil {
			return err
		}
		switch {
		case target == nil:
		case edge.To.command:
			queue = append(queue, target)
			manualFail = manualFail || edge.To.Name == commandFail
		case target.ready:
			ready = append(ready, target)
		}
	}
	if manualFail {
		for _, s := range ready {
			c.changeStaged(s, func() { s.runOnFail = true })
		}
	}
	return c.settle(n, e, queue)
}

// follow decides one transition; when it is taken it publishes and stages the
// successor.
func (c *Conductor) follow(e *entry, edge *Edge, sc *scope) (*stagedTask, error) {
	refuse := func(err error) error {
		c.logError(err, e.node.Name, e.route, edge.ID)
		return c.requestStatus(squall.Failed)
	}
	taken, err := c.criterion(edge, sc)
	if err != nil {
		return nil, refuse(err)
	}
	if !taken {
		c.decide(e, edge, -1)
		return nil, nil
	}
	c.decide(e, edge, 1)
	vars, problems, err := c.publishes(edge, sc)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		for _, p := range problems {
			c.logError(p, e.node.Name, e.route, edge.ID)
		}
		return nil, c.requestStatus(squall.Failed)
	}
	ctx := e.ctx
	if vars != nil {
		ctx = c.publish(ctx, vars)
	}
	return c.stageNext(e, edge, ctx), nil
}

func (c *Conductor) criterion(edge *Edge, sc *scope) (bool, error) {
	if edge.When == nil {
		return true, nil
	}
	v, err := c.eval(edge.When, sc)
	if err != nil {
		return false, err
	}
	return value.Truth(v)
}

// publishes renders what a transition publishes, in order; each value is
// visible to the later ones. vars is nil when there is nothing.
func (c *Conductor) publishes(edge *Edge, sc *scope) (vars *value.Dict, problems []error, err error) {
	if !truthy(edge.spec.Publish) {
		return nil, nil, nil
	}
	rolling := *sc
	if rolling.top != nil {
		rolling.top = rolling.top.Clone()
	}
	rolling.owned = false // what it changes in place is its own
	err = c.assignments(edge.spec.Publish, func(name, def any) error {
		v, err := c.evalStored(def, &rolling)
		if err != nil {
			if isEvaluation(err) {
				problems = append(problems, err)
				return nil
			}
			return err
		}
		text, ok := name.(string)
		if !ok {
			return value.Errorf("AttributeError", "'%s' object has no attribute 'startswith'", value.TypeName(name))
		}
		rolling.set(text, v)
		if vars == nil {
			vars = value.NewDict(2)
		}
		vars.SetStr(text, v)
		return nil
	})
	return vars, problems, err
}

// stageNext stages the successor of a transition, or adds this arrival to the
// staged one.
func (c *Conductor) stageNext(e *entry, edge *Edge, ctx *contextNode) *stagedTask {
	route := c.nextRoute(edge, e.route)
	back := Link{edge.Back, e.index}
	s := c.stagedFor(edge.To, route)
	if s == nil {
		s = &stagedTask{node: edge.To, route: route, ctx: ctx, prev: []Link{back}}
		c.stage(s)
	} else {
		joined := c.joinContexts(s.ctx, ctx)
		c.changeStaged(s, func() {
			s.ctx = joined
			s.prev = addLink(s.prev, back)
			s.items, s.completed = nil, false
		})
	}
	ready := c.inbound(edge.To, e.route) == satisfied
	if ready != s.ready {
		c.changeStaged(s, func() { s.ready = ready })
	}
	return s
}

// addLink adds a back-reference; a later arrival by the same transition
// replaces the earlier one.
func addLink(prev []Link, l Link) []Link {
	for i, old := range prev {
		if old.Transition == l.Transition {
			out := append([]Link(nil), prev...)
			out[i] = l
			return out
		}
	}
	// What was handed out or saved before is shorter and does not see it.
	return append(prev, l)
}

// nextRoute is the route a transition leads to: a new one into a split task.
func (c *Conductor) nextRoute(edge *Edge, route int) int {
	if !edge.To.split || edge.To.InCycle {
		return route
	}
	old := c.routes[route]
	for _, t := range old {
		if t == edge.Back {
			return route
		}
	}
	return c.addRoute(append(old[:len(old):len(old)], edge.Back))
}

// settle brings a task's new status to the workflow, executes the commands it
// led to, and marks it terminal when the workflow is over.
func (c *Conductor) settle(n *Node, e *entry, queue []*stagedTask) error {
	if e.status == unset {
		return value.Errorf("KeyError", "'status'")
	}
	if err := c.taskEvent(n, e); err != nil {
		return err
	}
	for _, s := range queue {
		cmd := commands[s.node.Name]
		r := Report{Task: s.node.Name, Route: s.route, Item: NoItem, Status: cmd.status()}
		if _, err := c.update(s.node, r, cmd); err != nil {
			return err
		}
	}
	if completed(c.status) {
		c.setTerminal(e, true)
	}
	return nil
}

func (c *Conductor) taskEvent(n *Node, e *entry) error {
	ev := taskEvent{status: e.status, active: c.counts.active > 0}
	hasNext, barrierNext := c.hasNext(n, e)
	ev.remediated = abended(e.status) && (hasNext || barrierNext)
	if !ev.valid() {
		return value.Errorf("InvalidEvent", "Event \"task_%s\" is not valid.", word(e.status))
	}
	switch {
	case c.counts.canceled > 0:
		ev.class = itemsCanceled
	case c.counts.pausing > 0 || c.counts.paused > 0:
		ev.class = itemsPaused
	case c.readyStaged > 0 || hasNext:
		ev.class = itemsIncomplete
	}
	next := nextOnTask(c.status, ev)
	if next == c.status {
		return nil
	}
	c.setStatus(next)
	if completed(next) {
		c.checkJoins()
	}
	return nil
}

// hasNext tells whether a task that is over leads on (next), and whether it
// took a transition to a join, ready or not (barrier).
func (c *Conductor) hasNext(n *Node, e *entry) (next, barrier bool) {
	latest := c.latest[taskKey{n, e.route}]
	if latest == nil || !completed(latest.status) {
		return false, false
	}
	for _, edge := range n.Out {
		if edge.To.Name == commandContinue || edge.pos >= len(latest.next) || latest.next[edge.pos] <= 0 {
			continue
		}
		barrier = true
		if edge.To.Barrier == nil || c.inbound(edge.To, e.route) != unsatisfied {
			return true, true
		}
	}
	return false, barrier
}

// checkJoins fails a workflow that ended while a join had some, but not
// enough arrivals.
func (c *Conductor) checkJoins() {
	for _, s := range c.stagedInOrder() {
		if s.ready || s.node.Barrier == nil || s.node.Barrier == int64(0) || c.inbound(s.node, s.route) != unsatisfied {
			continue
		}
		c.setStatus(squall.Failed)
		err := value.Errorf("UnreachableJoinError", "The join task|route \"%s|%d\" is partially satisfied but unreachable.", s.node.Name, s.route)
		c.logError(err, s.node.Name, s.route, "")
	}
}
