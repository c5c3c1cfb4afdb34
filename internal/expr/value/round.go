package value

import (
	"math"
	"math/big"
	"strconv"
)

// Round returns round(v, ndigits); ndigits nil rounds to an int. Halves go to
// the even neighbour.
func Round(b *Budget, v, ndigits any) (any, error) {
	if ndigits == nil {
		switch x := v.(type) {
		case float64:
			return floatToInt(math.RoundToEven(x))
		case int64, *big.Int:
			return x, nil
		case bool:
			return Pos(x)
		}
		return nil, TypeErrorf("type %s doesn't define __round__ method", TypeName(v))
	}
	switch x := v.(type) {
	case float64:
		n, err := AsIndex(ndigits)
		if err != nil {
			return nil, err
		}
		return RoundFloat(x, n)
	case int64, *big.Int, bool:
		if !isIntLike(ndigits) {
			return nil, TypeErrorf("'%s' object cannot be interpreted as an integer", TypeName(ndigits))
		}
		n, _ := AsIndex(ndigits)
		return roundInt(b, x, n)
	}
	return nil, TypeErrorf("type %s doesn't define __round__ method", TypeName(v))
}

// RoundFloat rounds to n decimal digits through the correctly rounded decimal
// text, as CPython does.
func RoundFloat(f float64, n int64) (float64, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) || n > 323 {
		return f, nil
	}
	if n < -308 {
		return math.Copysign(0, f), nil
	}
	if n >= 0 {
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(n), 64), 64)
		return r, nil
	}
	// Round half even on the exact value, left of the decimal point.
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(-n), nil)
	exact := new(big.Rat)
	exact.SetFloat64(f)
	exact.Quo(exact, new(big.Rat).SetInt(scale))
	q := roundRat(exact)
	r, _ := new(big.Float).SetInt(q.Mul(q, scale)).Float64()
	if math.IsInf(r, 0) {
		return 0, OverflowErrorf("rounded value too large to represent")
	}
	if r == 0 {
		return math.Copysign(0, f), nil
	}
	return r, nil
}

// roundRat rounds to the nearest integer, halves to even.
func roundRat(r *big.Rat) *big.Int {
	q, m := floorDivMod(r.Num(), r.Denom())
	switch m.Lsh(m, 1).Cmp(r.Denom()) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

func roundInt(b *Budget, v any, n int64) (any, error) {
	if n >= 0 {
		return Pos(v)
	}
	// 10**-n beyond twice the number rounds it to zero.
	if float64(-n) > float64(bitLen(v))*0.302+2 {
		return int64(0), nil
	}
	if err := b.Alloc(-n); err != nil {
		return nil, err
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(-n), nil)
	z, _ := asBig(v)
	q := roundRat(new(big.Rat).SetFrac(z, scale))
	return NormInt(q.Mul(q, scale)), nil
}
