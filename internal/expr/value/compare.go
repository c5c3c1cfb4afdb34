package value

import (
	"cmp"
	"math"
	"math/big"
)

// Compare evaluates a comparison operator: == != < <= > >=.
func Compare(b *Budget, op string, x, y any) (bool, error) {
	switch op {
	case "==":
		return EqualIn(b, x, y)
	case "!=":
		eq, err := EqualIn(b, x, y)
		return !eq, err
	}
	c := comparer{b: b}
	return c.order(op, x, y)
}

// Less returns x < y.
func Less(b *Budget, x, y any) (bool, error) {
	switch a := x.(type) {
	case int64:
		if c, ok := y.(int64); ok {
			return a < c, nil
		}
	case string:
		if c, ok := y.(string); ok {
			return a < c, nil
		}
	}
	c := comparer{b: b}
	return c.order("<", x, y)
}

// holds turns a three-way result into the operator's answer.
func holds(op string, c int) bool {
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "==":
		return c == 0
	}
	return c != 0
}

func mirrored(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

// compareNumbers orders two numbers (bool included); nan means unordered.
func compareNumbers(x, y any) (c int, nan, ok bool) {
	if a, ok := asInt(x); ok {
		if b, ok := asInt(y); ok {
			return cmp.Compare(a, b), false, true
		}
	}
	a, aFloat := x.(float64)
	b, bFloat := y.(float64)
	switch {
	case aFloat && bFloat:
		if math.IsNaN(a) || math.IsNaN(b) {
			return 0, true, true
		}
		return cmpFloat(a, b), false, true
	case aFloat:
		if !isIntLike(y) {
			return 0, false, false
		}
		if math.IsNaN(a) {
			return 0, true, true
		}
		return -cmpIntFloat(y, a), false, true
	case bFloat:
		if !isIntLike(x) {
			return 0, false, false
		}
		if math.IsNaN(b) {
			return 0, true, true
		}
		return cmpIntFloat(x, b), false, true
	}
	i, ok1 := asBig(x)
	j, ok2 := asBig(y)
	if !ok1 || !ok2 {
		return 0, false, false
	}
	return i.Cmp(j), false, true
}

func isIntLike(v any) bool {
	switch v.(type) {
	case int64, bool, *big.Int:
		return true
	}
	return false
}

// compareText orders strings by code point. UTF-8 sorts like code points, but
// for surrogates in three bytes, which sort right too.
func compareText(a, b string) int { return cmp.Compare(a, b) }

func (c *comparer) order(op string, x, y any) (bool, error) {
	if r, nan, ok := compareNumbers(x, y); ok {
		return !nan && holds(op, r), nil
	}
	if a, ok := AsString(x); ok {
		if b, ok := AsString(y); ok {
			return holds(op, compareText(a, b)), nil
		}
	}
	switch a := x.(type) {
	case *List:
		if b, ok := y.(*List); ok {
			return c.orderItems(op, a.Items, b.Items)
		}
	case Tuple:
		if b, ok := y.(Tuple); ok {
			return c.orderItems(op, a, b)
		}
	case Bytes:
		if b, ok := y.(Bytes); ok {
			return holds(op, cmp.Compare(a, b)), nil
		}
	case *Set, *DictView:
		s, ok, err := viewSet(x)
		if err != nil {
			return false, err
		}
		t, ok2, err := viewSet(y)
		if err != nil {
			return false, err
		}
		if ok && ok2 {
			return orderSets(op, s, t), nil
		}
	case DateTime:
		if b, ok := y.(DateTime); ok {
			if a.Naive != b.Naive {
				return false, TypeErrorf("can't compare offset-naive and offset-aware datetimes")
			}
			return holds(op, a.Time.Compare(b.Time)), nil
		}
		if _, ok := y.(Date); ok {
			return false, TypeErrorf("can't compare datetime.datetime to datetime.date")
		}
	case Date:
		if b, ok := y.(Date); ok {
			return holds(op, cmp.Compare(a.ordinal(), b.ordinal())), nil
		}
		if _, ok := y.(DateTime); ok {
			return false, TypeErrorf("can't compare datetime.datetime to datetime.date")
		}
	case TimeSpan:
		if b, ok := y.(TimeSpan); ok {
			return holds(op, cmp.Compare(a, b)), nil
		}
	case Comparer:
		if r, known, err := a.CompareTo(op, y); known || err != nil {
			return r, err
		}
	}
	if b, ok := y.(Comparer); ok {
		if r, known, err := b.CompareTo(mirrored(op), x); known || err != nil {
			return r, err
		}
	}
	return false, TypeErrorf("'%s' not supported between instances of '%s' and '%s'", op, TypeName(x), TypeName(y))
}

// orderItems orders sequences by their first unequal elements.
func (c *comparer) orderItems(op string, x, y []any) (bool, error) {
	if err := c.enter(min(len(x), len(y))); err != nil {
		return false, err
	}
	defer func() { c.depth-- }()
	for i := 0; i < len(x) && i < len(y); i++ {
		eq, err := c.item(x[i], y[i])
		if err != nil {
			return false, err
		}
		if !eq {
			return c.order(op, x[i], y[i])
		}
	}
	return holds(op, cmp.Compare(len(x), len(y))), nil
}

// orderSets compares by inclusion.
func orderSets(op string, s, t *Set) bool {
	switch op {
	case "<":
		return s.Len() < t.Len() && s.SubsetOf(t)
	case "<=":
		return s.SubsetOf(t)
	case ">":
		return t.Len() < s.Len() && t.SubsetOf(s)
	}
	return t.SubsetOf(s)
}
