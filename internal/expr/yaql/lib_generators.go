package yaql

import (
	"strconv"

	"squall/internal/expr/value"
)

func addGenerators(l *library) {
	l.add("range", asFunction, "stop: int", func(c *call) (any, error) { return c.rangeOf(int64(0), c.args[0], int64(1)) })
	l.add("range", asFunction, "start: int, stop: int, step: int = 1", func(c *call) (any, error) {
		return c.rangeOf(c.args[0], c.args[1], c.args[2])
	})
	l.add("sequence", asFunction, "start: int = 0, step: int = 1", func(c *call) (any, error) {
		return c.countFrom(c.args[0], c.args[1]), nil
	})
	l.add("zip", asMethod, "*collections: Iterable", func(c *call) (any, error) { return c.zip(false, nil) })
	l.add("zipLongest", asMethod, "*collections: Iterable, **kwargs: any", func(c *call) (any, error) {
		fill, _ := c.kw.Get("default")
		return c.zip(true, fill)
	})
	l.add("repeat", asMethod, "value: any, times: int = -1", func(c *call) (any, error) {
		left, err := c.ssize(1)
		if err != nil {
			return nil, err
		}
		forever := left < 0
		it := newLazy(c.ev, func() (any, bool, error) {
			if err := c.ev.step(); err != nil {
				return nil, false, err
			}
			left--
			return c.args[0], forever || left >= 0, nil
		})
		it.text = func() (string, error) {
			s, err := reprOf(c.ev.budget, c.args[0])
			if !forever {
				s += ", " + strconv.Itoa(max(left, 0))
			}
			return "repeat(" + s + ")", err
		}
		return it, nil
	})
	l.add("cycle", asMethod, "collection: Iterable", cycle)
	l.add("generate", asFunction, "initial: any, predicate: Lambda, producer: Lambda, selector: Lambda = null, decycle: bool = false", generate)
	l.add("generateMany", asFunction, "initial: any, producer: Lambda, selector: Lambda = null, decycle: bool = false, depthFirst: bool = false", generateMany)
	l.add("mergeWith", asMethod, "dict: dict, another: dict, listMerger: Lambda = null, itemMerger: Lambda = null, maxLevels: int = 0", mergeWith)
}

// rangeOf gives the ints from start to stop; bools count as ints.
func (c *call) rangeOf(start, stop, step any) (any, error) {
	var b [3]any
	for i, v := range []any{start, stop, step} {
		if x, ok := v.(bool); ok {
			v = int64(clampInt(x))
		}
		b[i] = v
	}
	if b[2] == any(int64(0)) {
		return nil, value.ValueErrorf("range() arg 3 must not be zero")
	}
	lo, ok1 := b[0].(int64)
	hi, ok2 := b[1].(int64)
	by, ok3 := b[2].(int64)
	if !ok1 || !ok2 || !ok3 {
		return c.bigRange(b[0], b[1], b[2])
	}
	done := false
	return newLazy(c.ev, func() (any, bool, error) {
		if done || by > 0 && lo >= hi || by < 0 && lo <= hi {
			return nil, false, nil
		}
		v := lo
		lo += by
		done = (lo > v) != (by > 0) // overflow: there is no next one
		return v, true, c.ev.step()
	}), nil
}

func (c *call) bigRange(lo, hi, by any) (any, error) {
	negative, err := value.Compare(c.ev.budget, "<", by, int64(0))
	if err != nil {
		return nil, err
	}
	op := "<"
	if negative {
		op = ">"
	}
	return newLazy(c.ev, func() (any, bool, error) {
		ok, err := value.Compare(c.ev.budget, op, lo, hi)
		if err != nil || !ok {
			return nil, false, err
		}
		v := lo
		lo, err = value.Add(c.ev.budget, lo, by)
		return v, true, err
	}), nil
}

