package value

import (
	"math"
	"math/big"
)

// Neg returns -v.
func Neg(b *Budget, v any) (any, error) {
	switch x := v.(type) {
	case int64:
		if x == math.MinInt64 {
			return new(big.Int).Neg(big.NewInt(x)), nil
		}
		return -x, nil
	case float64:
		return -x, nil
	case bool:
		n, _ := asInt(x)
		return -n, nil
	case *big.Int:
		if err := b.Alloc(int64(x.BitLen() / 8)); err != nil {
			return nil, err
		}
		return NormInt(new(big.Int).Neg(x)), nil
	case TimeSpan:
		return -x, nil
	}
	return unary("-", v)
}

// Pos returns +v.
func Pos(v any) (any, error) {
	switch x := v.(type) {
	case int64, float64, *big.Int, TimeSpan:
		return x, nil
	case bool:
		n, _ := asInt(x)
		return n, nil
	}
	return unary("+", v)
}

// Invert returns ~v.
func Invert(b *Budget, v any) (any, error) {
	switch x := v.(type) {
	case int64:
		return ^x, nil
	case bool:
		n, _ := asInt(x)
		return ^n, nil
	case *big.Int:
		if err := b.Alloc(int64(x.BitLen() / 8)); err != nil {
			return nil, err
		}
		return NormInt(new(big.Int).Not(x)), nil
	}
	return unary("~", v)
}

// Abs returns abs(v).
func Abs(b *Budget, v any) (any, error) {
	switch x := v.(type) {
	case float64:
		return math.Abs(x), nil
	case TimeSpan:
		if x < 0 {
			return -x, nil
		}
		return x, nil
	case int64, *big.Int, bool:
		if intSign(x) < 0 {
			return Neg(b, x)
		}
		return Pos(x)
	}
	if o, ok := v.(UnaryOperator); ok {
		if r, known, err := o.UnaryOp("abs"); known || err != nil {
			return r, err
		}
	}
	return nil, TypeErrorf("bad operand type for abs(): '%s'", TypeName(v))
}

func unary(op string, v any) (any, error) {
	if o, ok := v.(UnaryOperator); ok {
		if r, known, err := o.UnaryOp(op); known || err != nil {
			return r, err
		}
	}
	return nil, TypeErrorf("bad operand type for unary %s: '%s'", op, TypeName(v))
}
