package value

import "slices"

// Sorted returns the elements of v in ascending order, equal ones keeping their
// order. key, if not nil, gives what to compare; reverse turns the order around
// while still keeping equal elements in place.
func Sorted(b *Budget, v any, key func(any) (any, error), reverse bool) (*List, error) {
	items, err := Collect(b, v)
	if err != nil {
		return nil, err
	}
	if err := SortItems(b, items, key, reverse); err != nil {
		return nil, err
	}
	return &List{Items: items}, nil
}

// SortItems sorts in place; see Sorted. After an error the order is undefined.
func SortItems(b *Budget, items []any, key func(any) (any, error), reverse bool) error {
	if key == nil {
		return sortBy(b, items, reverse, func(v any) any { return v })
	}
	type keyed struct{ key, item any }
	if err := b.allocItems(2 * len(items)); err != nil {
		return err
	}
	pairs := make([]keyed, len(items))
	for i, v := range items {
		k, err := key(v)
		if err != nil {
			return err
		}
		pairs[i] = keyed{k, v}
	}
	err := sortBy(b, pairs, reverse, func(p keyed) any { return p.key })
	for i, p := range pairs {
		items[i] = p.item
	}
	return err
}

// sortBy sorts stably with Python's <, comparing a later element with an
// earlier one as CPython does, which decides the text of a TypeError.
func sortBy[T any](b *Budget, items []T, reverse bool, key func(T) any) error {
	m := merger[T]{b: b, less: func(x, y T) (bool, error) { return Less(b, key(x), key(y)) }}
	if reverse {
		// CPython turns the list around before and after, which keeps equal
		// elements in place and decides which pair is compared first.
		slices.Reverse(items)
		defer slices.Reverse(items)
	}
	if err := b.allocItems(len(items)); err != nil {
		return err
	}
	return m.sort(items, make([]T, len(items)))
}

// merger is a merge sort that stops at the first error, which the sorts of the
// standard library cannot.
type merger[T any] struct {
	b    *Budget
	less func(x, y T) (bool, error)
}

// smallRun is the length up to which CPython sorts by insertion.
const smallRun = 63

func (m *merger[T]) sort(items, space []T) error {
	if len(items) <= smallRun {
		return m.insertion(items)
	}
	half := len(items) / 2
	if err := m.sort(items[:half], space[:half]); err != nil {
		return err
	}
	if err := m.sort(items[half:], space[half:]); err != nil {
		return err
	}
	if swapped, err := m.less(items[half], items[half-1]); !swapped || err != nil {
		return err
	}
	copy(space, items[:half])
	left, right, out := space[:half], items[half:], items
	for len(left) > 0 && len(right) > 0 {
		if err := m.b.Step(1); err != nil {
			return err
		}
		second, err := m.less(right[0], left[0])
		if err != nil {
			return err
		}
		if second {
			out[0], right = right[0], right[1:]
		} else {
			out[0], left = left[0], left[1:]
		}
		out = out[1:]
	}
	copy(out, left)
	return nil
}

// insertion sorts a short run as CPython does: it takes the ascending (or
// turns the descending) start as it is and inserts the rest by bisection.
func (m *merger[T]) insertion(items []T) error {
	if err := m.b.Step(int64(len(items))); err != nil {
		return err
	}
	sorted, err := m.run(items)
	if err != nil {
		return err
	}
	for i := sorted; i < len(items); i++ {
		pivot := items[i]
		lo, hi := 0, i
		for lo < hi {
			mid := (lo + hi) / 2
			before, err := m.less(pivot, items[mid])
			if err != nil {
				return err
			}
			if before {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		copy(items[lo+1:i+1], items[lo:i])
		items[lo] = pivot
	}
	return nil
}

// run returns the length of the ordered start of items.
func (m *merger[T]) run(items []T) (int, error) {
	if len(items) < 2 {
		return len(items), nil
	}
	down, err := m.less(items[1], items[0])
	if err != nil {
		return 0, err
	}
	n := 2
	for ; n < len(items); n++ {
		before, err := m.less(items[n], items[n-1])
		if err != nil {
			return 0, err
		}
		if before != down {
			break
		}
	}
	if down { // strictly, so turning it around keeps it stable
		slices.Reverse(items[:n])
	}
	return n, nil
}

// Min returns the smallest element of v by key, which may be nil; ok is false
// when v is empty.
func Min(b *Budget, v any, key func(any) (any, error)) (best any, ok bool, err error) {
	return extreme(b, v, key, "<")
}

// Max returns the largest element of v by key, which may be nil; of equal ones
// the first.
func Max(b *Budget, v any, key func(any) (any, error)) (best any, ok bool, err error) {
	return extreme(b, v, key, ">")
}

func extreme(b *Budget, v any, key func(any) (any, error), op string) (best any, ok bool, err error) {
	var bestKey any
	err = Each(b, v, func(item any) (bool, error) {
		k := item
		if key != nil {
			if k, err = key(item); err != nil {
				return false, err
			}
		}
		if ok {
			better, err := Compare(b, op, k, bestKey)
			if !better || err != nil {
				return true, err
			}
		}
		best, bestKey, ok = item, k, true
		return true, nil
	})
	if err != nil {
		return nil, false, err
	}
	return best, ok, nil
}

// Sum returns start plus all elements of v, as sum() does.
func Sum(b *Budget, v, start any) (any, error) {
	if IsString(start) {
		return nil, TypeErrorf("sum() can't sum strings [use ''.join(seq) instead]")
	}
	if _, ok := start.(Bytes); ok {
		return nil, TypeErrorf("sum() can't sum bytes [use b''.join(seq) instead]")
	}
	total := start
	err := Each(b, v, func(item any) (bool, error) {
		var err error
		total, err = Add(b, total, item)
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	return total, nil
}
