package yaql

import (
	"squall/internal/expr/value"
)

// slice gives the elements from start to stop (nil: all), like itertools.islice.
func (c *call) slice(start, stop any) (any, error) {
	for _, bound := range []any{start, stop} {
		if bound == nil {
			continue
		}
		n, ok := bound.(int64)
		if b, isBool := bound.(bool); isBool {
			n, ok = int64(clampInt(b)), true
		}
		if !ok || n < 0 {
			if stop == nil {
				return nil, value.ValueErrorf("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
			}
			return nil, value.ValueErrorf("Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
		}
	}
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	skip, end := clampInt(start), maxInt
	if stop != nil {
		end = clampInt(stop)
	}
	i := 0
	return newLazy(c.ev, func() (any, bool, error) {
		for {
			if i >= end {
				return nil, false, nil
			}
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			if i++; i > skip {
				return v, true, nil
			}
		}
	}), nil
}

func takeWhile(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	return newLazy(c.ev, func() (any, bool, error) {
		v, ok, err := it()
		if err != nil || !ok {
			return nil, false, err
		}
		ok, err = c.lambda(1).test(v)
		return v, ok, err
	}), nil
}

func skipWhile(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	skipping := true
	return newLazy(c.ev, func() (any, bool, error) {
		for {
			v, ok, err := it()
			if err != nil || !ok || !skipping {
				return v, ok, err
			}
			if skipping, err = c.lambda(1).test(v); err != nil || !skipping {
				return v, true, err
			}
		}
	}), nil
}

func sliceBy(c *call) (any, error) {
	n := c.small(1)
	return c.lazy(func() (iteration, error) {
		if n < 0 {
			return nil, value.ValueErrorf("Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
		}
		it, err := c.iter(0)
		if err != nil {
			return nil, err
		}
		return func() (any, bool, error) {
			taken := 0
			part := newLazy(c.ev, func() (any, bool, error) {
				if taken == n {
					return nil, false, nil
				}
				taken++
				return it()
			})
			res, err := c.ev.toList(c.frame, part)
			if err != nil {
				return nil, false, err
			}
			items, _ := seqItems(res)
			return res, len(items) > 0, nil
		}, nil
	})
}

// split cuts a list: at the elements that pass, which are dropped, or (between)
// wherever the result of the predicate changes.
func (c *call) split(between bool) (any, error) {
	return c.lazy(func() (iteration, error) {
		all, err := c.ev.toList(c.frame, c.args[0])
		if err != nil {
			return nil, err
		}
		items, _ := seqItems(all)
		start, end := 0, 0
		var before any = noValue
		return func() (any, bool, error) {
			for end < len(items) {
				p, err := c.lambda(1).call1(items[end])
				if err != nil {
					return nil, false, err
				}
				cut, from := false, end
				if between {
					if before != any(noValue) {
						same, err := equal(c.ev.budget, p, before)
						if err != nil {
							return nil, false, err
						}
						cut = !same
					}
					before = p
				} else if cut, err = truth(p); err != nil {
					return nil, false, err
				} else if cut {
					from = end + 1
				}
				end++
				if cut {
					part := items[start : end-1]
					start = from
					return likeSeq(all, part), true, nil
				}
			}
			if start != end {
				part := items[start:end]
				start = end
				return likeSeq(all, part), true, nil
			}
			return nil, false, nil
		}, nil
	})
}

func splitAt(c *call) (any, error) {
	all, err := c.ev.toList(c.frame, c.args[0])
	if err != nil {
		return nil, err
	}
	items, _ := seqItems(all)
	i := clampIndex(c.small(1), len(items))
	return &list{[]any{likeSeq(all, items[:i]), likeSeq(all, items[i:])}}, nil
}
