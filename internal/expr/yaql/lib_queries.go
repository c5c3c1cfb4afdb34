package yaql

import (
	"squall/internal/expr/value"
)

func addQueries(l *library) {
	l.add("where filter", asMethod, "collection: Iterable, predicate: Lambda", where)
	l.add("select map", asMethod, "collection: Iterable, selector: Lambda", func(c *call) (any, error) {
		return c.mapLazy(0, c.lambda(1))
	})
	l.add("#operator_.", asFunction, "collection: Iterable, attribute: Keyword", attributeOfEach)
	l.add("skip", asMethod, "collection: Iterable, count: int", func(c *call) (any, error) {
		return c.slice(c.args[1], nil)
	})
	l.add("limit take", asMethod, "collection: Iterable, count: int", func(c *call) (any, error) {
		return c.slice(int64(0), c.args[1])
	})
	l.add("append", extension, "collection: Iterable, *args: any", func(c *call) (any, error) {
		return chain(c.ev, []any{c.args[0], value.Tuple(c.rest)}), nil
	})
	l.add("concat", extension, "*collections: Iterable", func(c *call) (any, error) { return chain(c.ev, c.rest), nil })
	l.add("distinct", extension, "collection: Iterable, keySelector: Lambda = null", func(c *call) (any, error) {
		return distinct(c.ev, c.args[0], c.lambda(1)), nil
	})
	l.add("enumerate", extension, "collection: Iterable, start: int? = 0", enumerate)
	l.add("any", extension, "collection: Iterable, predicate: Lambda = null", func(c *call) (any, error) {
		p := c.lambda(1)
		_, i, err := c.find(func(v any) (bool, error) {
			if p == nil {
				return true, nil
			}
			return p.test(v)
		}, false)
		return i >= 0, err
	})
	l.add("all", extension, "collection: Iterable, predicate: Lambda = null", func(c *call) (any, error) {
		p := c.lambda(1)
		_, i, err := c.find(func(v any) (bool, error) {
			test := truth
			if p != nil {
				test = p.test
			}
			ok, err := test(v)
			return !ok, err
		}, false)
		return i < 0, err
	})
	count := func(c *call) (any, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		for n := int64(0); ; n++ {
			if _, ok, err := it(); err != nil || !ok {
				return n, err
			}
		}
	}
	l.add("len", extension, "collection: Iterator", count)
	l.add("count", asMethod, "collection: Iterable", count)
	l.add("memorize", asMethod, "collection: Iterable", func(c *call) (any, error) { return memorize(c.ev, c.args[0]) })
	l.add("sum", asMethod, "collection: Iterable, initial: any = -", func(c *call) (any, error) {
		return c.fold(c.args[1], func(a, b any) (any, error) {
			if !c.frame.hasFuncs {
				if v, ok := quickOp(opAdd, a, b); ok {
					return v, nil
				}
			}
			return c.ev.callValues("#operator_+", c.frame, a, b)
		})
	})
	for _, name := range []string{"max", "min"} {
		l.add(name, asMethod, "collection: Iterable, initial: any = -", func(c *call) (any, error) {
			return c.fold(c.args[1], func(a, b any) (any, error) { return c.ev.callValues(name, c.frame, a, b) })
		})
	}
	l.add("aggregate reduce", asMethod, "collection: Iterable, selector: Lambda, seed: any = -", func(c *call) (any, error) {
		return c.fold(c.args[2], func(a, b any) (any, error) { return c.lambda(1).callN(a, b) })
	})
	l.add("accumulate", asMethod, "collection: Iterable, selector: Lambda, seed: any = -", accumulate)
	l.add("first", asMethod, "collection: Iterable, default: any = -", first)
	l.add("single", asMethod, "collection: Iterable", single)
	l.add("last", asMethod, "collection: Iterable, default: any = -", last)
	l.add("selectMany", asMethod, "collection: Iterable, selector: Lambda", selectMany)
	l.add("groupBy", asMethod, "collection: Iterable, keySelector: Lambda, valueSelector: Lambda = null, aggregator: Lambda = null", groupBy)
	l.add("join", asMethod, "collection1: Iterable, collection2: Iterable, predicate: Lambda, selector: Lambda", join)
	l.add("takeWhile", asMethod, "collection: Iterable, predicate: Lambda", takeWhile)
	l.add("skipWhile", asMethod, "collection: Iterable, predicate: Lambda", skipWhile)
	sameAs := func(c *call) func(any) (bool, error) {
		return func(v any) (bool, error) { return equal(c.ev.budget, v, c.args[1]) }
	}
	l.add("indexOf", asMethod, "collection: Iterable, item: any", func(c *call) (any, error) { return c.indexWhere(sameAs(c), false) })
	l.add("lastIndexOf", asMethod, "collection: Iterable, item: any", func(c *call) (any, error) { return c.indexWhere(sameAs(c), true) })
	l.add("indexWhere", asMethod, "collection: Iterable, predicate: Lambda", func(c *call) (any, error) {
		return c.indexWhere(c.lambda(1).test, false)
	})
	l.add("lastIndexWhere", asMethod, "collection: Iterable, predicate: Lambda", func(c *call) (any, error) {
		return c.indexWhere(c.lambda(1).test, true)
	})
	l.add("slice", asMethod, "collection: Iterable, length: int", sliceBy)
	l.add("splitWhere", asMethod, "collection: Iterable, predicate: Lambda", func(c *call) (any, error) { return c.split(false) })
	l.add("sliceWhere", asMethod, "collection: Iterable, predicate: Lambda", func(c *call) (any, error) { return c.split(true) })
	l.add("splitAt", asMethod, "collection: Iterable, index: int", splitAt)
	l.add("reverse", asMethod, "collection: Iterable", func(c *call) (any, error) {
		all, err := c.ev.toList(c.frame, c.args[0])
		if err != nil {
			return nil, err
		}
		items, _ := seqItems(all)
		i := len(items)
		return newLazy(c.ev, func() (any, bool, error) {
			if i == 0 {
				return nil, false, nil
			}
			i--
			return items[i], true, nil
		}), nil
	})
	l.add("isIterable", asFunction, "value: any", func(c *call) (any, error) { return isIterable(c.args[0]), nil })
	l.add("defaultIfEmpty", asMethod, "collection: Iterable, default: Iterable", defaultIfEmpty)
}

