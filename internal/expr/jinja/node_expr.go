package jinja

import (
	"squall/internal/expr/value"
)

type constNode struct{ v any }

func (n *constNode) eval(*frame) (any, error) { return n.v, nil }

// nameNode reads a variable of the own unit.
type nameNode struct {
	slot int
	name string
}

func (n *nameNode) eval(f *frame) (any, error) {
	v := f.slots[n.slot]
	if isMissing(v) {
		return f.m.env.undefinedName(n.name), nil
	}
	return v, nil
}

// outerNameNode reads a variable of a unit further out.
type outerNameNode struct {
	ref  slotRef
	name string
}

func (n *outerNameNode) eval(f *frame) (any, error) {
	v := n.ref.get(f)
	if isMissing(v) {
		return f.m.env.undefinedName(n.name), nil
	}
	return v, nil
}

// slotNode reads a captured text.
type slotNode struct{ ref slotRef }

func (n *slotNode) eval(f *frame) (any, error) { return n.ref.get(f), nil }

type listNode struct{ items []evaluator }

func (n *listNode) eval(f *frame) (any, error) {
	items, err := evalAll(f, n.items)
	if err != nil {
		return nil, err
	}
	return &value.List{Items: items}, nil
}

type tupleNode struct{ items []evaluator }

func (n *tupleNode) eval(f *frame) (any, error) {
	items, err := evalAll(f, n.items)
	if err != nil {
		return nil, err
	}
	return value.Tuple(items), nil
}

func evalAll(f *frame, list []evaluator) ([]any, error) {
	if err := f.m.b.Alloc(16 * int64(len(list))); err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	for i, e := range list {
		v, err := e.eval(f)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

type dictNode struct{ keys, vals []evaluator }

func (n *dictNode) eval(f *frame) (any, error) {
	if err := f.m.b.Alloc(64 * int64(len(n.keys))); err != nil {
		return nil, err
	}
	d := value.NewDict(len(n.keys))
	for i := range n.keys {
		k, err := n.keys[i].eval(f)
		if err != nil {
			return nil, err
		}
		v, err := n.vals[i].eval(f)
		if err != nil {
			return nil, err
		}
		if err := d.SetChecked(k, v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

type notNode struct{ node evaluator }

func (n *notNode) eval(f *frame) (any, error) {
	v, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	b, err := truth(v)
	return !b, err
}

type negNode struct {
	node evaluator
	pos  bool
}

func (n *negNode) eval(f *frame) (any, error) {
	v, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	if n.pos {
		return value.Pos(v)
	}
	return value.Neg(f.m.b, v)
}

type logicNode struct {
	left, right evaluator
	or          bool
}

func (n *logicNode) eval(f *frame) (any, error) {
	v, err := n.left.eval(f)
	if err != nil {
		return nil, err
	}
	yes, err := truth(v)
	if err != nil || yes == n.or {
		return v, err
	}
	return n.right.eval(f)
}

type binaryNode struct {
	op          func(b *value.Budget, x, y any) (any, error)
	left, right evaluator
}

func (n *binaryNode) eval(f *frame) (any, error) {
	x, err := n.left.eval(f)
	if err != nil {
		return nil, err
	}
	y, err := n.right.eval(f)
	if err != nil {
		return nil, err
	}
	return n.op(f.m.b, x, y)
}

type compareNode struct {
	node evaluator
	ops  []string
	args []evaluator
}

func (n *compareNode) eval(f *frame) (any, error) {
	x, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	for i, op := range n.ops {
		y, err := n.args[i].eval(f)
		if err != nil {
			return nil, err
		}
		ok, err := compare(f.m.b, op, x, y)
		if err != nil || !ok {
			return false, err
		}
		x = y
	}
	return true, nil
}

// compare applies a comparison operator of the language.
func compare(b *value.Budget, op string, x, y any) (bool, error) {
	switch op {
	case "==":
		return value.EqualIn(b, x, y)
	case "!=":
		eq, err := value.EqualIn(b, x, y)
		return !eq, err
	case "in":
		return contains(b, y, x)
	case "not in":
		in, err := contains(b, y, x)
		return !in, err
	}
	return value.Compare(b, op, x, y)
}

func contains(b *value.Budget, container, v any) (bool, error) {
	if u, ok := v.(*undefined); ok && u.strict {
		// A range compares what is no int with its members one by one.
		if r, ok := container.(*value.Range); ok && r.Len() > 0 {
			return false, u.fail()
		}
	}
	return value.Contains(b, container, v)
}

type concatNode struct {
	items []evaluator
	esc   escapeMode
}

func (n *concatNode) eval(f *frame) (any, error) {
	vals, err := evalAll(f, n.items)
	if err != nil {
		return nil, err
	}
	// Jinja tests a volatile context for being volatile here, not for escaping.
	if n.esc.on || n.esc.volatile {
		return f.m.markupJoin(vals)
	}
	return f.m.strJoin(vals)
}

type condNode struct {
	test, then, els evaluator
}

func (n *condNode) eval(f *frame) (any, error) {
	v, err := n.test.eval(f)
	if err != nil {
		return nil, err
	}
	yes, err := truth(v)
	if err != nil {
		return nil, err
	}
	if yes {
		return n.then.eval(f)
	}
	return n.els.eval(f)
}

// noElseNode is the value of a conditional expression without "else". It is
// plain even where everything else undefined is strict.
type noElseNode struct{ hint string }

func (n *noElseNode) eval(*frame) (any, error) { return &undefined{hint: n.hint}, nil }

type getattrNode struct {
	node evaluator
	attr string
}

func (n *getattrNode) eval(f *frame) (any, error) {
	obj, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	return f.m.getattr(obj, n.attr)
}

type getitemNode struct{ node, arg evaluator }

func (n *getitemNode) eval(f *frame) (any, error) {
	obj, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	key, err := n.arg.eval(f)
	if err != nil {
		return nil, err
	}
	return f.m.getitem(obj, key)
}

// sliceNode is obj[a:b:c], which Python evaluates without Jinja's help.
type sliceNode struct{ node, start, stop, step evaluator }

func (n *sliceNode) eval(f *frame) (any, error) {
	obj, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	start, err := evalOpt(f, n.start)
	if err != nil {
		return nil, err
	}
	stop, err := evalOpt(f, n.stop)
	if err != nil {
		return nil, err
	}
	step, err := evalOpt(f, n.step)
	if err != nil {
		return nil, err
	}
	if u, ok := obj.(*undefined); ok {
		return nil, u.fail()
	}
	return value.Slice(f.m.b, obj, start, stop, step)
}

func evalOpt(f *frame, e evaluator) (any, error) {
	if e == nil {
		return nil, nil
	}
	return e.eval(f)
}
