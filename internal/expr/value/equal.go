package value

import (
	"math"
	"math/big"
)

// maxEqualNodes bounds a comparison made without a budget: nested values that
// share parts can hold exponentially many pairs.
const maxEqualNodes = 1 << 24

// Equal reports whether a == b in Python. An object whose comparison raises is
// unequal here; use EqualIn where the error matters.
func Equal(a, b any) bool {
	if eq, done := equalScalar(a, b); done {
		return eq
	}
	eq, err := EqualIn(nil, a, b)
	return eq && err == nil
}

// EqualIn is Equal with the work charged to bud and errors reported.
func EqualIn(bud *Budget, a, b any) (bool, error) {
	if eq, done := equalScalar(a, b); done {
		return eq, nil
	}
	c := comparer{b: bud}
	return c.equal(a, b)
}

// SameOrEqual is the test containers use for membership: identity or equality.
func SameOrEqual(bud *Budget, a, b any) (bool, error) {
	if eq, done := equalScalar(a, b); done {
		return eq || bothNaN(a, b), nil
	}
	if Is(a, b) {
		return true, nil
	}
	c := comparer{b: bud}
	return c.equal(a, b)
}

func bothNaN(a, b any) bool {
	x, ok := a.(float64)
	y, ok2 := b.(float64)
	return ok && ok2 && x != x && y != y
}

// Is reports whether a and b are the same object. Immutable scalars are the
// same when they have the same type and value.
func Is(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case int64:
		y, ok := b.(int64)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case float64:
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	case *big.Int:
		y, ok := b.(*big.Int)
		return ok && (x == y || x.Cmp(y) == 0)
	case Tuple:
		y, ok := b.(Tuple)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	case DateTime:
		y, ok := b.(DateTime)
		return ok && x.Naive == y.Naive && x.Time.Equal(y.Time) && x.Time.Location() == y.Time.Location()
	}
	if _, ok := b.(Tuple); ok {
		return false
	}
	if !comparableObject(a) || !comparableObject(b) {
		return false
	}
	return a == b
}

// comparableObject guards == on interfaces against panics for Object types
// that hold uncomparable data by value.
func comparableObject(v any) bool {
	switch v.(type) {
	case *List, *Dict, *Set, Bytes, Markup, Date, TimeSpan, *Range, *DictView, *Func:
		return true
	}
	return isComparable(v)
}

// equalScalar decides all pairs with a plain scalar on the left without
// allocating; done is false when the general comparison must look.
func equalScalar(a, b any) (eq, done bool) {
	switch x := a.(type) {
	case string:
		switch y := b.(type) {
		case string:
			return x == y, true
		case Markup:
			return x == string(y), true
		case Object:
			return false, false
		}
		return false, true
	case int64:
		switch y := b.(type) {
		case int64:
			return x == y, true
		case float64:
			return y == y && cmpIntFloat(a, y) == 0, true
		case bool:
			return y == (x == 1) && (x == 0 || x == 1), true
		case Object:
			return false, false
		}
		return false, true
	case float64:
		switch y := b.(type) {
		case float64:
			return x == y, true
		case int64, *big.Int, bool:
			return x == x && cmpIntFloat(b, x) == 0, true
		case Object:
			return false, false
		}
		return false, true
	case bool:
		switch y := b.(type) {
		case bool:
			return x == y, true
		case int64, float64, *big.Int:
			n := int64(0)
			if x {
				n = 1
			}
			switch y := y.(type) {
			case int64:
				return y == n, true
			case float64:
				return y == float64(n), true
			}
			return false, true
		case Object:
			return false, false
		}
		return false, true
	case nil:
		switch b.(type) {
		case nil:
			return true, true
		case Object:
			return false, false
		}
		return false, true
	}
	return false, false
}

// comparer walks two values side by side.
type comparer struct {
	b     *Budget
	depth int
	nodes int
}

func (c *comparer) enter(n int) error {
	if c.depth++; c.depth > maxDepth {
		return RecursionErrorf("maximum recursion depth exceeded in comparison")
	}
	if c.nodes += n; c.nodes > maxEqualNodes {
		return &Error{Class: "LimitError", Msg: "comparison takes too many steps", Err: ErrLimit}
	}
	return c.b.Step(int64(n))
}

// item compares elements of containers: identical elements are equal.
func (c *comparer) item(a, b any) (bool, error) {
	if eq, done := equalScalar(a, b); done {
		return eq || bothNaN(a, b), nil
	}
	if Is(a, b) {
		return true, nil
	}
	return c.equal(a, b)
}

func (c *comparer) equal(a, b any) (bool, error) {
	if eq, done := equalScalar(a, b); done {
		return eq, nil
	}
	switch x := a.(type) {
	case *big.Int:
		switch y := b.(type) {
		case *big.Int:
			return x.Cmp(y) == 0, nil
		case float64:
			return y == y && cmpIntFloat(x, y) == 0, nil
		}
	case Markup:
		return c.equal(string(x), b)
	case Bytes:
		if y, ok := b.(Bytes); ok {
			return x == y, nil
		}
	case *List:
		if y, ok := b.(*List); ok {
			return c.sequence(x.Items, y.Items)
		}
	case Tuple:
		if y, ok := b.(Tuple); ok {
			return c.sequence(x, y)
		}
	case *Dict:
		if y, ok := b.(*Dict); ok {
			return c.dicts(x, y)
		}
	case *Set:
		switch y := b.(type) {
		case *Set:
			return x.equalSet(y), nil
		case *DictView:
			return setOfView(x, y)
		}
	case *DictView:
		return c.views(x, b)
	case DateTime:
		if y, ok := b.(DateTime); ok {
			return x.Naive == y.Naive && x.Time.Equal(y.Time), nil
		}
	case Date:
		if y, ok := b.(Date); ok {
			return x == y, nil
		}
	case TimeSpan:
		if y, ok := b.(TimeSpan); ok {
			return x == y, nil
		}
	case *Range:
		if y, ok := b.(*Range); ok {
			return x.equal(y), nil
		}
	}
	if x, ok := a.(Equaler); ok {
		if eq, known, err := x.EqualTo(b); known || err != nil {
			return eq, err
		}
	}
	if y, ok := b.(Equaler); ok {
		if eq, known, err := y.EqualTo(a); known || err != nil {
			return eq, err
		}
	}
	if _, ok := a.(Object); ok {
		return Is(a, b), nil
	}
	return false, nil
}

func (c *comparer) sequence(x, y []any) (bool, error) {
	if len(x) != len(y) {
		return false, nil
	}
	if err := c.enter(len(x)); err != nil {
		return false, err
	}
	defer func() { c.depth-- }()
	for i := range x {
		// Elements' own comparisons may change a list that is being compared.
		if i >= len(y) {
			return false, nil
		}
		if eq, err := c.item(x[i], y[i]); !eq || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *comparer) dicts(x, y *Dict) (bool, error) {
	if x == y {
		return true, nil
	}
	if x.Len() != y.Len() {
		return false, nil
	}
	if err := c.enter(x.Len()); err != nil {
		return false, err
	}
	defer func() { c.depth-- }()
	for k, v := range x.All() {
		w, ok := y.Get(k)
		if !ok {
			return false, nil
		}
		if eq, err := c.item(v, w); !eq || err != nil {
			return false, err
		}
	}
	return true, nil
}
