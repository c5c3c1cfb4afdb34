package value

import (
	"math"
	"strconv"
	"strings"
)

// maxFloatPrec is the largest precision CPython accepts, a C int.
const maxFloatPrec = math.MaxInt32

// chargeFloat bounds and charges the digits of a float's text.
func chargeFloat(b *Budget, prec int) error {
	if prec > maxFloatPrec {
		return ValueErrorf("precision too big")
	}
	return b.Alloc(int64(prec) + 330)
}

// floatText formats f >= 0 (or NaN) with a printf code, or 'r' for repr. alt
// keeps the decimal point and trailing zeros; dotZero makes sure that the text
// looks like a float.
func floatText(f float64, code byte, prec int, alt, dotZero bool) string {
	upper := code == 'E' || code == 'F' || code == 'G'
	var s string
	switch {
	case math.IsInf(f, 0):
		s = "inf"
	case math.IsNaN(f):
		s = "nan"
	default:
		switch code {
		case 'r':
			s = FloatRepr(f)
			if alt && !strings.Contains(s, ".") {
				s = addPoint(s)
			}
		case 'e', 'E':
			s = strconv.FormatFloat(f, 'e', prec, 64)
			if alt && prec == 0 {
				s = addPoint(s)
			}
		case 'f', 'F':
			s = strconv.FormatFloat(f, 'f', prec, 64)
			if alt && prec == 0 {
				s += "."
			}
		default:
			s = generalText(f, prec, alt, dotZero)
		}
	}
	if upper {
		s = strings.ToUpper(s)
	}
	return s
}

// addPoint puts a decimal point before the exponent.
func addPoint(s string) string {
	if i := strings.IndexByte(s, 'e'); i >= 0 {
		return s[:i] + "." + s[i:]
	}
	return s + "."
}

// generalText is the 'g' format with prec significant digits.
func generalText(f float64, prec int, alt, dotZero bool) string {
	prec = max(prec, 1)
	s := strconv.FormatFloat(f, 'e', prec-1, 64)
	mant, expText, _ := strings.Cut(s, "e")
	exp, _ := strconv.Atoi(expText)
	limit := prec
	if dotZero {
		limit--
	}
	if f != 0 && (exp < -4 || exp >= limit) || f == 0 && limit == 0 && !dotZero {
		if !alt {
			mant = trimZeros(mant)
		} else if !strings.Contains(mant, ".") {
			mant += "."
		}
		return mant + "e" + expText
	}
	fixed := strconv.FormatFloat(f, 'f', max(prec-1-exp, 0), 64)
	if alt {
		if !strings.Contains(fixed, ".") {
			fixed += "."
		}
		return fixed
	}
	fixed = trimZeros(fixed)
	if dotZero && !strings.Contains(fixed, ".") {
		fixed += ".0"
	}
	return fixed
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(s, "0")
		s = strings.TrimSuffix(s, ".")
	}
	return s
}
