package value

import (
	"math"
	"math/big"
	"strconv"
)

// FloatRepr returns repr(f): the shortest text that reads back as f, in
// exponent form below 1e-4 and from 1e16 on.
func FloatRepr(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	var buf [32]byte
	return string(appendFloatRepr(buf[:0], f))
}

func appendFloatRepr(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, '.', '0')
}

// intFloat returns the float nearest to an int as Python converts it; ok is
// false when the int is too large for a float.
func intFloat(v any) (f float64, ok bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		return f, !math.IsInf(f, 0)
	}
	return 0, false
}

// AsFloat returns the float value of a float, int or bool. ok is false for
// other types and for ints beyond the range of floats.
func AsFloat(v any) (f float64, ok bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	return intFloat(v)
}

var errIntToFloat = OverflowErrorf("int too large to convert to float")

// floatOperand converts a number to float for mixed arithmetic.
func floatOperand(v any) (float64, error) {
	f, ok := AsFloat(v)
	if !ok {
		return 0, errIntToFloat
	}
	return f, nil
}

// cmpIntFloat compares an int with a float exactly, without rounding the int.
// f must not be NaN.
func cmpIntFloat(i any, f float64) int {
	if math.IsInf(f, 1) {
		return -1
	}
	if math.IsInf(f, -1) {
		return 1
	}
	if n, ok := asInt(i); ok {
		if n > -1<<53 && n < 1<<53 {
			return cmpFloat(float64(n), f)
		}
		if f >= 1<<63 {
			return -1
		}
		if f < -1<<63 {
			return 1
		}
		t := math.Trunc(f)
		switch ti := int64(t); {
		case n < ti:
			return -1
		case n > ti:
			return 1
		}
		return cmpFloat(t, f)
	}
	z, _ := i.(*big.Int)
	return new(big.Float).SetInt(z).Cmp(new(big.Float).SetFloat64(f))
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// floatToInt truncates towards zero.
func floatToInt(f float64) (any, error) {
	if math.IsNaN(f) {
		return nil, ValueErrorf("cannot convert float NaN to integer")
	}
	if math.IsInf(f, 0) {
		return nil, OverflowErrorf("cannot convert float infinity to integer")
	}
	if f >= -1<<63 && f < 1<<63 {
		return int64(f), nil
	}
	z, _ := new(big.Float).SetFloat64(f).Int(nil)
	return NormInt(z), nil
}
