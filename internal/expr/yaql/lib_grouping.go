package yaql

import (
	"squall/internal/expr/value"
)

// groupBy collects elements by key, in the order keys appear.
func groupBy(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	keyOf, valueOf := c.lambda(1), c.lambda(2)
	groups := value.NewDict(0)
	for {
		x, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		v := x
		if valueOf != nil {
			if v, err = valueOf.call1(x); err != nil {
				return nil, err
			}
		}
		k, err := keyOf.call1(x)
		if err != nil {
			return nil, err
		}
		g, ok, err := lookup(c.ev.budget, groups, k)
		if err != nil {
			return nil, err
		}
		if !ok {
			g = &list{}
			if err := c.store(groups, k, g); err != nil {
				return nil, err
			}
		}
		if err := c.ev.alloc(16); err != nil {
			return nil, err
		}
		g.(*list).items = append(g.(*list).items, v)
	}
	a := &groupAggregator{l: c.lambda(3), mayFallBack: true}
	pairs := sliceIteration((&view{kind: viewItems, of: groups}).elements())
	return newLazy(c.ev, func() (any, bool, error) {
		pair, ok, err := pairs()
		if err != nil || !ok {
			return nil, false, err
		}
		v, err := a.apply(c.ev, pair.(value.Tuple))
		return v, true, err
	}), nil
}

// groupAggregator applies the third argument of groupBy. Since yaql 1.1.1 it
// gets the list of a group; before, it got the pair of key and list and gave a
// pair. The first group decides: when the new style fails there in the way an
// old-style aggregator would, the old style is tried and kept.
type groupAggregator struct {
	l           *lambda
	mayFallBack bool
	failed      error
}

func (a *groupAggregator) apply(ev *evaluation, pair value.Tuple) (any, error) {
	if a.l == nil {
		return pair, nil
	}
	if a.failed == nil {
		group := pair[1].(*list).items
		res, err := a.l.call1(pair[1])
		switch {
		case err == nil:
			// A result that looks like an old-style pair leaves the door open.
			if !looksLikePair(ev.budget, res, group) {
				a.mayFallBack = false
			}
			return value.Tuple{pair[0], res}, nil
		case value.IsClass(err, classNoMatchMeth, classNoMatchFunc, "IndexError"):
			a.failed = err
			ev.failedAt = -1
		default:
			return nil, err
		}
	}
	if a.mayFallBack {
		if res, err := a.l.call1(pair); err == nil {
			if n, ok := pyLen(res); ok && n == 2 {
				return res, nil
			}
		}
	}
	return nil, a.failed
}

func looksLikePair(b *value.Budget, res any, group []any) bool {
	items, ok := seqItems(res)
	if !ok || len(group) != 2 || len(items) != 2 {
		return false
	}
	same, err := equal(b, items[0], group[0])
	return err == nil && same
}

// pyLen is Python's len(v) where it exists.
func pyLen(v any) (int, bool) {
	if n, ok := sizeOf(v); ok {
		return n, true
	}
	if s, ok := v.(string); ok {
		return value.StrLen(s), true
	}
	if w, ok := v.(*view); ok {
		return w.len(), true
	}
	return 0, false
}

func join(c *call) (any, error) {
	return c.lazy(func() (iteration, error) {
		right, err := memorize(c.ev, c.args[1])
		if err != nil {
			return nil, err
		}
		left, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		var x any
		var ys iteration
		return func() (any, bool, error) {
			for {
				if ys == nil {
					var ok bool
					if x, ok, err = left(); err != nil || !ok {
						return nil, false, err
					}
					if ys, err = c.ev.iterate(right); err != nil {
						return nil, false, err
					}
				}
				y, ok, err := ys()
				if err != nil {
					return nil, false, err
				}
				if !ok {
					ys = nil
					continue
				}
				hit, err := c.lambda(2).callN(x, y)
				if err != nil {
					return nil, false, err
				}
				if ok, err := truth(hit); err != nil || !ok {
					if err != nil {
						return nil, false, err
					}
					continue
				}
				v, err := c.lambda(3).callN(x, y)
				return v, true, err
			}
		}, nil
	})
}
