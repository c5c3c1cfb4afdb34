package yaql

import (
	"squall/internal/expr/value"
)

func addCollections(l *library) {
	l.add("list", asFunction, "*args: any", func(c *call) (any, error) {
		return c.ev.toList(c.frame, flattenIterators(c.ev, c.rest))
	})
	l.add("#list", asFunction, "*args: any", func(c *call) (any, error) { return newTuple(c.rest), nil })
	l.add("toList", asMethod, "collection: Iterable", func(c *call) (any, error) {
		if _, ok := tupleItems(c.args[0]); ok {
			return c.args[0], nil
		}
		items, err := c.ev.collect(c.args[0])
		return newTuple(append([]any(nil), items...)), err
	})
	l.add("flatten", asMethod, "collection: Iterable", flatten)
	l.add("#indexer", asFunction, "list: Sequence, index: int", listIndex)
	l.add("dict #map", asFunction|withPairs, "*args: Rule", func(c *call) (any, error) {
		d, err := c.withRules(value.NewDict(len(c.rest)), c.rest)
		return d, err
	})
	l.add("dict", asFunction|withPairs, "items: Iterable", dictFromItems)
	l.add("toDict", asMethod, "collection: Iterable, keySelector: Lambda, valueSelector: Lambda = null", toDict)
	l.add("#operator_.", asFunction, "dict: dict, key: Keyword", dictItem)
	l.add("#indexer", asFunction, "dict: dict, key: any", dictItem)
	l.add("#indexer", asFunction, "dict: dict, key: any, default: any", dictGet)
	l.add("get", asMethod, "dict: dict, key: any, default: any = null", dictGet)
	l.add("set", asMethod|withPairs, "dict: dict, key: any, value: any", func(c *call) (any, error) {
		d, err := c.cloneDict(c.args[0], 1)
		if err == nil {
			err = put(c.ev.budget, d, c.args[1], c.args[2])
		}
		return frozenDict(d), err
	})
	l.add("set", asMethod|withPairs, "dict: dict, replacements: dict", func(c *call) (any, error) {
		return c.merged(c.args[0], c.args[1])
	})
	l.add("set", asMethod|withPairs, "dict: dict, *args: Rule", func(c *call) (any, error) {
		d, err := c.cloneDict(c.args[0], len(c.rest))
		if err != nil {
			return nil, err
		}
		return c.withRules(d, c.rest)
	})
	for i, name := range []string{"keys", "values", "items"} {
		kind := viewKind(i)
		l.add(name, asMethod, "dict: dict", func(c *call) (any, error) { return &view{kind: kind, of: c.args[0]}, nil })
	}
	l.add("#operator_in", asFunction, "value: any, collection: Iterable", func(c *call) (any, error) { return c.contains(c.args[1], c.args[0]) })
	l.add("contains", asMethod, "collection: Iterable, value: any", func(c *call) (any, error) { return c.contains(c.args[0], c.args[1]) })
	l.add("containsKey", asMethod, "dict: dict, key: any", func(c *call) (any, error) {
		_, ok, err := lookup(c.ev.budget, c.dict(0), c.args[1])
		return ok, err
	})
	l.add("containsValue", asMethod, "dict: dict, value: any", func(c *call) (any, error) {
		return contains(c.ev, sliceIteration(c.dict(0).Values()), c.args[1])
	})
	l.add("#operator_+", asFunction, "left: Iterable, right: Iterable", combine)
	l.add("#operator_*", asFunction, "left: Sequence, right: int", func(c *call) (any, error) { return c.repeat(c.args[0], c.args[1], 0) })
	l.add("#operator_*", asFunction, "left: int, right: Sequence", func(c *call) (any, error) { return c.repeat(c.args[1], c.args[0], 0) })
	l.add("#operator_+", asFunction, "left: dict, right: dict", func(c *call) (any, error) { return c.merged(c.args[0], c.args[1]) })
	l.add("isList", asFunction, "arg: any", func(c *call) (any, error) { return isSequence(c.args[0]), nil })
	l.add("isDict", asFunction, "arg: any", func(c *call) (any, error) {
		_, ok := mapping(c.args[0])
		return ok, nil
	})
	length := func(c *call) (any, error) {
		n, ok := sizeOf(c.args[0])
		if !ok {
			return nil, value.TypeErrorf("object of type '%s' has no len()", typeName(c.args[0]))
		}
		return int64(n), nil
	}
	l.add("len", extension, "dict: dict", length)
	l.add("len", extension, "sequence: Sequence", length)
	l.add("delete", asMethod, "collection: Iterable, position: int, count: int = 1", func(c *call) (any, error) {
		return c.replaceRange(c.small(1), c.small(2), nil)
	})
	l.add("replace", asMethod, "collection: Iterable, position: int, value: any, count: int = 1", func(c *call) (any, error) {
		return c.replaceRange(c.small(1), c.small(3), func() (iteration, error) { return sliceIteration(c.args[2:3]), nil })
	})
	l.add("replaceMany", asMethod, "collection: Iterable, position: int, values: Iterable, count: int = 1", func(c *call) (any, error) {
		return c.replaceRange(c.small(1), c.small(3), func() (iteration, error) { return c.iter(2) })
	})
	l.add("delete", asMethod, "dict: dict, *keys: any", func(c *call) (any, error) { return c.without(sliceIteration(c.rest)) })
	l.add("deleteAll", asMethod, "dict: dict, keys: Iterable", func(c *call) (any, error) {
		it, err := c.iter(1)
		if err != nil {
			return nil, err
		}
		return c.without(it)
	})
	l.add("insert", asMethod, "collection: IterableNotSet, position: int, value: any", func(c *call) (any, error) {
		return c.insertAt(false, func() (iteration, error) { return sliceIteration(c.args[2:3]), nil })
	})
	l.add("insert", asMethod, "collection: Sequence, position: int, value: any", listInsert)
	l.add("insertMany", asMethod, "collection: Iterable, position: int, values: Iterable", func(c *call) (any, error) {
		return c.insertAt(true, func() (iteration, error) { return c.iter(2) })
	})
}

