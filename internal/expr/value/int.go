package value

import (
	"math"
	"math/big"
	"math/bits"
)

// NormInt returns z as an int64 when it fits and z itself otherwise. Every
// integer must pass through it, so that equal integers have one form.
func NormInt(z *big.Int) any {
	if z.IsInt64() {
		return z.Int64()
	}
	return z
}

// IntOf makes an int value of a uint64.
func IntOf(u uint64) any {
	if u <= math.MaxInt64 {
		return int64(u)
	}
	return new(big.Int).SetUint64(u)
}

// asInt returns v's small integer value; bools count as integers.
func asInt(v any) (int64, bool) {
	switch x := v.(type) {
	case int64:
		return x, true
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// AsInt returns v's value when v is an int or a bool that fits int64.
func AsInt(v any) (int64, bool) { return asInt(v) }

// asBig returns v as a big integer when v is an int or bool.
func asBig(v any) (*big.Int, bool) {
	switch x := v.(type) {
	case int64:
		return big.NewInt(x), true
	case *big.Int:
		return x, true
	case bool:
		if x {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	}
	return nil, false
}

// AsIndex converts v to an int64 as operator.index does: ints and bools only.
// Integers outside int64 are clamped, which is what slices want.
func AsIndex(v any) (int64, error) {
	switch x := v.(type) {
	case int64:
		return x, nil
	case bool:
		if x {
			return 1, nil
		}
		return 0, nil
	case *big.Int:
		if x.Sign() < 0 {
			return math.MinInt64, nil
		}
		return math.MaxInt64, nil
	}
	return 0, TypeErrorf("'%s' object cannot be interpreted as an integer", TypeName(v))
}

// asSize converts an argument that CPython takes as Py_ssize_t.
func asSize(v any) (int64, error) {
	if _, ok := v.(*big.Int); ok {
		return 0, OverflowErrorf("Python int too large to convert to C ssize_t")
	}
	return AsIndex(v)
}

func addInt(a, b int64) any {
	c := a + b
	if (c > a) == (b > 0) {
		return c
	}
	return new(big.Int).Add(big.NewInt(a), big.NewInt(b))
}

func subInt(a, b int64) any {
	c := a - b
	if (c < a) == (b > 0) {
		return c
	}
	return new(big.Int).Sub(big.NewInt(a), big.NewInt(b))
}

func mulInt(a, b int64) any {
	if a == 0 || b == 0 {
		return int64(0)
	}
	c := a * b
	if c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64) {
		return c
	}
	return new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
}

// floorDivInt divides rounding down; b is not zero.
func floorDivInt(a, b int64) any {
	if a == math.MinInt64 && b == -1 {
		return new(big.Int).Neg(big.NewInt(a))
	}
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// floorModInt gives the remainder with the divisor's sign; b is not zero.
func floorModInt(a, b int64) int64 {
	if b == -1 {
		return 0
	}
	m := a % b
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m
}

// floorDivMod is floor division of big integers; b is not zero.
func floorDivMod(a, b *big.Int) (q, m *big.Int) {
	q, m = new(big.Int).QuoRem(a, b, new(big.Int))
	if m.Sign() != 0 && m.Sign() != b.Sign() {
		q.Sub(q, big.NewInt(1))
		m.Add(m, b)
	}
	return q, m
}

// bitLen returns the number of bits of |v|.
func bitLen(v any) int {
	switch x := v.(type) {
	case int64:
		if x < 0 {
			return bits.Len64(uint64(-x)) // also right for MinInt64
		}
		return bits.Len64(uint64(x))
	case *big.Int:
		return x.BitLen()
	case bool:
		if x {
			return 1
		}
	}
	return 0
}

func intSign(v any) int {
	switch x := v.(type) {
	case int64:
		switch {
		case x < 0:
			return -1
		case x > 0:
			return 1
		}
	case bool:
		if x {
			return 1
		}
	case *big.Int:
		return x.Sign()
	}
	return 0
}