func where(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	p := c.lambda(1)
	return newLazy(c.ev, func() (any, bool, error) {
		for {
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			test := truth
			if p != nil { // filter(None, ...) tests the elements themselves
				test = p.test
			}
			if ok, err = test(v); err != nil || ok {
				return v, true, err
			}
		}
	}), nil
}

// mapLazy applies a lambda to each element.
func (c *call) mapLazy(i int, l *lambda) (any, error) {
	it, err := c.iter(i)
	if err != nil {
		return nil, err
	}
	return newLazy(c.ev, func() (any, bool, error) {
		v, ok, err := it()
		if err != nil || !ok {
			return nil, false, err
		}
		v, err = l.call1(v)
		return v, true, err
	}), nil
}

func attributeOfEach(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	name := exprValue{&constNode{val: c.str(1), keyword: true}}
	return newLazy(c.ev, func() (any, bool, error) {
		v, ok, err := it()
		if err != nil || !ok {
			return nil, false, err
		}
		if d, isDict := mapping(v); isDict && !c.frame.hasFuncs && !c.ev.eng.opts.legacyContext() {
			x, ok := d.GetStr(c.str(1))
			if !ok {
				return nil, false, value.KeyError(c.str(1))
			}
			return x, true, nil
		}
		v, err = c.ev.callValues("#operator_.", c.frame, v, name)
		return v, true, err
	}), nil
}

// distinct drops elements whose key came before.
func distinct(ev *evaluation, collection any, keyOf *lambda) *lazy {
	seen := &value.Set{}
	var it iteration
	return newLazy(ev, func() (any, bool, error) {
		if it == nil {
			var err error
			if it, err = ev.iterate(collection); err != nil {
				return nil, false, err
			}
		}
		for {
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			k := v
			if keyOf != nil {
				if k, err = keyOf.call1(v); err != nil {
					return nil, false, err
				}
			}
			if k, err = hashKey(ev.budget, k); err != nil {
				return nil, false, err
			}
			before := seen.Len()
			if err := seen.Add(k); err != nil {
				return nil, false, err
			}
			if seen.Len() == before {
				continue
			}
			if err := ev.alloc(48); err != nil {
				return nil, false, err
			}
			return v, true, ev.checkMemory(216 + 32*int64(seen.Len()))
		}
	})
}