// countFrom is itertools.count.
func (c *call) countFrom(start, step any) *lazy {
	byOne := step == any(int64(1)) || step == true
	if _, isBool := start.(bool); isBool && byOne {
		start = int64(clampInt(start))
	}
	next := start
	it := newLazy(c.ev, func() (any, bool, error) {
		if err := c.ev.step(); err != nil {
			return nil, false, err
		}
		v := next
		var err error
		next, err = value.Add(c.ev.budget, next, step)
		return v, true, err
	})
	it.text = func() (string, error) {
		s, err := reprOf(c.ev.budget, next)
		if err == nil && !byOne {
			var by string
			by, err = reprOf(c.ev.budget, step)
			s += ", " + by
		}
		return "count(" + s + ")", err
	}
	return it
}

// zip puts collections side by side, to the end of the shortest or, filling,
// of the longest.
func (c *call) zip(longest bool, fill any) (any, error) {
	its := make([]iteration, len(c.rest))
	for i, v := range c.rest {
		var err error
		if its[i], err = c.ev.iterate(v); err != nil {
			return nil, err
		}
	}
	open := len(its)
	return newLazy(c.ev, func() (any, bool, error) {
		if err := c.ev.alloc(16 * int64(len(its))); err != nil {
			return nil, false, err
		}
		row := make(value.Tuple, len(its))
		for i, it := range its {
			row[i] = fill
			if it == nil {
				continue
			}
			v, ok, err := it()
			if err != nil {
				return nil, false, err
			}
			if ok {
				row[i] = v
				continue
			}
			if !longest {
				return nil, false, nil
			}
			its[i] = nil
			if open--; open == 0 {
				return nil, false, nil
			}
		}
		return row, len(its) > 0, nil
	}), nil
}

func cycle(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	var seen []any
	i := -1 // while the source runs
	return newLazy(c.ev, func() (any, bool, error) {
		if err := c.ev.step(); err != nil {
			return nil, false, err
		}
		if i < 0 {
			v, ok, err := it()
			if err != nil {
				return nil, false, err
			}
			if ok {
				if err := c.ev.alloc(16); err != nil {
					return nil, false, err
				}
				seen = append(seen, v)
				return v, true, nil
			}
			i = 0
		}
		if len(seen) == 0 {
			return nil, false, nil
		}
		v := seen[i]
		i = (i + 1) % len(seen)
		return v, true, nil
	}), nil
}

// past remembers what was seen; nil remembers nothing.
type past struct {
	ev  *evaluation
	set *value.Set
}

func (c *call) newPast(decycle any) *past {
	if decycle != true {
		return nil
	}
	return &past{ev: c.ev, set: &value.Set{}}
}

// seen adds v and reports whether it was there.
func (p *past) seen(v any) (bool, error) {
	if p == nil {
		return false, nil
	}
	k, err := hashKey(p.ev.budget, v)
	if err != nil {
		return false, err
	}
	n := p.set.Len()
	if err := p.set.Add(k); err != nil {
		return false, err
	}
	if p.set.Len() == n {
		return true, nil
	}
	if err := p.ev.alloc(48); err != nil {
		return false, err
	}
	return false, p.ev.checkMemory(216 + 32*int64(n+1))
}

func (c *call) selected(l *lambda, v any) (any, bool, error) {
	if l == nil {
		return v, true, nil
	}
	v, err := l.call1(v)
	return v, true, err
}

func generate(c *call) (any, error) {
	cur := c.args[0]
	past := c.newPast(c.args[4])
	started := false
	return newLazy(c.ev, func() (any, bool, error) {
		if err := c.ev.step(); err != nil {
			return nil, false, err
		}
		if started {
			next, err := c.lambda(2).call1(cur)
			if err != nil {
				return nil, false, err
			}
			cur = next
		}
		started = true
		if ok, err := c.lambda(1).test(cur); err != nil || !ok {
			return nil, false, err
		}
		if dup, err := past.seen(cur); err != nil || dup {
			return nil, false, err
		}
		return c.selected(c.lambda(3), cur)
	}), nil
}

