package yaql

import (
	"squall/internal/expr/value"
)

// equal is Python's ==.
func equal(bud *value.Budget, a, b any) (bool, error) { return equalDepth(bud, a, b, 0) }

func equalDepth(bud *value.Budget, a, b any, depth int) (bool, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y, nil
		}
	case int64:
		if y, ok := b.(int64); ok {
			return x == y, nil
		}
	}
	if depth > maxNesting {
		return false, tooNested()
	}
	if xs, ok := tupleItems(a); ok {
		if ys, ok := tupleItems(b); ok {
			return equalItems(bud, xs, ys, depth)
		}
		return false, nil
	}
	if x, ok := a.(*list); ok {
		if y, ok := b.(*list); ok {
			return equalItems(bud, x.items, y.items, depth)
		}
		return false, nil
	}
	if x, ok := mapping(a); ok {
		if y, ok := mapping(b); ok {
			return equalDicts(bud, x, y, depth)
		}
		return false, nil
	}
	if isSet(a) && isSet(b) {
		return equalSets(bud, a, b)
	}
	if isContainer(b) {
		return false, nil
	}
	return value.EqualIn(bud, a, b)
}

func isContainer(v any) bool {
	switch v.(type) {
	case value.Tuple, *value.List, *value.Dict, *list, *dict, *view:
		return true
	}
	return false
}

func equalItems(bud *value.Budget, xs, ys []any, depth int) (bool, error) {
	if len(xs) != len(ys) {
		return false, nil
	}
	if err := bud.Step(int64(len(xs))); err != nil {
		return false, err
	}
	for i := range xs {
		if eq, err := sameOrEqual(bud, xs[i], ys[i], depth+1); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// sameOrEqual is the comparison containers use: identity counts as equality.
func sameOrEqual(bud *value.Budget, a, b any, depth int) (bool, error) {
	if f, ok := a.(float64); ok && f != f {
		return value.Is(a, b), nil
	}
	return equalDepth(bud, a, b, depth)
}

func equalDicts(bud *value.Budget, x, y *value.Dict, depth int) (bool, error) {
	if x == y {
		return true, nil
	}
	if x.Len() != y.Len() {
		return false, nil
	}
	if err := bud.Step(int64(x.Len())); err != nil {
		return false, err
	}
	for k, xv := range x.All() {
		yv, ok, err := lookup(bud, y, k)
		if err != nil || !ok {
			return false, err
		}
		if eq, err := sameOrEqual(bud, xv, yv, depth+1); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

func equalSets(bud *value.Budget, a, b any) (bool, error) {
	x, err := toSet(bud, a)
	if err != nil {
		return false, err
	}
	y, err := toSet(bud, b)
	if err != nil {
		return false, err
	}
	return x.Len() == y.Len() && x.SubsetOf(y), nil
}

// toSet gives a set or a view as a set.
func toSet(bud *value.Budget, v any) (*value.Set, error) {
	if s, ok := v.(*value.Set); ok {
		return s, nil
	}
	s := newFrozenSet()
	if err := bud.Alloc(48 * int64(v.(*view).len())); err != nil {
		return nil, err
	}
	for _, x := range v.(*view).elements() {
		if err := setAdd(bud, s, x); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// contains is "v in items".
func contains(ev *evaluation, items iteration, v any) (bool, error) {
	for {
		x, ok, err := items()
		if err != nil || !ok {
			return false, err
		}
		if err := ev.step(); err != nil {
			return false, err
		}
		eq, err := sameOrEqual(ev.budget, x, v, 0)
		if err != nil || eq {
			return eq, err
		}
	}
}

// truth is Python's bool(v).
func truth(v any) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case nil:
		return false, nil
	case *list:
		return len(v.items) > 0, nil
	case *dict:
		return v.d.Len() > 0, nil
	case *view:
		return v.len() > 0, nil
	}
	return value.Truth(v)
}