func enumerate(c *call) (any, error) {
	return c.lazy(func() (iteration, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		n := c.args[1]
		switch b := n.(type) {
		case bool:
			n = int64(clampInt(b))
		case nil:
			return nil, value.TypeErrorf("'NoneType' object cannot be interpreted as an integer")
		}
		return func() (any, bool, error) {
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			pair := &list{[]any{n, v}}
			n, err = value.Add(c.ev.budget, n, int64(1))
			return pair, true, err
		}, nil
	})
}

// find gives the first (or, with last, the last) element that passes, and its
// index; -1 when none does.
func (c *call) find(test func(any) (bool, error), last bool) (any, int, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, -1, err
	}
	var found any
	index := -1
	for i := 0; ; i++ {
		v, ok, err := it()
		if err != nil {
			return nil, -1, err
		}
		if !ok {
			return found, index, nil
		}
		hit, err := test(v)
		if err != nil {
			return nil, -1, err
		}
		if hit {
			found, index = v, i
			if !last {
				return found, index, nil
			}
		}
	}
}

func (c *call) indexWhere(test func(any) (bool, error), last bool) (any, error) {
	_, i, err := c.find(test, last)
	return int64(i), err
}

// fold is functools.reduce.
func (c *call) fold(seed any, f func(a, b any) (any, error)) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	acc := seed
	if acc == any(noValue) {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, value.TypeErrorf("reduce() of empty iterable with no initial value")
		}
		acc = v
	}
	for {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return acc, nil
		}
		if acc, err = f(acc, v); err != nil {
			return nil, err
		}
	}
}

func accumulate(c *call) (any, error) {
	return c.lazy(func() (iteration, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		total := c.args[2]
		started := false
		return func() (any, bool, error) {
			if !started {
				started = true
				if c.given(2) {
					return total, true, nil
				}
				v, ok, err := it()
				if err == nil && !ok {
					err = value.TypeErrorf("accumulate() of empty sequence with no initial value")
				}
				total = v
				return v, true, err
			}
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			total, err = c.lambda(1).callN(total, v)
			return total, true, err
		}, nil
	})
}

func first(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	v, ok, err := it()
	if err != nil || ok {
		return v, err
	}
	return c.orDefault(1)
}

// orDefault is the default of first and last, or StopIteration.
func (c *call) orDefault(i int) (any, error) {
	if c.given(i) {
		return c.args[i], nil
	}
	return nil, value.Errorf(classStop, "")
}

func single(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	v, ok, err := it()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, value.Errorf(classStop, "")
	}
	_, more, err := it()
	if err == nil && more {
		err = value.Errorf(classStop, "Collection contains more than one item")
	}
	return v, err
}

func last(c *call) (any, error) {
	if items, ok := seqItems(c.args[0]); ok {
		if len(items) == 0 {
			return c.orDefault(1)
		}
		return items[len(items)-1], nil
	}
	v, i, err := c.find(func(any) (bool, error) { return true, nil }, true)
	if err != nil || i >= 0 {
		return v, err
	}
	return c.orDefault(1)
}

func selectMany(c *call) (any, error) {
	return c.lazy(func() (iteration, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		var inner iteration
		return func() (any, bool, error) {
			for {
				if inner != nil {
					v, ok, err := inner()
					if err != nil || ok {
						return v, ok, err
					}
					inner = nil
				}
				v, ok, err := it()
				if err != nil || !ok {
					return nil, false, err
				}
				if v, err = c.lambda(1).call1(v); err != nil {
					return nil, false, err
				}
				if !isIterable(v) {
					return v, true, nil
				}
				if inner, err = c.ev.iterate(v); err != nil {
					return nil, false, err
				}
			}
		}, nil
	})
}

func defaultIfEmpty(c *call) (any, error) {
	if n, ok := sizeOf(c.args[0]); ok {
		if _, isMap := mapping(c.args[0]); !isMap {
			if n == 0 {
				return c.args[1], nil
			}
			return c.args[0], nil
		}
	}
	m, err := memorize(c.ev, c.args[0])
	if err != nil {
		return nil, err
	}
	it, err := c.ev.iterate(m)
	if err != nil {
		return nil, err
	}
	_, ok, err := it()
	if err != nil {
		return nil, err
	}
	if ok {
		return m, nil
	}
	return c.args[1], nil
}