func generateMany(c *call) (any, error) {
	queue := []any{c.args[0]}
	past := c.newPast(c.args[3])
	depthFirst := c.args[4] == true
	var last any
	pending := false // last was given, what it produces was not asked for yet
	produce := func() error {
		made, err := c.lambda(1).call1(last)
		if err != nil {
			return err
		}
		it, err := c.ev.iterate(made)
		if err != nil {
			return err
		}
		items, err := c.ev.drain(it)
		if err != nil {
			return err
		}
		if depthFirst {
			queue = append(append(make([]any, 0, len(items)+len(queue)), items...), queue...)
		} else {
			queue = append(queue, items...)
		}
		return c.ev.checkMemory(sizeSeq(len(queue)))
	}
	return newLazy(c.ev, func() (any, bool, error) {
		if pending {
			pending = false
			if err := produce(); err != nil {
				return nil, false, err
			}
		}
		for len(queue) > 0 {
			if err := c.ev.step(); err != nil {
				return nil, false, err
			}
			item := queue[0]
			queue = queue[1:]
			if dup, err := past.seen(item); err != nil {
				return nil, false, err
			} else if dup {
				continue
			}
			last, pending = item, true
			return c.selected(c.lambda(2), item)
		}
		return nil, false, nil
	}), nil
}

// merger holds how mergeWith treats lists and single values.
type merger struct {
	c          *call
	list, item *lambda
}

func mergeWith(c *call) (any, error) {
	m := &merger{c: c, list: c.lambda(2), item: c.lambda(3)}
	return m.merge(c.dict(0), c.dict(1), c.small(4))
}

func (m *merger) merge(a, b *value.Dict, levels int) (any, error) {
	ev := m.c.ev
	if err := ev.enter(); err != nil {
		return nil, err
	}
	defer ev.leave()
	if err := ev.alloc(48 * int64(a.Len()+b.Len())); err != nil {
		return nil, err
	}
	out := value.NewDict(a.Len() + b.Len())
	for k, v := range a.All() {
		if other, ok, err := lookup(ev.budget, b, k); err != nil {
			return nil, err
		} else if ok {
			if v, err = m.mergeValues(v, other, levels); err != nil {
				return nil, err
			}
		}
		if err := out.SetChecked(k, v); err != nil {
			return nil, err
		}
	}
	for k, v := range b.All() {
		if _, ok, err := lookup(ev.budget, out, k); err != nil {
			return nil, err
		} else if !ok {
			if err := out.SetChecked(k, v); err != nil {
				return nil, err
			}
		}
	}
	return &dict{d: out}, nil
}

func (m *merger) mergeValues(x, y any, levels int) (any, error) {
	cannot := func() error {
		return value.TypeErrorf("Cannot merge %s with %s", classText(x), classText(y))
	}
	if levels != 1 {
		if yd, ok := mapping(y); ok {
			xd, ok := mapping(x)
			if !ok {
				return nil, cannot()
			}
			if levels != 0 {
				levels--
			}
			return m.merge(xd, yd, levels)
		}
		if isSequence(y) {
			if !isSequence(x) {
				return nil, cannot()
			}
			return m.mergeLists(x, y)
		}
	}
	if m.item == nil {
		return y, nil
	}
	return m.item.callN(x, y)
}

// mergeLists gives both lists' distinct elements, unless told otherwise.
func (m *merger) mergeLists(x, y any) (any, error) {
	if m.list != nil {
		return m.list.callN(x, y)
	}
	xl, xIsList := x.(*list)
	yl, yIsList := y.(*list)
	var both []any
	switch {
	case xIsList && yIsList:
		both = append(append(both, xl.items...), yl.items...)
	case xIsList || yIsList:
		return nil, value.TypeErrorf(`can only concatenate %s (not "%s") to %s`, typeName(x), typeName(y), typeName(x))
	default:
		xs, _ := tupleItems(x)
		ys, _ := tupleItems(y)
		both = append(append(both, xs...), ys...)
	}
	return m.c.ev.toList(m.c.frame, distinct(m.c.ev, newTuple(both), nil))
}

// classText is str(type(v)).
func classText(v any) string {
	switch n := typeName(v); n {
	case "FrozenDict":
		return "<class 'yaql.language.utils.FrozenDict'>"
	default:
		return "<class '" + n + "'>"
	}
}
