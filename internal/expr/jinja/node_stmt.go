package jinja

import (
	"squall/internal/expr/value"
)

// slotRef is a variable seen from some unit: hops units further out.
type slotRef struct{ hops, slot int }

func (r slotRef) get(f *frame) any    { return f.at(r.hops).slots[r.slot] }
func (r slotRef) set(f *frame, v any) { f.at(r.hops).slots[r.slot] = v }

// assigner stores a value in the target of an assignment.
type assigner interface {
	assign(f *frame, v any) error
}

func (r slotRef) assign(f *frame, v any) error {
	r.set(f, v)
	return nil
}

type nsTarget struct {
	ref  slotRef
	attr string
}

func (t *nsTarget) assign(f *frame, v any) error {
	obj := t.ref.get(f)
	switch o := obj.(type) {
	case *namespace:
		o.attrs.SetStr(t.attr, v)
		return nil
	case missingType:
		return value.TypeErrorf("'_MissingType' object does not support item assignment")
	}
	// Jinja checks for a namespace in plain assignments only.
	return value.SetItem(obj, t.attr, v)
}

type tupleTarget []assigner

func (t tupleTarget) assign(f *frame, v any) error {
	items, err := f.m.unpack(v, len(t))
	if err != nil {
		return err
	}
	for i, target := range t {
		if err := target.assign(f, items[i]); err != nil {
			return err
		}
	}
	return nil
}

// unpack returns the n elements of v, as an assignment to n targets needs them.
func (m *machine) unpack(v any, n int) ([]any, error) {
	var items []any
	switch v := v.(type) {
	case value.Tuple:
		items = v
	case *value.List:
		items = v.Items
	default:
		it, err := value.Iter(v)
		if err != nil {
			if value.ClassOf(err) == "TypeError" {
				return nil, value.TypeErrorf("cannot unpack non-iterable %s object", value.TypeName(v))
			}
			return nil, err
		}
		for len(items) <= n {
			item, ok, err := it.Next()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			items = append(items, item)
		}
	}
	switch {
	case len(items) > n:
		return nil, value.ValueErrorf("too many values to unpack (expected %d)", n)
	case len(items) < n:
		return nil, value.ValueErrorf("not enough values to unpack (expected %d, got %d)", n, len(items))
	}
	return items, nil
}

// loadOp gives one variable its first value.
type loadOp struct {
	slot  int
	name  string // look up in the context
	alias bool
	clear bool
	hops  int
	from  int
}

type enterNode []loadOp

func (n enterNode) exec(f *frame) error {
	for i := range n {
		op := &n[i]
		switch {
		case op.alias:
			f.slots[op.slot] = f.at(op.hops).slots[op.from]
		case op.clear:
			f.slots[op.slot] = missing
		default:
			f.slots[op.slot] = f.tc.resolve(op.name)
		}
	}
	return nil
}

type leaveNode []int

func (n leaveNode) exec(f *frame) error {
	for _, slot := range n {
		f.slots[slot] = missing
	}
	return nil
}

// scoped runs a body between the entry and the end of its scope.
func scoped(f *frame, enter executor, body []executor, leave executor) error {
	if enter != nil {
		if err := enter.exec(f); err != nil {
			return err
		}
	}
	if err := run(body, f); err != nil {
		return err
	}
	if leave != nil {
		return leave.exec(f)
	}
	return nil
}

// outPart is a text or an expression to print.
type outPart struct {
	text string
	expr evaluator
}

type outputNode struct {
	parts  []outPart
	esc    escapeMode
	parent int // slot of the extended template, or -1: output only if there is none
	hops   int
}

func (n *outputNode) exec(f *frame) error {
	if n.parent >= 0 && !isMissing(f.at(n.hops).slots[n.parent]) {
		return nil
	}
	m := f.m
	for i := range n.parts {
		p := &n.parts[i]
		if p.expr == nil {
			if err := m.write(p.text); err != nil {
				return err
			}
			continue
		}
		v, err := p.expr.eval(f)
		if err != nil {
			return err
		}
		if n.esc.escapes(f) {
			v, err = m.escape(v)
			if err != nil {
				return err
			}
		}
		if err := m.writeValue(v); err != nil {
			return err
		}
	}
	return nil
}

// escapes tells whether output is escaped: known when compiled, or else by the
// context.
func (e escapeMode) escapes(f *frame) bool {
	if e.volatile {
		return f.tc.autoescape
	}
	return e.on
}