// flattenIterators lists values, taking iterators among them apart at any depth.
func flattenIterators(ev *evaluation, items []any) *lazy {
	return walk(ev, sliceIteration(items), isIterator)
}

// flatten takes collections apart at any depth.
func flatten(c *call) (any, error) {
	return c.lazy(func() (iteration, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		return walk(c.ev, it, isIterable).Next, nil
	})
}

// walk gives the elements of it, and in place of those that descend accepts
// their elements.
func walk(ev *evaluation, it iteration, descend func(any) bool) *lazy {
	stack := []iteration{it}
	return newLazy(ev, func() (any, bool, error) {
		for len(stack) > 0 {
			v, ok, err := stack[len(stack)-1]()
			if err != nil {
				return nil, false, err
			}
			if err := ev.step(); err != nil {
				return nil, false, err
			}
			switch {
			case !ok:
				stack = stack[:len(stack)-1]
			case !descend(v):
				return v, true, nil
			case len(stack) > maxNesting:
				return nil, false, tooNested()
			default:
				inner, err := ev.iterate(v)
				if err != nil {
					return nil, false, err
				}
				stack = append(stack, inner)
			}
		}
		return nil, false, nil
	})
}

func listIndex(c *call) (any, error) {
	items, ok := seqItems(c.args[0])
	if !ok {
		return value.GetItem(c.ev.budget, c.args[0], c.args[1])
	}
	i := c.small(1)
	if i < 0 {
		i += len(items)
	}
	if i < 0 || i >= len(items) {
		return nil, value.IndexErrorf("%s index out of range", typeName(c.args[0]))
	}
	return items[i], nil
}

func dictItem(c *call) (any, error) {
	v, ok, err := lookup(c.ev.budget, c.dict(0), c.args[1])
	if err == nil && !ok {
		err = keyError(c.args[1])
	}
	return v, err
}

func dictGet(c *call) (any, error) {
	v, ok, err := lookup(c.ev.budget, c.dict(0), c.args[1])
	if err == nil && !ok {
		v = c.args[2]
	}
	return v, err
}

// cloneDict copies a mapping with room for more pairs.
func (c *call) cloneDict(v any, more int) (*value.Dict, error) {
	d, _ := mapping(v)
	if err := c.ev.alloc(48 * int64(d.Len()+more)); err != nil {
		return nil, err
	}
	return d.Clone(), nil
}

