package workflow

import (
	"iter"

	"squall/internal/expr/value"
)

// noContext stands for no parent and no merged branch.
const noContext = -1

// contextNode is one entry of the append-only list of contexts: the list of
// variables a task starts with. It never changes. There are three kinds: the
// first (inputs and vars), what a transition published on top of another
// entry, and two entries joined, where the second's changes since the first
// entry are made again on top of the first (the order of arrival decides who
// wins).
//
// The original keeps, for each task, a list of indexes that grows with every
// publication and is merged anew each time. Here an entry knows the sum of its
// list (layers of effects, shared with the entries it came from), so looking
// up a variable costs the same in the thousandth task as in the first.
type contextNode struct {
	id     int
	parent *contextNode
	merged *contextNode // the branch that was joined
	vars   *value.Dict  // what was published, or all of the first context
	base   *value.Dict  // the first context
	top    *layer       // changes since the first context; nil for none

	cache map[string]any // dicts merged from several contexts
}

// layer is a set of variables and their effects, complete in itself: what the
// layers below do to its variables is composed in. Layers double in size
// downwards, so there are few of them.
type layer struct {
	names  []string // in the order of their first publication
	effect map[string]any
	below  *layer
}

func (l *layer) lookup(name string) (any, bool) {
	for ; l != nil; l = l.below {
		if e, ok := l.effect[name]; ok {
			return e, true
		}
	}
	return nil, false
}

// push puts a new layer on top, merging it with those below that are not much
// larger: every variable is copied a logarithmic number of times.
func (l *layer) push(top *layer) *layer {
	for l != nil && len(top.names)*2 >= len(l.names) {
		merged := &layer{names: make([]string, 0, len(l.names)+len(top.names)),
			effect: make(map[string]any, len(l.names)+len(top.names))}
		for _, n := range l.names {
			merged.names = append(merged.names, n)
			merged.effect[n] = l.effect[n]
		}
		for _, n := range top.names {
			if _, old := merged.effect[n]; !old {
				merged.names = append(merged.names, n)
			}
			merged.effect[n] = top.effect[n]
		}
		top, l = merged, l.below
	}
	top.below = l
	return top
}

// all yields the names of all layers, the oldest first.
func (l *layer) all() []string {
	if l == nil {
		return nil
	}
	if l.below == nil {
		return l.names
	}
	var chain []*layer
	for x := l; x != nil; x = x.below {
		chain = append(chain, x)
	}
	seen := make(map[string]bool)
	var out []string
	for i := len(chain) - 1; i >= 0; i-- {
		for _, n := range chain[i].names {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return out
}

func firstContext(vars *value.Dict) *contextNode {
	return &contextNode{vars: vars, base: vars}
}

// publish gives the context with more variables on top of n.
func (n *contextNode) publish(id int, vars *value.Dict) *contextNode {
	top := &layer{names: make([]string, 0, vars.Len()), effect: make(map[string]any, vars.Len())}
	for k, v := range vars.All() {
		name, ok := k.(string)
		if !ok {
			continue // refused when it was published
		}
		e := v
		if old, ok := n.top.lookup(name); ok {
			e = composeEffects(old, v)
		}
		top.names = append(top.names, name)
		top.effect[name] = e
	}
	return &contextNode{id: id, parent: n, vars: vars, base: n.base, top: n.top.push(top)}
}

// join gives n with the changes of another context made again on top. Joining
// a context with itself changes nothing.
func (n *contextNode) join(id int, other *contextNode) *contextNode {
	if n == other || other.top == nil || other.top == n.top {
		return n
	}
	names := other.top.all()
	top := &layer{names: names, effect: make(map[string]any, len(names))}
	for _, name := range names {
		e, _ := other.top.lookup(name)
		if old, ok := n.top.lookup(name); ok {
			e = composeEffects(old, e)
		}
		top.effect[name] = e
	}
	return &contextNode{id: id, parent: n, merged: other, base: n.base, top: n.top.push(top)}
}

// Lookup finds a variable.
func (n *contextNode) Lookup(name string) (any, bool) {
	e, changed := n.top.lookup(name)
	if !changed {
		if n.base == nil {
			return nil, false
		}
		return n.base.GetStr(name)
	}
	if _, merges := mergeKeys(e); !merges {
		if f, ok := e.(*fixed); ok {
			return f.val, true
		}
		return e, true
	}
	if v, ok := n.cache[name]; ok {
		return v, true
	}
	old, _ := n.base.GetStr(name)
	v := applyEffect(old, e)
	if n.cache == nil {
		n.cache = make(map[string]any)
	}
	n.cache[name] = v
	return v, true
}

// Names yields the variables in the order they were set.
func (n *contextNode) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range n.base.All() {
			if name, ok := k.(string); ok && !yield(name) {
				return
			}
		}
		for _, name := range n.top.all() {
			if !n.base.Has(name) && !yield(name) {
				return
			}
		}
	}
}

// dict gives all variables.
func (n *contextNode) dict() *value.Dict {
	d := value.NewDict(n.base.Len())
	for name := range n.Names() {
		v, _ := n.Lookup(name)
		d.SetStr(name, v)
	}
	return d
}

func (n *contextNode) row() ContextRow {
	r := ContextRow{ID: n.id, Parent: noContext, Merged: noContext, Vars: n.vars}
	if n.parent != nil {
		r.Parent = n.parent.id
	}
	if n.merged != nil {
		r.Merged = n.merged.id
	}
	return r
}
