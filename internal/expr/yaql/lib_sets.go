package yaql

import "squall/internal/expr/value"

func addSets(l *library) {
	l.add("isSet", asFunction, "arg: any", func(c *call) (any, error) { return isSet(c.args[0]), nil })
	l.add("set", asFunction, "*args: any", func(c *call) (any, error) {
		it := flattenIterators(c.ev, c.rest)
		if c.frame.hasFuncs {
			return c.ev.dispatchValues("toSet", c.frame, it, true, nil, nil)
		}
		v, err := c.ev.limitIterable(it)
		if err != nil {
			return nil, err
		}
		return c.makeSet(v.(*lazy).Next)
	})
	l.add("toSet", asMethod, "collection: Iterable", func(c *call) (any, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		return c.makeSet(it)
	})
	l.add("len", extension, "set: set", func(c *call) (any, error) {
		n, _ := sizeOf(c.args[0])
		return int64(n), nil
	})
	compare := func(test func(a, b *value.Set) bool) func(*call) (any, error) {
		return func(c *call) (any, error) {
			a, b, err := c.sets()
			if err != nil {
				return nil, err
			}
			return test(a, b), nil
		}
	}
	const two = "left: set, right: set"
	l.add("#operator_<", asFunction, two, compare(func(a, b *value.Set) bool { return a.Len() < b.Len() && a.SubsetOf(b) }))
	l.add("#operator_<=", asFunction, two, compare(func(a, b *value.Set) bool { return a.SubsetOf(b) }))
	l.add("#operator_>", asFunction, two, compare(func(a, b *value.Set) bool { return a.Len() > b.Len() && b.SubsetOf(a) }))
	l.add("#operator_>=", asFunction, two, compare(func(a, b *value.Set) bool { return b.SubsetOf(a) }))
	// Views are sets to the type system but lack the methods.
	lacks := func(v any, name string) error {
		if v, ok := v.(*view); ok {
			return value.AttributeErrorf("'%s' object has no attribute '%s'", v.TypeName(), name)
		}
		return nil
	}
	operate := func(name string, f func(a, b *value.Set) *value.Set) func(*call) (any, error) {
		return func(c *call) (any, error) {
			if err := lacks(c.args[0], name); err != nil {
				return nil, err
			}
			a, b, err := c.sets()
			if err != nil {
				return nil, err
			}
			if err := c.ev.alloc(48 * int64(a.Len()+b.Len())); err != nil {
				return nil, err
			}
			return frozenSet(f(a, b)), nil
		}
	}
	l.add("union", asMethod, two, operate("union", (*value.Set).Union))
	l.add("intersect", asMethod, two, operate("intersection", (*value.Set).Intersect))
	l.add("difference", asMethod, two, operate("difference", (*value.Set).Minus))
	l.add("#operator_-", asFunction, two, operate("difference", (*value.Set).Minus))
	l.add("symmetricDifference", asMethod, two, operate("symmetric_difference", (*value.Set).SymmetricMinus))
	values := func(f func(a, b *value.Set) *value.Set, name string) func(*call) (any, error) {
		op := operate(name, f)
		return func(c *call) (any, error) {
			if err := lacks(c.args[0], name); err != nil {
				return nil, err
			}
			other, err := c.makeSet(sliceIteration(c.rest))
			if err != nil {
				return nil, err
			}
			c.args = append(c.args[:1:1], other)
			return op(c)
		}
	}
	l.add("add", asMethod, "set: set, *values: any", values((*value.Set).Union, "union"))
	l.add("remove", asMethod, "set: set, *values: any", values((*value.Set).Minus, "difference"))
}

// frozenSet marks a fresh set as frozen.
func frozenSet(s *value.Set) *value.Set {
	s.Frozen = true
	return s
}

func (c *call) makeSet(it iteration) (any, error) {
	s := newFrozenSet()
	for {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return s, nil
		}
		if err := c.ev.alloc(48); err != nil {
			return nil, err
		}
		if err := setAdd(c.ev.budget, s, v); err != nil {
			return nil, err
		}
	}
}

func (c *call) sets() (a, b *value.Set, err error) {
	if a, err = toSet(c.ev.budget, c.args[0]); err != nil {
		return nil, nil, err
	}
	b, err = toSet(c.ev.budget, c.args[1])
	return a, b, err
}