// withRules adds evaluated pairs to a fresh dict.
func (c *call) withRules(d *value.Dict, rules []any) (any, error) {
	for _, r := range rules {
		rule := r.(*mappingRule)
		if err := put(c.ev.budget, d, rule.key, rule.val); err != nil {
			return nil, err
		}
	}
	return frozenDict(d), nil
}

// merged gives both mappings as one; the right one wins.
func (c *call) merged(left, right any) (any, error) {
	r, _ := mapping(right)
	d, err := c.cloneDict(left, r.Len())
	if err != nil {
		return nil, err
	}
	for k, v := range r.All() {
		if err := d.SetChecked(k, v); err != nil {
			return nil, err
		}
	}
	return frozenDict(d), nil
}

// dictFromItems makes a dict of the first two elements of each item.
func dictFromItems(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	d := value.NewDict(0)
	for {
		item, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return frozenDict(d), nil
		}
		pair, err := c.ev.iterate(item)
		if err != nil {
			return nil, err
		}
		var kv [2]any
		for i := range kv {
			if kv[i], ok, err = pair(); err != nil {
				return nil, err
			} else if !ok {
				return nil, value.Errorf(classStop, "")
			}
		}
		if err := c.store(d, kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
}

// store puts a pair into a dict that grows while it is made.
func (c *call) store(d *value.Dict, k, v any) error {
	if err := c.ev.alloc(48); err != nil {
		return err
	}
	if err := put(c.ev.budget, d, k, v); err != nil {
		return err
	}
	return c.ev.checkMemory(64 + 100*int64(d.Len()))
}

func toDict(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	keyOf, valueOf := c.lambda(1), c.lambda(2)
	d := value.NewDict(0)
	for {
		x, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return &dict{d: d}, nil
		}
		k, err := keyOf.call1(x)
		if err != nil {
			return nil, err
		}
		v := x
		if valueOf != nil {
			if v, err = valueOf.call1(x); err != nil {
				return nil, err
			}
		}
		if err := c.store(d, k, v); err != nil {
			return nil, err
		}
	}
}

func (c *call) contains(collection, v any) (any, error) {
	switch s := collection.(type) {
	case *value.Set:
		k, err := hashKey(c.ev.budget, v)
		if err != nil {
			return nil, err
		}
		return s.Has(k)
	case *value.Dict, *dict:
		d, _ := mapping(s)
		_, ok, err := lookup(c.ev.budget, d, v)
		return ok, err
	case *view:
		d, _ := mapping(s.of)
		switch s.kind {
		case viewKeys:
			_, ok, err := lookup(c.ev.budget, d, v)
			return ok, err
		case viewItems:
			return c.containsItem(s, d, v)
		}
	}
	it, err := c.ev.iterate(collection)
	if err != nil {
		return nil, err
	}
	return contains(c.ev, it, v)
}

// containsItem is "v in dict.items()". The view of a frozen dict takes v apart
// before it looks, so what is no pair is an error; that of a plain one does not.
func (c *call) containsItem(s *view, d *value.Dict, v any) (any, error) {
	pair, isTuple := tupleItems(v)
	if s.TypeName() == "dict_items" {
		if !isTuple || len(pair) != 2 {
			return false, nil
		}
	} else if !isTuple {
		it, err := rawIterate(v)
		if err != nil {
			return nil, value.TypeErrorf("cannot unpack non-iterable %s object", typeName(v))
		}
		if pair, err = c.ev.drain(it); err != nil {
			return nil, err
		}
	}
	switch {
	case len(pair) < 2:
		return nil, value.ValueErrorf("not enough values to unpack (expected 2, got %d)", len(pair))
	case len(pair) > 2:
		return nil, value.ValueErrorf("too many values to unpack (expected 2)")
	}
	x, ok, err := lookup(c.ev.budget, d, pair[0])
	if err != nil || !ok {
		return false, err
	}
	return sameOrEqual(c.ev.budget, x, pair[1], 0)
}

