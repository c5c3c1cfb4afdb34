package value

import (
	"math/big"
)

// dispatch handles an operator no built-in pair of types has taken: objects
// with their own operators are asked, left one first.
func dispatch(op string, x, y any) (any, error) {
	if o, ok := x.(BinaryOperator); ok {
		if v, known, err := o.BinaryOp(op, y, false); known || err != nil {
			return v, err
		}
	}
	if o, ok := y.(BinaryOperator); ok {
		if v, known, err := o.BinaryOp(op, x, true); known || err != nil {
			return v, err
		}
	}
	shown := op
	if op == "**" {
		shown = "** or pow()"
	}
	return nil, TypeErrorf("unsupported operand type(s) for %s: '%s' and '%s'", shown, TypeName(x), TypeName(y))
}

// isNumeric includes bool, which is an int in arithmetic.
func isNumeric(v any) bool {
	switch v.(type) {
	case int64, float64, *big.Int, bool:
		return true
	}
	return false
}

// floats converts both operands for an operation in which one is a float.
func floats(x, y any) (a, b float64, err error) {
	if a, err = floatOperand(x); err != nil {
		return 0, 0, err
	}
	b, err = floatOperand(y)
	return a, b, err
}

// numKind tells how a pair of numbers is computed with.
type numKind uint8

const (
	notNumbers numKind = iota
	smallInts
	bigInts
	floatPair
)

func kindOf(x, y any) numKind {
	_, xf := x.(float64)
	_, yf := y.(float64)
	if xf || yf {
		if (xf || isIntLike(x)) && (yf || isIntLike(y)) {
			return floatPair
		}
		return notNumbers
	}
	_, xs := asInt(x)
	_, ys := asInt(y)
	switch {
	case xs && ys:
		return smallInts
	case isIntLike(x) && isIntLike(y):
		return bigInts
	}
	return notNumbers
}

func smallPair(x, y any) (int64, int64) {
	a, _ := asInt(x)
	b, _ := asInt(y)
	return a, b
}

// bigPair charges the operands' size, to which results of + - & | ^ compare.
func bigPair(b *Budget, x, y any) (i, j *big.Int, err error) {
	i, _ = asBig(x)
	j, _ = asBig(y)
	return i, j, b.Alloc(int64(i.BitLen()/8 + j.BitLen()/8 + 16))
}

// Add returns x + y.
func Add(b *Budget, x, y any) (any, error) {
	if i, ok := x.(int64); ok {
		if j, ok := y.(int64); ok {
			return addInt(i, j), nil
		}
	}
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		return addInt(i, j), nil
	case bigInts:
		i, j, err := bigPair(b, x, y)
		if err != nil {
			return nil, err
		}
		return NormInt(new(big.Int).Add(i, j)), nil
	case floatPair:
		f, g, err := floats(x, y)
		if err != nil {
			return nil, err
		}
		return f + g, nil
	}
	switch a := x.(type) {
	case string:
		switch c := y.(type) {
		case string:
			if err := b.Alloc(int64(len(a) + len(c))); err != nil {
				return nil, err
			}
			return a + c, nil
		case Markup:
			return markupAdd(b, x, y)
		}
		return concatError("str", x, y)
	case Markup:
		return markupAdd(b, x, y)
	case *List:
		if c, ok := y.(*List); ok {
			items, err := concat(b, a.Items, c.Items)
			if err != nil {
				return nil, err
			}
			return &List{Items: items}, nil
		}
		return concatError("list", x, y)
	case Tuple:
		if c, ok := y.(Tuple); ok {
			items, err := concat(b, a, c)
			if err != nil {
				return nil, err
			}
			return Tuple(items), nil
		}
		return concatError("tuple", x, y)
	case Bytes:
		if c, ok := y.(Bytes); ok {
			if err := b.Alloc(int64(len(a) + len(c))); err != nil {
				return nil, err
			}
			return a + c, nil
		}
		if o, ok := y.(BinaryOperator); ok {
			if v, known, err := o.BinaryOp("+", x, true); known || err != nil {
				return v, err
			}
		}
		return nil, TypeErrorf("can't concat %s to bytes", TypeName(y))
	case DateTime, Date, TimeSpan:
		if v, ok, err := dateArith("+", x, y); ok || err != nil {
			return v, err
		}
	}
	return dispatch("+", x, y)
}