// keep stores top-level names in the context and exports them.
func keep(f *frame, names map[string]slotRef) {
	for name, ref := range names {
		f.tc.set(name, ref.get(f))
		if isPublic(name) {
			f.tc.export(name)
		}
	}
}

type assignNode struct {
	target     assigner
	val        evaluator
	namespaces []slotRef // must be namespaces
	names      map[string]slotRef
}

func (n *assignNode) exec(f *frame) error {
	for _, ref := range n.namespaces {
		if _, ok := ref.get(f).(*namespace); !ok {
			return value.Errorf(classRuntime, "cannot assign attribute on non-namespace object")
		}
	}
	v, err := n.val.eval(f)
	if err != nil {
		return err
	}
	if err := n.target.assign(f, v); err != nil {
		return err
	}
	keep(f, n.names)
	return nil
}

type assignBlockNode struct {
	enter, leave executor
	body         []executor
	text         slotRef // where the filter finds the text
	filter       evaluator
	target       assigner
	names        map[string]slotRef
	esc          escapeMode
}

func (n *assignBlockNode) exec(f *frame) error {
	s, err := f.m.capture(func() error { return scoped(f, n.enter, n.body, nil) })
	if err != nil {
		return err
	}
	var v any = s
	if n.filter != nil {
		n.text.set(f, n.esc.marked(f, s))
		if v, err = n.filter.eval(f); err != nil {
			return err
		}
	}
	if f.tc.autoescape {
		if v, err = f.m.markup(v); err != nil {
			return err
		}
	}
	if err := n.target.assign(f, v); err != nil {
		return err
	}
	keep(f, n.names)
	if n.leave != nil {
		return n.leave.exec(f)
	}
	return nil
}

// marked is captured output: safe when it was escaped on the way.
func (e escapeMode) marked(f *frame, s string) any {
	if e.escapes(f) {
		return value.Markup(s)
	}
	return s
}

type filterBlockNode struct {
	enter, leave executor
	body         []executor
	text         slotRef
	filter       evaluator
	esc          escapeMode
}

func (n *filterBlockNode) exec(f *frame) error {
	s, err := f.m.capture(func() error { return scoped(f, n.enter, n.body, nil) })
	if err != nil {
		return err
	}
	n.text.set(f, n.esc.marked(f, s))
	v, err := n.filter.eval(f)
	if err != nil {
		return err
	}
	if err := f.m.writeText(v); err != nil {
		return err
	}
	if n.leave != nil {
		return n.leave.exec(f)
	}
	return nil
}

// writeText writes what must already be text: Jinja joins the pieces of a
// template without converting them.
func (m *machine) writeText(v any) error {
	s, ok := plainString(v)
	if !ok {
		return value.TypeErrorf("sequence item 0: expected str instance, %s found", value.TypeName(v))
	}
	return m.write(s)
}

type ifBranch struct {
	test evaluator
	body []executor
}

type ifNode struct {
	branches []ifBranch
	els      []executor
}

func (n *ifNode) exec(f *frame) error {
	for i := range n.branches {
		br := &n.branches[i]
		v, err := br.test.eval(f)
		if err != nil {
			return err
		}
		yes, err := truth(v)
		if err != nil {
			return err
		}
		if yes {
			return run(br.body, f)
		}
	}
	return run(n.els, f)
}

func truth(v any) (bool, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return value.Truth(v)
}

type withNode struct {
	enter, leave executor
	targets      []assigner
	vals         []evaluator
	body         []executor
}

func (n *withNode) exec(f *frame) error {
	if n.enter != nil {
		if err := n.enter.exec(f); err != nil {
			return err
		}
	}
	for i, t := range n.targets {
		v, err := n.vals[i].eval(f)
		if err != nil {
			return err
		}
		if err := t.assign(f, v); err != nil {
			return err
		}
	}
	return scoped(f, nil, n.body, n.leave)
}

type autoescapeNode struct {
	enter, leave executor
	val          evaluator
	body         []executor
}

func (n *autoescapeNode) exec(f *frame) error {
	if n.enter != nil {
		if err := n.enter.exec(f); err != nil {
			return err
		}
	}
	v, err := n.val.eval(f)
	if err != nil {
		return err
	}
	on, err := truth(v)
	if err != nil {
		return err
	}
	saved := f.tc.autoescape
	f.tc.autoescape = on
	err = scoped(f, nil, n.body, n.leave)
	f.tc.autoescape = saved
	return err
}