// combine is + of two collections: tuples give a tuple, sets a set, anything
// else a sequence of both.
func combine(c *call) (any, error) {
	left, ok1 := tupleItems(c.args[0])
	right, ok2 := tupleItems(c.args[1])
	if ok1 && ok2 {
		if err := c.ev.alloc(16 * int64(len(left)+len(right))); err != nil {
			return nil, err
		}
		out := make(value.Tuple, 0, len(left)+len(right))
		return append(append(out, left...), right...), nil
	}
	a, ok1 := c.args[0].(*value.Set)
	b, ok2 := c.args[1].(*value.Set)
	if ok1 && ok2 {
		if err := c.ev.alloc(48 * int64(a.Len()+b.Len())); err != nil {
			return nil, err
		}
		return frozenSet(a.Union(b)), nil
	}
	return chain(c.ev, c.args), nil
}

// chain gives one collection after the other.
func chain(ev *evaluation, collections []any) *lazy {
	var it iteration
	i := 0
	return newLazy(ev, func() (any, bool, error) {
		for {
			if it != nil {
				v, ok, err := it()
				if err != nil || ok {
					return v, ok, err
				}
			}
			if i == len(collections) {
				return nil, false, nil
			}
			var err error
			if it, err = ev.iterate(collections[i]); err != nil {
				return nil, false, err
			}
			i++
		}
	})
}

// replaceRange drops count elements from position on (all of them for a
// negative count) and puts new ones in their place; nil puts none.
func (c *call) replaceRange(position, count int, with func() (iteration, error)) (any, error) {
	return c.lazy(func() (iteration, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		i := -1
		var inserted iteration
		done := with == nil
		return func() (any, bool, error) {
			for {
				if inserted != nil {
					v, ok, err := inserted()
					if err != nil || ok {
						return v, ok, err
					}
					inserted = nil
				}
				v, ok, err := it()
				if err != nil || !ok {
					return nil, false, err
				}
				i++
				if i < position || count >= 0 && i-position >= count {
					return v, true, nil
				}
				if !done {
					done = true
					if inserted, err = with(); err != nil {
						return nil, false, err
					}
				}
			}
		}, nil
	})
}

// without copies the dict and drops keys; those it lacks do not matter.
func (c *call) without(keys iteration) (any, error) {
	d, err := c.cloneDict(c.args[0], 0)
	if err != nil {
		return nil, err
	}
	for {
		k, ok, err := keys()
		if err != nil {
			return nil, err
		}
		if !ok {
			return &dict{d: d}, nil
		}
		if d.Len() == 0 {
			continue // Python does not even look at the key
		}
		if k, err = hashKey(c.ev.budget, k); err != nil {
			return nil, err
		}
		if _, err := value.Hash(k); err != nil {
			return nil, err
		}
		d.Delete(k)
	}
}

// insertAt puts new elements before position, or at the end if it lies beyond.
// front says what a negative position does: insert at the front, or nothing.
func (c *call) insertAt(front bool, with func() (iteration, error)) (any, error) {
	position := c.small(1)
	return c.lazy(func() (iteration, error) {
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		i := -1
		var queue []iteration
		single := func(v any) iteration { return sliceIteration([]any{v}) }
		if front && position < 0 {
			first, err := with()
			if err != nil {
				return nil, err
			}
			queue = append(queue, first)
		}
		end := false
		return func() (any, bool, error) {
			for {
				if len(queue) > 0 {
					v, ok, err := queue[0]()
					if err != nil || ok {
						return v, ok, err
					}
					queue = queue[1:]
					continue
				}
				if end {
					return nil, false, nil
				}
				v, ok, err := it()
				if err != nil {
					return nil, false, err
				}
				if !ok {
					if end = true; position <= i {
						return nil, false, nil
					}
					more, err := with()
					if err != nil {
						return nil, false, err
					}
					queue = append(queue, more)
					continue
				}
				i++
				if i != position {
					return v, true, nil
				}
				more, err := with()
				if err != nil {
					return nil, false, err
				}
				queue = append(queue, more, single(v))
			}
		}, nil
	})
}

func listInsert(c *call) (any, error) {
	items, err := c.ev.collect(c.args[0])
	if err != nil {
		return nil, err
	}
	if err := c.ev.alloc(16 * int64(len(items)+1)); err != nil {
		return nil, err
	}
	i, err := c.ssize(1)
	if err != nil {
		return nil, err
	}
	i = clampIndex(i, len(items))
	out := make([]any, 0, len(items)+1)
	out = append(append(out, items[:i]...), c.args[2])
	return &list{append(out, items[i:]...)}, nil
}
