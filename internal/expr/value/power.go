package value

import (
	"math"
	"math/big"
)

// chargeMul charges the cost of multiplying numbers of so many bits, as if by
// the school method in 64-bit words.
func chargeMul(b *Budget, bits1, bits2 int) error {
	if b == nil {
		return nil
	}
	w1, w2 := int64(bits1/64+1), int64(bits2/64+1)
	return b.Step(w1 * w2 / 64)
}

// Pow returns x ** y.
func Pow(b *Budget, x, y any) (any, error) {
	switch kindOf(x, y) {
	case smallInts, bigInts:
		if intSign(y) >= 0 {
			return powInt(b, x, y)
		}
		if intSign(x) == 0 {
			return nil, ZeroDivisionErrorf("0.0 cannot be raised to a negative power")
		}
		fallthrough
	case floatPair:
		f, g, err := floats(x, y)
		if err != nil {
			return nil, err
		}
		return powFloat(f, g)
	}
	return dispatch("**", x, y)
}

func powInt(b *Budget, x, y any) (any, error) {
	if base, ok := asInt(x); ok {
		switch base {
		case 0, 1:
			if intSign(y) == 0 {
				return int64(1), nil
			}
			return base, nil
		case -1:
			n, _ := asBig(y)
			if n.Bit(0) == 0 {
				return int64(1), nil
			}
			return int64(-1), nil
		}
	}
	n, ok := asInt(y)
	if !ok {
		return nil, memoryError()
	}
	bits := int64(bitLen(x))
	if n > 0 && bits > maxAlloc*8/n {
		return nil, memoryError()
	}
	if base, ok := asInt(x); ok && bits*n < 63 {
		r := int64(1)
		for range n {
			r *= base
		}
		return r, nil
	}
	if err := b.Alloc(bits * n / 8); err != nil {
		return nil, err
	}
	if err := chargeMul(b, int(bits*n), int(bits*n)); err != nil {
		return nil, err
	}
	if bits*n > maxPowBits {
		return nil, memoryError()
	}
	base, _ := asBig(x)
	return NormInt(new(big.Int).Exp(base, big.NewInt(n), nil)), nil
}

// maxPowBits bounds the result of a power: beyond it a single operation, which
// cannot be interrupted, would run for seconds.
const maxPowBits = 1 << 25

// maxBits bounds the result of a shift in the same way.
const maxBits = 1 << 30

func powFloat(f, g float64) (any, error) {
	if f == 0 && g < 0 {
		return nil, ZeroDivisionErrorf("0.0 cannot be raised to a negative power")
	}
	if f < 0 && !math.IsInf(f, 0) && !math.IsInf(g, 0) && g != math.Floor(g) {
		return powComplex(complex(f, 0), complex(g, 0))
	}
	r := pow(f, g)
	if math.IsInf(r, 0) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
		return nil, OverflowErrorf("(34, 'Numerical result out of range')")
	}
	return r, nil
}

// PowMod returns pow(x, y, z) for integers; z None is x ** y.
func PowMod(b *Budget, x, y, z any) (any, error) {
	if z == nil {
		return Pow(b, x, y)
	}
	i, ok := asBig(x)
	j, ok2 := asBig(y)
	m, ok3 := asBig(z)
	if !ok || !ok2 || !ok3 {
		if isNumeric(x) && isNumeric(y) && isNumeric(z) {
			return nil, TypeErrorf("pow() 3rd argument not allowed unless all arguments are integers")
		}
		return nil, TypeErrorf("unsupported operand type(s) for ** or pow(): '%s', '%s', '%s'", TypeName(x), TypeName(y), TypeName(z))
	}
	if m.Sign() == 0 {
		return nil, ValueErrorf("pow() 3rd argument cannot be 0")
	}
	// Square-and-multiply: one multiplication and division per exponent bit.
	words := int64(m.BitLen()/64 + 1)
	if err := b.Step(words * words * int64(j.BitLen()+1) / 16); err != nil {
		return nil, err
	}
	if int64(m.BitLen())*int64(m.BitLen())/4096*int64(j.BitLen()) > 1<<32 {
		return nil, memoryError()
	}
	abs := new(big.Int).Abs(m)
	if j.Sign() < 0 {
		inv := new(big.Int).ModInverse(new(big.Int).Mod(i, abs), abs)
		if inv == nil {
			return nil, ValueErrorf("base is not invertible for the given modulus")
		}
		i, j = inv, new(big.Int).Neg(j)
	}
	r := new(big.Int).Exp(new(big.Int).Mod(i, abs), j, abs)
	r.Mod(r, abs)
	if m.Sign() < 0 && r.Sign() != 0 {
		r.Add(r, m)
	}
	return NormInt(r), nil
}

