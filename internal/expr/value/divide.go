package value

import (
	"math"
	"math/big"
)

// TrueDiv returns x / y.
func TrueDiv(b *Budget, x, y any) (any, error) {
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		if j == 0 {
			return nil, ZeroDivisionErrorf("division by zero")
		}
		const exact = 1 << 53
		if i > -exact && i < exact && j > -exact && j < exact {
			return float64(i) / float64(j), nil
		}
		return divideInts(b, x, y)
	case bigInts:
		return divideInts(b, x, y)
	case floatPair:
		f, g, err := floats(x, y)
		if err != nil {
			return nil, err
		}
		if g == 0 {
			return nil, ZeroDivisionErrorf("float division by zero")
		}
		return f / g, nil
	}
	if v, ok, err := dateArith("/", x, y); ok || err != nil {
		return v, err
	}
	return dispatch("/", x, y)
}

// divideInts gives the correctly rounded quotient, which may be finite even
// when the operands are not within the range of floats.
func divideInts(b *Budget, x, y any) (any, error) {
	i, j, err := bigPair(b, x, y)
	if err != nil {
		return nil, err
	}
	if j.Sign() == 0 {
		return nil, ZeroDivisionErrorf("division by zero")
	}
	if err := chargeMul(b, i.BitLen(), j.BitLen()); err != nil {
		return nil, err
	}
	if i.Sign() == 0 && j.Sign() < 0 {
		return math.Copysign(0, -1), nil
	}
	f, _ := new(big.Rat).SetFrac(i, j).Float64()
	if math.IsInf(f, 0) {
		return nil, OverflowErrorf("integer division result too large for a float")
	}
	return f, nil
}

// FloorDiv returns x // y.
func FloorDiv(b *Budget, x, y any) (any, error) {
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		if j == 0 {
			return nil, ZeroDivisionErrorf("integer division or modulo by zero")
		}
		return floorDivInt(i, j), nil
	case bigInts:
		q, _, err := bigDivMod(b, x, y, "integer division or modulo by zero")
		return q, err
	case floatPair:
		q, _, err := floatDivMod(x, y, "float floor division by zero")
		if err != nil {
			return nil, err
		}
		return q, nil
	}
	if v, ok, err := dateArith("//", x, y); ok || err != nil {
		return v, err
	}
	return dispatch("//", x, y)
}

// Mod returns x % y: the remainder of numbers, or printf formatting of a str.
func Mod(b *Budget, x, y any) (any, error) {
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		if j == 0 {
			return nil, ZeroDivisionErrorf("integer modulo by zero")
		}
		return floorModInt(i, j), nil
	case bigInts:
		_, m, err := bigDivMod(b, x, y, "integer modulo by zero")
		return m, err
	case floatPair:
		_, m, err := floatDivMod(x, y, "float modulo")
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	switch s := x.(type) {
	case string:
		return Printf(b, s, y)
	case Markup:
		return markupPrintf(b, s, y)
	case Bytes:
		return nil, TypeErrorf("formatting of bytes is not supported")
	}
	if v, ok, err := dateArith("%", x, y); ok || err != nil {
		return v, err
	}
	return dispatch("%", x, y)
}

// DivMod returns divmod(x, y).
func DivMod(b *Budget, x, y any) (q, m any, err error) {
	switch kindOf(x, y) {
	case smallInts:
		i, j := smallPair(x, y)
		if j == 0 {
			return nil, nil, ZeroDivisionErrorf("integer division or modulo by zero")
		}
		return floorDivInt(i, j), floorModInt(i, j), nil
	case bigInts:
		return bigDivMod(b, x, y, "integer division or modulo by zero")
	case floatPair:
		q, m, err := floatDivMod(x, y, "float divmod()")
		return q, m, err
	}
	if q, ok, err := dateArith("//", x, y); ok && err == nil {
		m, _, err := dateArith("%", x, y)
		return q, m, err
	} else if err != nil {
		return nil, nil, err
	}
	return nil, nil, TypeErrorf("unsupported operand type(s) for divmod(): '%s' and '%s'", TypeName(x), TypeName(y))
}

func bigDivMod(b *Budget, x, y any, zero string) (q, m any, err error) {
	i, j, err := bigPair(b, x, y)
	if err != nil {
		return nil, nil, err
	}
	if j.Sign() == 0 {
		return nil, nil, ZeroDivisionErrorf("%s", zero)
	}
	if err := chargeMul(b, i.BitLen(), j.BitLen()); err != nil {
		return nil, nil, err
	}
	bq, bm := floorDivMod(i, j)
	return NormInt(bq), NormInt(bm), nil
}

// floatDivMod follows CPython's float_divmod: the remainder has the divisor's
// sign, and the quotient is the floor of the exact quotient.
func floatDivMod(x, y any, zero string) (q, m float64, err error) {
	f, g, err := floats(x, y)
	if err != nil {
		return 0, 0, err
	}
	if g == 0 {
		return 0, 0, ZeroDivisionErrorf("%s", zero)
	}
	m = math.Mod(f, g)
	div := (f - m) / g
	if m != 0 {
		if (g < 0) != (m < 0) {
			m += g
			div--
		}
	} else {
		m = math.Copysign(0, g)
	}
	if div == 0 {
		return math.Copysign(0, f/g), m, nil
	}
	q = math.Floor(div)
	if div-q > 0.5 {
		q++
	}
	return q, m, nil
}
