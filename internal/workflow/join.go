package workflow

// criteria of what leads to a task.
type criteria uint8

const (
	satisfied criteria = iota
	undecided
	unsatisfied
)

// manySources is from how many predecessors on a task's arrivals are counted
// and not looked for each time.
const manySources = 8

// arrivals are how many predecessors of a task have run on a route, and how
// many of them lead to it.
type arrivals struct{ seen, taken int }

// need is how many predecessors have to lead to a task before it starts.
func (n *Node) need() int {
	switch b := n.Barrier.(type) {
	case string:
		return len(n.sources)
	case int64:
		if b != 0 {
			return int(min(b, 1<<31))
		}
	}
	return 1
}

// inbound tells whether a task may start, seen from a route: enough of the
// tasks before it have taken a transition to it.
func (c *Conductor) inbound(n *Node, route int) criteria {
	var a arrivals
	if len(n.sources) < manySources {
		a = c.countArrivals(n, route)
	} else {
		key := taskKey{n, route}
		counted := c.joins[key]
		if counted == nil {
			now := c.countArrivals(n, route)
			counted = &now
			c.joins[key] = counted
			c.onUndo(func() { delete(c.joins, key) })
		}
		a = *counted
	}
	switch {
	case a.taken >= n.need():
		return satisfied
	case a.seen < len(n.sources) && (c.counts.active > 0 || c.readyStaged > 0):
		return undecided
	}
	return unsatisfied
}

func (c *Conductor) countArrivals(n *Node, route int) arrivals {
	var a arrivals
	for i := range n.sources {
		if e := c.latest[taskKey{n.sources[i].node, route}]; e != nil {
			a.seen++
			if e.leadsTo(n.sources[i].edges) {
				a.taken++
			}
		}
	}
	return a
}

// leadsTo reports whether an entry took one of its edges.
func (e *entry) leadsTo(edges []*Edge) bool {
	for _, edge := range edges {
		if edge.pos < len(e.next) && e.next[edge.pos] > 0 {
			return true
		}
	}
	return false
}

// siblings are the edges between the same two tasks.
func (edge *Edge) siblings() []*Edge {
	out := edge.From.Out
	first, last := edge.pos, edge.pos+1
	for first > 0 && out[first-1].To == edge.To {
		first--
	}
	for last < len(out) && out[last].To == edge.To {
		last++
	}
	return out[first:last]
}

// decide notes the decision on a transition of the newest entry of a task.
func (c *Conductor) decide(e *entry, edge *Edge, decision int8) {
	a := c.joins[taskKey{edge.To, e.route}]
	if a == nil {
		e.next[edge.pos] = decision
		return
	}
	siblings := edge.siblings()
	before := e.leadsTo(siblings)
	e.next[edge.pos] = decision
	if after := e.leadsTo(siblings); after != before {
		c.countTaken(a, after)
	}
}

func (c *Conductor) countTaken(a *arrivals, more bool) {
	old := *a
	c.onUndo(func() { *a = old })
	if more {
		a.taken++
	} else {
		a.taken--
	}
}

// beginsAnew keeps the counts when a task gets an entry; old is the one before
// it, nil for the first.
func (c *Conductor) beginsAnew(e, old *entry) {
	if len(c.joins) == 0 {
		return
	}
	for i, edge := range e.node.Out {
		if i > 0 && e.node.Out[i-1].To == edge.To {
			continue
		}
		a := c.joins[taskKey{edge.To, e.route}]
		switch {
		case a == nil:
		case old == nil:
			was := *a
			c.onUndo(func() { *a = was })
			a.seen++
		case old.leadsTo(edge.siblings()):
			c.countTaken(a, false)
		}
	}
}
