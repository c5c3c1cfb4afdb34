package value

import (
	"math"
	"math/cmplx"
	"strings"
)

// Complex is Python's complex. Nothing here needs one, but a power of a
// negative number to a fraction is one, and it prints and compares.
type Complex complex128

// TypeName implements Object.
func (Complex) TypeName() string { return "complex" }

// ReprText implements Reprer.
func (z Complex) ReprText() (string, error) {
	re, im := real(z), imag(z)
	imText := strings.TrimSuffix(FloatRepr(im), ".0") + "j"
	if re == 0 && !math.Signbit(re) {
		return imText, nil
	}
	if !math.Signbit(im) || math.IsNaN(im) {
		imText = "+" + imText
	}
	return "(" + strings.TrimSuffix(FloatRepr(re), ".0") + imText + ")", nil
}

// Truth implements Truther.
func (z Complex) Truth() (bool, error) { return z != 0, nil }

// toComplex widens a number.
func toComplex(v any) (complex128, bool) {
	if z, ok := v.(Complex); ok {
		return complex128(z), true
	}
	f, ok := AsFloat(v)
	return complex(f, 0), ok
}

// EqualTo implements Equaler.
func (z Complex) EqualTo(other any) (bool, bool, error) {
	if o, ok := other.(Complex); ok {
		return z == o, true, nil
	}
	if !isNumeric(other) {
		return false, false, nil
	}
	return imag(z) == 0 && Equal(real(z), other), true, nil
}

// HashCode implements Hasher.
func (z Complex) HashCode() (uint64, error) {
	return signedHash(hashFloat(real(z))+1000003*hashFloat(imag(z)), false), nil
}

// Attr implements Attrer.
func (z Complex) Attr(name string) (any, bool, error) {
	switch name {
	case "real":
		return real(z), true, nil
	case "imag":
		return imag(z), true, nil
	case "conjugate":
		return &Func{Name: name, Fn: func([]any, *Kwargs) (any, error) {
			return Complex(cmplx.Conj(complex128(z))), nil
		}}, true, nil
	}
	return nil, false, nil
}

// BinaryOp implements BinaryOperator.
func (z Complex) BinaryOp(op string, other any, reflected bool) (any, bool, error) {
	a := complex128(z)
	b, ok := toComplex(other)
	if !ok {
		return nil, false, nil
	}
	if reflected {
		a, b = b, a
	}
	switch op {
	case "+":
		return Complex(a + b), true, nil
	case "-":
		return Complex(a - b), true, nil
	case "*":
		return Complex(a * b), true, nil
	case "/":
		if b == 0 {
			return nil, true, ZeroDivisionErrorf("complex division by zero")
		}
		return Complex(a / b), true, nil
	case "**":
		v, err := powComplex(a, b)
		return v, true, err
	}
	return nil, false, nil
}

// UnaryOp implements UnaryOperator.
func (z Complex) UnaryOp(op string) (any, bool, error) {
	switch op {
	case "-":
		return -z, true, nil
	case "+":
		return z, true, nil
	case "abs":
		return cmplx.Abs(complex128(z)), true, nil
	}
	return nil, false, nil
}

// powComplex follows CPython's c_pow.
func powComplex(a, b complex128) (any, error) {
	if b == 0 {
		return Complex(1), nil
	}
	if a == 0 {
		if imag(b) != 0 || real(b) < 0 {
			return nil, ZeroDivisionErrorf("0.0 to a negative or complex power")
		}
		return Complex(0), nil
	}
	vabs := math.Hypot(real(a), imag(a))
	length := pow(vabs, real(b))
	at := math.Atan2(imag(a), real(a))
	phase := at * real(b)
	if imag(b) != 0 {
		length *= math.Exp(-at * imag(b))
		phase += imag(b) * math.Log(vabs)
	}
	sin, cos := sincos(phase)
	return Complex(complex(length*cos, length*sin)), nil
}

// sincos keeps the digits near multiples of a right angle, where math.Sincos
// loses them: the angle is reduced with twice the precision.
func sincos(x float64) (sin, cos float64) {
	k := math.Round(x / (math.Pi / 2))
	if math.Abs(k) > 1<<20 || math.IsNaN(k) {
		return math.Sincos(x)
	}
	right := pair{1.5707963267948966, 6.123233995736766e-17}
	d := pair{x, 0}.add(right.mul(pair{-k, 0}))
	s, c := math.Sincos(d.hi)
	s, c = s+c*d.lo, c-s*d.lo
	switch int64(k) & 3 {
	case 1:
		return c, -s
	case 2:
		return -s, -c
	case 3:
		return -c, s
	}
	return s, c
}
