package jinja

import (
	"squall/internal/expr/value"
)

type forNode struct {
	iter               evaluator
	filter             *loopFilter // the "if" of the loop, or nil
	target             assigner
	loop               int // slot of "loop", or -1 when the body does not mention it
	enter, leave       executor
	body               []executor
	els                []executor
	elsEnter, elsLeave executor
}

func (n *forNode) exec(f *frame) error {
	v, err := n.iter.eval(f)
	if err != nil {
		return err
	}
	return n.run(f, v, nil, 0)
}

// run goes over iterable in the frame of the loop's unit. recurse and depth are
// for recursive loops.
func (n *forNode) run(f *frame, iterable any, recurse func(any, int) (any, error), depth int) error {
	if n.filter != nil {
		filtered, err := n.filter.start(f, iterable)
		if err != nil {
			return err
		}
		iterable = filtered
	}
	var count int
	var err error
	if n.loop >= 0 {
		count, err = n.extended(f, iterable, recurse, depth)
	} else {
		count, err = n.simple(f, iterable)
	}
	if err != nil {
		return err
	}
	if n.leave != nil {
		if err := n.leave.exec(f); err != nil {
			return err
		}
	}
	if count == 0 && n.els != nil {
		return scoped(f, n.elsEnter, n.els, n.elsLeave)
	}
	return nil
}

// simple is a loop whose body does not mention "loop".
func (n *forNode) simple(f *frame, iterable any) (count int, err error) {
	if l, ok := iterable.(*value.List); ok {
		// The list may grow or shrink under the loop, as in Python.
		for ; count < len(l.Items); count++ {
			if err := n.once(f, l.Items[count]); err != nil {
				return count, err
			}
		}
		return count, nil
	}
	it, err := value.Iter(iterable)
	if err != nil {
		return 0, err
	}
	for ; ; count++ {
		v, ok, err := it.Next()
		if !ok || err != nil {
			return count, err
		}
		if err := n.once(f, v); err != nil {
			return count, err
		}
	}
}

func (n *forNode) extended(f *frame, iterable any, recurse func(any, int) (any, error), depth int) (count int, err error) {
	l, err := newLoop(f.m, iterable, recurse, depth)
	if err != nil {
		return 0, err
	}
	for ; ; count++ {
		v, ok, err := l.next()
		if !ok || err != nil {
			return count, err
		}
		f.slots[n.loop] = l
		if err := n.once(f, v); err != nil {
			return count, err
		}
	}
}

// once runs the body for one item.
func (n *forNode) once(f *frame, v any) error {
	if err := f.m.b.Step(1); err != nil {
		return err
	}
	if err := n.target.assign(f, v); err != nil {
		return err
	}
	return scoped(f, n.enter, n.body, nil)
}

// loopFilter is the "if" of a loop: a generator over the items that pass.
type loopFilter struct {
	nslots int
	enter  executor
	target assigner
	test   evaluator
}

func (n *loopFilter) start(f *frame, iterable any) (any, error) {
	var inner *frame
	var nextItem func() (any, bool, error)
	next := func() (any, bool, error) {
		if inner == nil {
			// Python starts a generator, and so fails on a wrong iterable,
			// when its first item is asked for.
			inner = f.m.newFrame(n.nslots, f, f.tc)
			if n.enter != nil {
				if err := n.enter.exec(inner); err != nil {
					return nil, false, err
				}
			}
			it, err := value.Iter(iterable)
			if err != nil {
				return nil, false, err
			}
			nextItem = f.m.stepping(it)
		}
		for {
			v, ok, err := nextItem()
			if !ok || err != nil {
				return nil, false, err
			}
			if err := n.target.assign(inner, v); err != nil {
				return nil, false, err
			}
			t, err := n.test.eval(inner)
			if err != nil {
				return nil, false, err
			}
			yes, err := truth(t)
			if err != nil {
				return nil, false, err
			}
			if yes {
				return v, true, nil
			}
		}
	}
	return &value.FuncIter{Fn: next}, nil
}

// recursiveForNode is a loop whose body may call loop(items).
type recursiveForNode struct {
	loop   *forNode
	iter   evaluator
	nslots func() int
	esc    escapeMode
}

func (n *recursiveForNode) exec(f *frame) error {
	v, err := n.iter.eval(f)
	if err != nil {
		return err
	}
	s, err := n.render(f, v, 0)
	if err != nil {
		return err
	}
	return f.m.writeText(s)
}

func (n *recursiveForNode) render(f *frame, items any, depth int) (any, error) {
	m := f.m
	if err := m.b.Enter(); err != nil {
		return nil, err
	}
	defer m.b.Leave()
	inner := m.newFrame(n.nslots(), f, f.tc)
	recurse := func(items any, depth int) (any, error) { return n.render(f, items, depth) }
	s, err := m.capture(func() error { return n.loop.run(inner, items, recurse, depth) })
	if err != nil {
		return nil, err
	}
	return n.esc.marked(f, s), nil
}
