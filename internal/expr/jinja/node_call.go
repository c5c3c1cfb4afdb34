package jinja

import (
	"squall/internal/expr/value"
)

// argNodes are the arguments of a call, filter or test.
type argNodes struct {
	pos    []evaluator
	names  []string
	kw     []evaluator
	star   evaluator
	double evaluator
	callee string // for errors of * and **
}

// eval returns the arguments, with room for lead values in front.
func (n *argNodes) eval(f *frame, lead int) ([]any, *value.Kwargs, error) {
	args := make([]any, lead+len(n.pos))
	for i, e := range n.pos {
		v, err := e.eval(f)
		if err != nil {
			return nil, nil, err
		}
		args[lead+i] = v
	}
	if n.star == nil && n.double == nil && len(n.kw) == 0 {
		return args, nil, nil
	}
	if n.star != nil {
		v, err := n.star.eval(f)
		if err != nil {
			return nil, nil, err
		}
		if !value.IsIterable(v) {
			return nil, nil, value.TypeErrorf("%s argument after * must be an iterable, not %s", n.callee, value.TypeName(v))
		}
		more, err := value.Collect(f.m.b, v)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, more...)
	}
	kw := &value.Kwargs{}
	for i, e := range n.kw {
		v, err := e.eval(f)
		if err != nil {
			return nil, nil, err
		}
		kw.Set(n.names[i], v)
	}
	if n.double != nil {
		if err := n.mapping(f, kw); err != nil {
			return nil, nil, err
		}
	}
	return args, kw, nil
}

func (n *argNodes) mapping(f *frame, kw *value.Kwargs) error {
	v, err := n.double.eval(f)
	if err != nil {
		return err
	}
	if u, ok := v.(*undefined); ok {
		return u.fail()
	}
	d, ok := v.(*value.Dict)
	if !ok {
		return value.TypeErrorf("%s argument after ** must be a mapping, not %s", n.callee, value.TypeName(v))
	}
	for k, v := range d.All() {
		name, ok := plainString(k)
		if !ok {
			return value.TypeErrorf("keywords must be strings")
		}
		if _, dup := kw.Get(name); dup {
			return value.TypeErrorf("%s got multiple values for keyword argument '%s'", n.callee, name)
		}
		kw.Set(name, v)
	}
	return nil
}

type callNode struct {
	fn   evaluator
	args argNodes
}

func (n *callNode) eval(f *frame) (any, error) { return n.evalWith(f, nil) }

// evalWith passes caller, if it is not nil, as a keyword argument.
func (n *callNode) evalWith(f *frame, caller *macro) (any, error) {
	if err := f.m.b.Step(1); err != nil {
		return nil, err
	}
	fn, err := n.fn.eval(f)
	if err != nil {
		return nil, err
	}
	args, kw, err := n.args.eval(f, 0)
	if err != nil {
		return nil, err
	}
	if caller != nil {
		if kw == nil {
			kw = &value.Kwargs{}
		}
		kw.Set("caller", caller)
	}
	return f.m.call(f, fn, args, kw)
}

type filterNode struct {
	def  *builtin
	node evaluator
	args argNodes
}

func (n *filterNode) eval(f *frame) (any, error) {
	if err := f.m.b.Step(1); err != nil {
		return nil, err
	}
	v, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	args, kw, err := n.args.eval(f, 1)
	if err != nil {
		return nil, err
	}
	args[0] = v
	return n.def.call(f, args, kw)
}

// unknownNode stands for a filter or test that does not exist, inside an "if".
type unknownNode struct {
	kind, name string
	node       evaluator
	args       argNodes
}

func (n *unknownNode) eval(f *frame) (any, error) {
	if _, err := n.node.eval(f); err != nil {
		return nil, err
	}
	if _, _, err := n.args.eval(f, 0); err != nil {
		return nil, err
	}
	return nil, value.Errorf(classRuntime, "No %s named %s found.", n.kind, reprString(n.name))
}

// definedNode is the test "x is defined" (or "undefined"), which must not
// cost more than the lookup.
type definedNode struct {
	node   evaluator
	negate bool
}

func (n *definedNode) eval(f *frame) (any, error) {
	v, err := n.node.eval(f)
	if err != nil {
		return nil, err
	}
	_, is := v.(*undefined)
	return is == n.negate, nil
}