func concat(b *Budget, x, y []any) ([]any, error) {
	if err := b.allocItems(len(x) + len(y)); err != nil {
		return nil, err
	}
	return append(append(make([]any, 0, len(x)+len(y)), x...), y...), nil
}

func concatError(kind string, x, y any) (any, error) {
	if o, ok := y.(BinaryOperator); ok {
		if v, known, err := o.BinaryOp("+", x, true); known || err != nil {
			return v, err
		}
	}
	return nil, TypeErrorf(`can only concatenate %s (not "%s") to %s`, kind, TypeName(y), kind)
}

// Sub returns x - y.
func Sub(b *Budget, x, y any) (any, error) {
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		return subInt(i, j), nil
	case bigInts:
		i, j, err := bigPair(b, x, y)
		if err != nil {
			return nil, err
		}
		return NormInt(new(big.Int).Sub(i, j)), nil
	case floatPair:
		f, g, err := floats(x, y)
		if err != nil {
			return nil, err
		}
		return f - g, nil
	}
	switch x.(type) {
	case DateTime, Date, TimeSpan:
		if v, ok, err := dateArith("-", x, y); ok || err != nil {
			return v, err
		}
	}
	if v, ok, err := setOp(b, "-", x, y); ok || err != nil {
		return v, err
	}
	return dispatch("-", x, y)
}

// Mul returns x * y.
func Mul(b *Budget, x, y any) (any, error) {
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		return mulInt(i, j), nil
	case bigInts:
		i, j, err := bigPair(b, x, y)
		if err != nil {
			return nil, err
		}
		if err := chargeMul(b, i.BitLen(), j.BitLen()); err != nil {
			return nil, err
		}
		return NormInt(new(big.Int).Mul(i, j)), nil
	case floatPair:
		f, g, err := floats(x, y)
		if err != nil {
			return nil, err
		}
		return f * g, nil
	}
	if isSequence(x) {
		if isIntLike(y) {
			return Repeat(b, x, y)
		}
		return repeatError(x, y)
	}
	if isSequence(y) {
		if isIntLike(x) {
			return Repeat(b, y, x)
		}
		if _, ok := x.(BinaryOperator); !ok {
			return nil, TypeErrorf("can't multiply sequence by non-int of type '%s'", TypeName(x))
		}
	}
	if v, ok, err := dateArith("*", x, y); ok || err != nil {
		return v, err
	}
	return dispatch("*", x, y)
}

func isSequence(v any) bool {
	switch v.(type) {
	case string, *List, Tuple, Bytes, Markup:
		return true
	}
	return false
}

func repeatError(x, y any) (any, error) {
	if o, ok := y.(BinaryOperator); ok {
		if v, known, err := o.BinaryOp("*", x, true); known || err != nil {
			return v, err
		}
	}
	return nil, TypeErrorf("can't multiply sequence by non-int of type '%s'", TypeName(y))
}

// Repeat returns the sequence seq repeated n times.
func Repeat(b *Budget, seq, n any) (any, error) {
	if _, ok := n.(*big.Int); ok {
		if intSign(n) > 0 {
			return nil, OverflowErrorf("cannot fit 'int' into an index-sized integer")
		}
		n = int64(0)
	}
	times, _ := asInt(n)
	times = max(times, 0)
	switch x := seq.(type) {
	case string:
		return repeatText(b, x, times)
	case Markup:
		s, err := repeatText(b, string(x), times)
		return Markup(s), err
	case Bytes:
		s, err := repeatText(b, string(x), times)
		return Bytes(s), err
	case *List:
		items, err := repeatItems(b, x.Items, times)
		if err != nil {
			return nil, err
		}
		return &List{Items: items}, nil
	case Tuple:
		items, err := repeatItems(b, x, times)
		if err != nil {
			return nil, err
		}
		return Tuple(items), nil
	}
	return nil, TypeErrorf("'%s' object can't be repeated", TypeName(seq))
}