// Lshift returns x << y.
func Lshift(b *Budget, x, y any) (any, error) {
	if !isIntLike(x) || !isIntLike(y) {
		return dispatch("<<", x, y)
	}
	if intSign(y) < 0 {
		return nil, ValueErrorf("negative shift count")
	}
	if intSign(x) == 0 {
		return int64(0), nil
	}
	n, ok := asInt(y)
	if !ok || n > maxBits {
		return nil, OverflowErrorf("too many digits in integer")
	}
	if err := b.Alloc(int64(bitLen(x))/8 + n/8); err != nil {
		return nil, err
	}
	z, _ := asBig(x)
	return NormInt(new(big.Int).Lsh(z, uint(n))), nil
}

// Rshift returns x >> y.
func Rshift(b *Budget, x, y any) (any, error) {
	if !isIntLike(x) || !isIntLike(y) {
		return dispatch(">>", x, y)
	}
	if intSign(y) < 0 {
		return nil, ValueErrorf("negative shift count")
	}
	n, ok := asInt(y)
	if !ok || n > int64(bitLen(x)) {
		if intSign(x) < 0 {
			return int64(-1), nil
		}
		return int64(0), nil
	}
	z, _ := asBig(x)
	return NormInt(new(big.Int).Rsh(z, uint(n))), nil
}

// And returns x & y, of ints, bools or sets.
func And(b *Budget, x, y any) (any, error) { return bitwise(b, "&", x, y, (*big.Int).And) }

// Or returns x | y, of ints, bools, sets or dicts.
func Or(b *Budget, x, y any) (any, error) { return bitwise(b, "|", x, y, (*big.Int).Or) }

// Xor returns x ^ y, of ints, bools or sets.
func Xor(b *Budget, x, y any) (any, error) { return bitwise(b, "^", x, y, (*big.Int).Xor) }

func bitwise(b *Budget, op string, x, y any, f func(z, x, y *big.Int) *big.Int) (any, error) {
	if p, ok := x.(bool); ok {
		if q, ok := y.(bool); ok {
			switch op {
			case "&":
				return p && q, nil
			case "|":
				return p || q, nil
			}
			return p != q, nil
		}
	}
	if isIntLike(x) && isIntLike(y) {
		i, j, err := bigPair(b, x, y)
		if err != nil {
			return nil, err
		}
		return NormInt(f(new(big.Int), i, j)), nil
	}
	if v, ok, err := setOp(b, op, x, y); ok || err != nil {
		return v, err
	}
	return dispatch(op, x, y)
}

// BinaryOp evaluates an arithmetic operator by its symbol.
func BinaryOp(b *Budget, op string, x, y any) (any, error) {
	switch op {
	case "+":
		return Add(b, x, y)
	case "-":
		return Sub(b, x, y)
	case "*":
		return Mul(b, x, y)
	case "/":
		return TrueDiv(b, x, y)
	case "//":
		return FloorDiv(b, x, y)
	case "%":
		return Mod(b, x, y)
	case "**":
		return Pow(b, x, y)
	case "<<":
		return Lshift(b, x, y)
	case ">>":
		return Rshift(b, x, y)
	case "&":
		return And(b, x, y)
	case "|":
		return Or(b, x, y)
	case "^":
		return Xor(b, x, y)
	}
	return nil, Errorf("SyntaxError", "unknown operator %s", op)
}
