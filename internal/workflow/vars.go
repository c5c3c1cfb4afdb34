package workflow

import (
	"iter"
	"slices"
	"strings"

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

// env is the environment of an evaluation.
func (c *Conductor) env(s *scope) *expr.Env {
	e := c.host.Env
	e.Vars = s
	if s.state {
		e.States = c
	}
	return &e
}

// eval evaluates a statement.
func (c *Conductor) eval(v any, s *scope) (any, error) {
	switch v.(type) {
	case string, *value.List, *value.Dict:
		if c.spec.mutating && mutates(v) {
			s.own()
		}
		return c.host.Exprs.Eval(c.ctx, v, c.env(s))
	}
	return v, nil
}

// mutators are the methods by which a template can change a list or a mapping
// in place. The original gives every task a deep copy of its variables; here
// values are shared, and copied only for templates that name one of these.
var mutators = []string{"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "sort", "reverse"}

func mutates(v any) bool {
	switch x := v.(type) {
	case string:
		return strings.Contains(x, "{") && slices.ContainsFunc(mutators, func(m string) bool { return strings.Contains(x, m) })
	case *value.List:
		return slices.ContainsFunc(x.Items, mutates)
	case *value.Dict:
		for k, e := range x.All() {
			if mutates(k) || mutates(e) {
				return true
			}
		}
	}
	return false
}

// own gives the scope deep copies of all it shows.
func (s *scope) own() {
	if s.owned {
		return
	}
	s.owned = true
	all := value.NewDict(8)
	for name := range s.Names() {
		if v, ok := s.Lookup(name); ok && name != expr.VarState && name != expr.VarCurrentTask && name != expr.VarCurrentItem {
			all.SetStr(name, copied(v, 0))
		}
	}
	s.top = all
	if s.task != nil {
		s.task = copied(s.task, 0).(*value.Dict)
	}
	s.item = copied(s.item, 0)
}

func copied(v any, depth int) any {
	if depth > maxDepth {
		return v
	}
	switch x := v.(type) {
	case *value.List:
		out := &value.List{Items: make([]any, len(x.Items))}
		for i, e := range x.Items {
			out.Items[i] = copied(e, depth+1)
		}
		return out
	case *value.Dict:
		out := value.NewDict(x.Len())
		for k, e := range x.All() {
			out.Set(k, copied(e, depth+1))
		}
		return out
	}
	return v
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
