package workflow

import (
	"cmp"
	"slices"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// taskKey names what the engine looks tasks up by.
type taskKey struct {
	node  *Node
	route int
}

// entry is a TaskRow at work.
type entry struct {
	index  int
	node   *Node
	route  int
	status Status
	ctx    *contextNode
	prev   []Link // never changed
	next   []int8 // by position in node.Out: 0 undecided, 1 taken, -1 not
	term   bool
	retry  *RetryState // replaced, never changed

	dirty bool
}

// stagedTask is a StagedRow at work.
type stagedTask struct {
	number    int64
	node      *Node
	route     int
	ctx       *contextNode
	prev      []Link
	ready     bool
	completed bool
	runOnFail bool
	retry     *RetryState
	items     *itemList // nil: not begun
	round     int       // generation of items that counts here

	gone, dirty bool
	queued      bool        // is in Conductor.open
	twin        *stagedTask // another one of the same task and route, staged later
}

func (s *stagedTask) pending() bool { return s.ready && !s.completed && !s.gone }

// counts are how many newest entries of tasks are in which kind of state.
type counts struct{ active, pausing, paused, canceled int }

func (n *counts) add(s Status, d int) {
	if active(s) {
		n.active += d
	}
	switch s {
	case squall.Pausing:
		n.pausing += d
	case squall.Paused, squall.Pending:
		n.paused += d
	case squall.Canceling, squall.Canceled:
		n.canceled += d
	}
}

// undoLog takes back what was done since the last save point, newest first.
type undoLog []func()

func (c *Conductor) onUndo(f func()) { c.undo = append(c.undo, f) }

// save makes what was done so far permanent.
func (c *Conductor) save() { c.undo = c.undo[:0] }

// rollback takes back everything since the last save point.
func (c *Conductor) rollback() {
	for i := len(c.undo) - 1; i >= 0; i-- {
		c.undo[i]()
	}
	c.undo = c.undo[:0]
}

func (c *Conductor) setStatus(s Status) {
	old := c.status
	c.onUndo(func() { c.status = old })
	c.status = s
}

// touch notes that an entry will change.
func (c *Conductor) touch(e *entry) {
	old := *e
	c.onUndo(func() {
		dirty := e.dirty
		*e = old
		e.dirty = dirty
	})
	if !e.dirty {
		e.dirty = true
		c.dirtyTasks = append(c.dirtyTasks, e)
	}
}

func (c *Conductor) setEntryStatus(e *entry, s Status) {
	if e.status == s {
		return
	}
	c.touch(e)
	if c.latest[taskKey{e.node, e.route}] == e {
		c.count(e.status, -1)
		c.count(s, 1)
	}
	e.status = s
}

func (c *Conductor) count(s Status, d int) {
	old := c.counts
	c.onUndo(func() { c.counts = old })
	c.counts.add(s, d)
}

func (c *Conductor) setTerminal(e *entry, term bool) {
	if e.term == term {
		return
	}
	c.touch(e)
	e.term = term
}

// appendEntry adds a visit and makes it the newest of its task and route.
func (c *Conductor) appendEntry(e *entry) {
	e.index = len(c.seq)
	key := taskKey{e.node, e.route}
	old := c.latest[key]
	if old != nil {
		c.count(old.status, -1)
	}
	c.count(e.status, 1)
	c.seq = append(c.seq, e)
	c.latest[key] = e
	c.onUndo(func() {
		c.seq = c.seq[:e.index]
		if old == nil {
			delete(c.latest, key)
		} else {
			c.latest[key] = old
		}
	})
	c.beginsAnew(e, old)
	e.dirty = true
	c.dirtyTasks = append(c.dirtyTasks, e)
}

// stagedFor finds the first staged record of a task and route.
func (c *Conductor) stagedFor(n *Node, route int) *stagedTask { return c.stagedBy[taskKey{n, route}] }

// changeStaged changes a staged record and keeps the count of those that are
// ready.
func (c *Conductor) changeStaged(s *stagedTask, change func()) {
	old, was := *s, s.pending()
	change()
	c.countReady(was, s.pending())
	c.onUndo(func() {
		dirty, queued := s.dirty, s.queued
		*s = old
		s.dirty, s.queued = dirty, queued
	})
	if !s.dirty {
		s.dirty = true
		c.dirtyStaged = append(c.dirtyStaged, s)
	}
	c.consider(s)
}

func (c *Conductor) countReady(was, is bool) {
	if was == is {
		return
	}
	old := c.readyStaged
	c.onUndo(func() { c.readyStaged = old })
	if is {
		c.readyStaged++
	} else {
		c.readyStaged--
	}
}

// consider puts a staged record on the list that Next looks through.
func (c *Conductor) consider(s *stagedTask) {
	if s.pending() && !s.queued {
		s.queued = true
		c.open = append(c.open, s)
	}
}

func (c *Conductor) stage(s *stagedTask) {
	next := c.nextStaged
	s.number = next
	c.nextStaged++
	key := taskKey{s.node, s.route}
	c.onUndo(func() { c.nextStaged = next; s.gone = true })
	c.linkStaged(key, s)
	c.countReady(false, s.pending())
	s.dirty = true
	c.dirtyStaged = append(c.dirtyStaged, s)
	c.consider(s)
}

func (c *Conductor) linkStaged(key taskKey, s *stagedTask) {
	first := c.stagedBy[key]
	if first == nil {
		c.stagedBy[key] = s
		c.onUndo(func() { delete(c.stagedBy, key) })
		return
	}
	last := first
	for last.twin != nil {
		last = last.twin
	}
	last.twin = s
	c.onUndo(func() { last.twin = nil })
}

// unstage removes the first staged record of a task and route, unless items of
// it are active.
func (c *Conductor) unstage(n *Node, route int) {
	key := taskKey{n, route}
	s := c.stagedBy[key]
	if s == nil || s.items != nil && s.items.counts.active > 0 {
		return
	}
	c.changeStaged(s, func() { s.gone = true })
	if s.twin == nil {
		delete(c.stagedBy, key)
	} else {
		c.stagedBy[key] = s.twin
	}
	c.onUndo(func() { c.stagedBy[key] = s })
}

// openStaged lists the records that may have something to start, in the order
// of their staging.
func (c *Conductor) openStaged() []*stagedTask {
	c.open = slices.DeleteFunc(c.open, func(s *stagedTask) bool {
		if s.pending() {
			return false
		}
		s.queued = false
		return true
	})
	list := slices.Clone(c.open)
	slices.SortFunc(list, func(a, b *stagedTask) int { return cmp.Compare(a.number, b.number) })
	return list
}

// addContext appends a context made from others.
func (c *Conductor) addContext(n *contextNode) {
	c.contexts = append(c.contexts, n)
	c.newContexts = append(c.newContexts, n)
	c.onUndo(func() {
		c.contexts = c.contexts[:n.id]
		c.newContexts = c.newContexts[:len(c.newContexts)-1]
	})
}

func (c *Conductor) publish(on *contextNode, vars *value.Dict) *contextNode {
	n := on.publish(len(c.contexts), vars)
	c.addContext(n)
	return n
}

func (c *Conductor) joinContexts(a, b *contextNode) *contextNode {
	n := a.join(len(c.contexts), b)
	if n != a {
		c.addContext(n)
	}
	return n
}

func (c *Conductor) addRoute(transitions []string) int {
	id := len(c.routes)
	c.routes = append(c.routes, transitions)
	c.newRoutes = append(c.newRoutes, id)
	c.onUndo(func() {
		c.routes = c.routes[:id]
		c.newRoutes = c.newRoutes[:len(c.newRoutes)-1]
	})
	return id
}
