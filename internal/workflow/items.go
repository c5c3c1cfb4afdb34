package workflow

import (
	"strings"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// itemsSpec is the text of a task's with, taken apart.
type itemsSpec struct {
	expr  any      // what gives the list
	names []string // nil: items have no names
}

func newItemsSpec(v any) *itemsSpec {
	text, ok := v.(string)
	if !ok {
		return &itemsSpec{expr: v}
	}
	names, list, named := strings.Cut(text, " in ")
	if !named {
		return &itemsSpec{expr: strings.TrimSpace(text)}
	}
	return &itemsSpec{expr: strings.TrimSpace(list), names: strings.Split(strings.ReplaceAll(names, " ", ""), ",")}
}

// named gives an item its names: a list is paired with them, anything else
// takes the only one.
func (s *itemsSpec) named(item any) any {
	if s.names == nil {
		return item
	}
	var parts []any
	switch x := item.(type) {
	case *value.List:
		parts = x.Items
	case value.Tuple:
		parts = x
	default:
		if len(s.names) != 1 {
			return item
		}
		parts = []any{item}
	}
	d := value.NewDict(len(s.names))
	for i := range min(len(s.names), len(parts)) {
		d.SetStr(s.names[i], parts[i])
	}
	return d
}

// evaluate gives the list of items, named.
func (c *Conductor) evaluateItems(s *itemsSpec, sc *scope) ([]any, error) {
	if _, ok := s.expr.(string); !ok {
		return nil, value.TypeErrorf("argument of type '%s' is not iterable", value.TypeName(s.expr))
	}
	v, err := c.eval(s.expr, sc)
	if err != nil {
		return nil, err
	}
	l, ok := v.(*value.List)
	if !ok {
		return nil, value.TypeErrorf("The value of \"%s\" is not type of list.", s.expr)
	}
	if s.names == nil {
		return l.Items, nil
	}
	out := make([]any, len(l.Items))
	for i, item := range l.Items {
		out[i] = s.named(item)
	}
	return out, nil
}

// itemList is the items of a task on a route: where the work on them stands,
// and their results. The two have lives of their own: work starts anew with a
// retry or a new arrival at the task (a round), while results are forgotten
// only when work starts on a list that was done.
type itemList struct {
	node  *Node
	route int
	cells []cell

	round  int // of work; cells of earlier rounds have not run in this one
	counts itemCounts
	cursor int // items before it have run in this round

	list      int // number of the list of results
	listRound int // the last round that items were started in for it
	finished  int // items of this list that last reported a final status

	// The evaluated items, kept while the task's context is the same.
	items    []any
	itemsFor *contextNode

	dirty []int
}

type cell struct {
	round    int
	status   Status // in that round
	list     int    // the list that reported and result belong to
	reported Status
	result   any
	dirty    bool
}

// itemCounts are how many items of a round are in which kind of state.
type itemCounts struct{ active, paused, canceled, abended, completed int }

func (n *itemCounts) add(s Status, d int) {
	if active(s) {
		n.active += d
	}
	if completed(s) {
		n.completed += d
	}
	switch {
	case s == squall.Pending || s == squall.Paused:
		n.paused += d
	case s == squall.Canceled:
		n.canceled += d
	case abended(s):
		n.abended += d
	}
}

// class sums up n items.
func (n itemCounts) class(of int) itemsClass {
	switch {
	case n.active > 0:
		return itemsIncomplete
	case n.paused > 0:
		return itemsPaused
	case n.canceled > 0:
		return itemsCanceled
	case n.abended > 0:
		return itemsFailed
	case n.completed < of:
		return itemsIncomplete
	}
	return itemsCompleted
}

// status of an item in the round that is at work.
func (l *itemList) status(i int) Status {
	if l.cells[i].round != l.round {
		return unset
	}
	return l.cells[i].status
}

// beginItems starts a round of work on n items.
func (c *Conductor) beginItems(s *stagedTask, n int) {
	key := taskKey{s.node, s.route}
	l := c.items[key]
	if l == nil {
		l = &itemList{node: s.node, route: s.route}
		c.items[key] = l
		c.onUndo(func() { delete(c.items, key) })
	}
	old := *l
	c.onUndo(func() { dirty := l.dirty; *l = old; l.dirty = dirty })
	if len(l.cells) != n {
		l.cells = make([]cell, n)
		l.list++
		l.finished, l.listRound = 0, 0
	}
	l.round++
	l.counts, l.cursor = itemCounts{}, 0
	c.changeStaged(s, func() { s.items, s.round = l, l.round })
}

// beginResults starts a new list of results where the recorded host does:
// when items are started after all had reported a final status. Unless the
// host is to be followed to the letter, a rerun of failed items keeps the
// results of the others.
func (c *Conductor) beginResults(l *itemList) {
	list, round, finished := l.list, l.listRound, l.finished
	c.onUndo(func() { l.list, l.listRound, l.finished = list, round, finished })
	sameWork := !c.host.FreshResults && round == l.round
	if l.listRound = l.round; list > 0 && (finished < len(l.cells) || sameWork) {
		return
	}
	l.list++
	l.finished = 0
}

// setCell changes an item and keeps the counts. now tells whether the status
// is one of this round's work, or only something the host heard.
func (c *Conductor) setCell(l *itemList, i int, now bool, change func(*cell)) {
	p := &l.cells[i]
	old, counts, cursor, finished := *p, l.counts, l.cursor, l.finished
	c.onUndo(func() {
		dirty := p.dirty
		*p = old
		p.dirty = dirty
		l.counts, l.cursor, l.finished = counts, cursor, finished
	})
	if now {
		l.counts.add(l.status(i), -1)
	}
	wasFinal := p.list == l.list && completed(p.reported)
	if p.list != l.list {
		p.reported, p.result = unset, nil
		p.list = l.list
	}
	change(p)
	if now {
		p.round = l.round
		l.counts.add(p.status, 1)
	}
	if is := completed(p.reported); is != wasFinal {
		if is {
			l.finished++
		} else {
			l.finished--
		}
	}
	if !p.dirty {
		p.dirty = true
		l.dirty = append(l.dirty, i)
		if len(l.dirty) == 1 {
			c.dirtyItems = append(c.dirtyItems, l)
		}
	}
}

// reportItem records the report of an item, before the state of the task is
// decided.
func (c *Conductor) reportItem(n *Node, s *stagedTask, r Report) error {
	l := c.items[taskKey{n, r.Route}]
	if s != nil && s.items == nil {
		return value.Errorf("KeyError", "'items'")
	}
	if l == nil {
		return nil
	}
	if r.Item < 0 || r.Item >= len(l.cells) {
		if s == nil {
			return nil
		}
		return value.Errorf("IndexError", "list assignment index out of range")
	}
	if l.list == 0 {
		c.beginResults(l)
	}
	c.setCell(l, r.Item, s != nil, func(p *cell) {
		if s != nil {
			p.status = r.Status
		}
		p.reported, p.result = r.Status, r.Result
	})
	return nil
}

// results is what result() gives for a task with items: a slot for each.
func (l *itemList) results() *value.List {
	if l == nil || l.list == 0 {
		return value.NewList()
	}
	out := &value.List{Items: make([]any, len(l.cells))}
	for i := range l.cells {
		if l.cells[i].list == l.list {
			out.Items[i] = l.cells[i].result
		}
	}
	return out
}

// nextItems chooses the items to start, at most limit (negative: all).
func (l *itemList) nextItems(n, limit int) []int {
	n = min(n, len(l.cells))
	for l.cursor < n && l.status(l.cursor) != unset {
		l.cursor++
	}
	var out []int
	for i := l.cursor; i < n && (limit < 0 || len(out) < limit); i++ {
		if l.status(i) == unset {
			out = append(out, i)
		}
	}
	return out
}

// resetItems makes abended items (or, with all, every item) of the current
// round start again.
func (c *Conductor) resetItems(s *stagedTask, all bool) {
	if s.items == nil {
		return
	}
	for i := range s.items.cells {
		if st := s.items.status(i); st != unset && (all || abended(st)) {
			c.setCell(s.items, i, true, func(p *cell) { p.status = unset })
		}
	}
	s.items.cursor = 0
}

func (l *itemList) row(i int) ItemRow {
	p := &l.cells[i]
	return ItemRow{Task: l.node.Name, Route: l.route, Item: i, Count: len(l.cells), List: p.list, Generation: p.round,
		Status: p.status, Reported: p.reported, Result: p.result}
}

// belowOne reports whether a concurrency is a number below 1.
func belowOne(v any) (number, below bool) {
	switch x := v.(type) {
	case int64:
		return true, x < 1
	case bool:
		return true, !x
	case float64:
		return true, x <= 0
	}
	return false, false
}

// free is how many items may be started now; negative: no limit.
func (c *Conductor) free(concurrency any, running int) (int, error) {
	var n int64
	switch x := concurrency.(type) {
	case nil:
		return -1, nil
	case int64:
		n = x
	case bool:
		n = 1
	case float64:
		return 0, value.TypeErrorf("slice indices must be integers or None or have an __index__ method")
	default:
		return 0, value.TypeErrorf("'<=' not supported between instances of '%s' and 'int'", value.TypeName(x))
	}
	return int(max(min(max(n, 1), 1<<31)-int64(running), 0)), nil
}
