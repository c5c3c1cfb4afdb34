package workflow

import (
	"iter"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// scope is what an expression sees: a context, variables set on top of it (by
// earlier items of the same list), the current task and item, and on demand
// the state of the workflow.
type scope struct {
	c    *Conductor
	base *contextNode // nil while inputs and vars are rendered
	top  *value.Dict  // assigned, not merged, on top of base
	task *value.Dict  // __current_task
	item any
	has  bool // an item is set
	// state: the snapshot is visible as __state.
	state bool
	owned bool // everything in it is a copy of its own
}

// Lookup implements expr.Vars.
func (s *scope) Lookup(name string) (any, bool) {
	if len(name) > 1 && name[0] == '_' && name[1] == '_' {
		switch {
		case name == expr.VarCurrentTask && s.task != nil:
			return s.task, true
		case name == expr.VarCurrentItem && s.has:
			return s.item, true
		case name == expr.VarState && s.state:
			return s.c.snapshot(), true
		}
	}
	if s.top != nil {
		if v, ok := s.top.GetStr(name); ok {
			return v, true
		}
	}
	if s.base == nil {
		return nil, false
	}
	return s.base.Lookup(name)
}

// Names implements expr.Vars.
func (s *scope) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		if s.base != nil {
			for n := range s.base.Names() {
				if !yield(n) {
					return
				}
			}
		}
		if s.top != nil {
			for k := range s.top.All() {
				n, ok := k.(string)
				if !ok {
					continue
				}
				if s.base != nil {
					if _, old := s.base.Lookup(n); old {
						continue
					}
				}
				if !yield(n) {
					return
				}
			}
		}
		for _, n := range []string{expr.VarCurrentTask, expr.VarCurrentItem, expr.VarState} {
			if n == expr.VarCurrentTask && s.task == nil || n == expr.VarCurrentItem && !s.has || n == expr.VarState && !s.state {
				continue
			}
			if !yield(n) {
				return
			}
		}
	}
}

// ForData implements expr.DataVars: a template that came out of a result must
// not change what other tasks see, so it is given copies.
func (s *scope) ForData() expr.Vars { return &dataScope{s, map[string]any{}} }

// dataScope copies every variable that is looked at.
type dataScope struct {
	of     *scope
	copies map[string]any
}

// Lookup implements expr.Vars.
func (d *dataScope) Lookup(name string) (any, bool) {
	if v, ok := d.copies[name]; ok {
		return v, true
	}
	v, ok := d.of.Lookup(name)
	if ok {
		v = copied(v, 0)
		d.copies[name] = v
	}
	return v, ok
}

// Names implements expr.Vars.
func (d *dataScope) Names() iter.Seq[string] { return d.of.Names() }

// set assigns a variable on top.
func (s *scope) set(name string, v any) {
	if s.top == nil {
		s.top = value.NewDict(4)
	}
	s.top.SetStr(name, v)
}

// taskScope is the view of a task's expressions. Its result is set when the
// task is done.
func (c *Conductor) taskScope(ctx *contextNode, task string, route int) *scope {
	d := value.NewDict(3)
	d.SetStr("id", task)
	d.SetStr("route", int64(route))
	return &scope{c: c, base: ctx, task: d, state: true}
}

// FindTask implements expr.TaskStates: the newest entry of a task on a route,
// or else on the nearest earlier route that this one came from.
func (c *Conductor) FindTask(task string, route int64) (entryRoute int64, status string, found bool) {
	n := c.graph.byName[task]
	if n == nil {
		return 0, "", false
	}
	for {
		if route >= 0 && route < int64(len(c.routes)) {
			if e := c.latest[taskKey{n, int(route)}]; e != nil {
				return route, word(e.status), true
			}
		}
		if route <= 0 || route >= int64(len(c.routes)) {
			return 0, "", false
		}
		route = c.earlierRoute(int(route))
		if route < 0 {
			return 0, "", false
		}
	}
}

// earlierRoute is the nearest route before this one whose transitions are all
// among this one's; -1 for none.
func (c *Conductor) earlierRoute(route int) int64 {
	have := make(map[string]bool, len(c.routes[route]))
	for _, t := range c.routes[route] {
		have[t] = true
	}
next:
	for i := route - 1; i >= 0; i-- {
		for _, t := range c.routes[i] {
			if !have[t] {
				continue next
			}
		}
		return int64(i)
	}
	return -1
}
