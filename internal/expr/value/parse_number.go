package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// ParseInt returns int(text, base) for a str; base 0 reads a prefix. Space
// around, underscores between digits and digits of any script are allowed.
func ParseInt(b *Budget, text string, base int64) (any, error) {
	if base != 0 && (base < 2 || base > 36) {
		return nil, ValueErrorf("int() base must be >= 2 and <= 36, or 0")
	}
	bad := func() error {
		return ValueErrorf("invalid literal for int() with base %d: %s", base, clipRepr(text))
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && base == 10 && text[0] != '_' {
		return n, nil
	}
	if err := b.Step(int64(len(text)) >> 4); err != nil {
		return nil, err
	}
	s, ok := asciiDigits(strings.TrimFunc(text, isSpace))
	if !ok {
		return nil, bad()
	}
	neg := false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		neg = s[0] == '-'
		s = s[1:]
	}
	s, real, ok := basePrefix(s, base)
	if !ok {
		return nil, bad()
	}
	digits, ok := stripUnderscores(s)
	if !ok || digits == "" || !allDigits(digits, real) {
		return nil, bad()
	}
	if real&(real-1) != 0 && len(digits) > maxIntDigits {
		return nil, parseDigitLimit(len(digits))
	}
	if base == 0 && real == 10 && digits[0] == '0' && strings.Trim(digits, "0") != "" {
		return nil, bad()
	}
	if err := b.Alloc(int64(len(digits))); err != nil {
		return nil, err
	}
	z, ok := new(big.Int).SetString(digits, int(real))
	if !ok {
		return nil, bad()
	}
	if neg {
		z.Neg(z)
	}
	return NormInt(z), nil
}

// clipRepr is the repr of a text in an int() error, which CPython cuts at 200
// characters.
func clipRepr(s string) string {
	r := StrRepr(s)
	if StrLen(r) > 200 {
		return Substring(r, 0, 200)
	}
	return r
}

// basePrefix takes off 0x, 0o or 0b where the base allows it.
func basePrefix(s string, base int64) (rest string, real int64, ok bool) {
	var prefixed int64
	if len(s) > 1 && s[0] == '0' {
		switch s[1] {
		case 'x', 'X':
			prefixed = 16
		case 'o', 'O':
			prefixed = 8
		case 'b', 'B':
			prefixed = 2
		}
	}
	switch {
	case prefixed != 0 && (base == 0 || base == prefixed):
		// One underscore may follow the prefix.
		return strings.TrimPrefix(s[2:], "_"), prefixed, true
	case base == 0:
		return s, 10, true
	}
	return s, base, true
}

func allDigits(s string, base int64) bool {
	for i := 0; i < len(s); i++ {
		d := int64(99)
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			d = int64(c|0x20-'a') + 10
		}
		if d >= base {
			return false
		}
	}
	return true
}

// stripUnderscores removes single underscores between digits; ok is false for
// any other underscore.
func stripUnderscores(s string) (string, bool) {
	if strings.IndexByte(s, '_') < 0 {
		return s, true
	}
	if s[0] == '_' || s[len(s)-1] == '_' || strings.Contains(s, "__") {
		return "", false
	}
	return strings.ReplaceAll(s, "_", ""), true
}

// asciiDigits replaces the decimal digits of all scripts, and white space, by
// ASCII ones; ok is false when other characters remain.
func asciiDigits(s string) (string, bool) {
	if isASCII(s) {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch d := decimalValue(r); {
		case r < 0x80:
			out = append(out, byte(r))
		case d >= 0:
			out = append(out, byte('0'+d))
		default:
			return "", false
		}
	}
	return string(out), true
}

// ParseFloat returns float(text) for a str.
func ParseFloat(text string) (float64, error) {
	bad := func() error { return ValueErrorf("could not convert string to float: %s", StrRepr(text)) }
	s, ok := asciiDigits(strings.TrimFunc(text, isSpace))
	if !ok {
		return 0, bad()
	}
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "inf", "infinity", "nan":
		if len(s) > 1 && (s[1] == '+' || s[1] == '-') {
			return 0, bad()
		}
		if strings.HasSuffix(strings.ToLower(s), "nan") {
			return math.NaN(), nil
		}
		if s[0] == '-' {
			return math.Inf(-1), nil
		}
		return math.Inf(1), nil
	}
	digits := s
	if strings.IndexByte(s, '_') >= 0 {
		// Underscores must stand between digits.
		for i := range len(s) {
			if s[i] == '_' && (i == 0 || i == len(s)-1 || !asciiDigit(s[i-1]) || !asciiDigit(s[i+1])) {
				return 0, bad()
			}
		}
		digits = strings.ReplaceAll(s, "_", "")
	}
	for i := range len(digits) {
		if c := digits[i]; !asciiDigit(c) && strings.IndexByte("+-.eE", c) < 0 {
			return 0, bad() // strconv would take hexadecimal forms
		}
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, bad()
	}
	return f, nil
}

func asciiDigit(c byte) bool { return c >= '0' && c <= '9' }

// ToInt returns int(v).
func ToInt(b *Budget, v any) (any, error) {
	switch x := v.(type) {
	case int64, *big.Int:
		return x, nil
	case bool:
		return Pos(x)
	case float64:
		return floatToInt(x)
	case string:
		return ParseInt(b, x, 10)
	case Markup:
		return ParseInt(b, string(x), 10)
	case Bytes:
		n, err := ParseInt(b, string(x), 10)
		if err != nil {
			return nil, ValueErrorf("invalid literal for int() with base 10: %s", bytesRepr(string(x)))
		}
		return n, nil
	case Inter:
		return x.IntValue()
	}
	return nil, TypeErrorf("int() argument must be a string, a bytes-like object or a real number, not '%s'", TypeName(v))
}

// ToIntBase returns int(v, base), which wants a str.
func ToIntBase(b *Budget, v, base any) (any, error) {
	n, err := AsIndex(base)
	if err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case string:
		return ParseInt(b, x, n)
	case Markup:
		return ParseInt(b, string(x), n)
	case Bytes:
		return ParseInt(b, string(x), n)
	}
	return nil, TypeErrorf("int() can't convert non-string with explicit base")
}

// ToFloat returns float(v).
func ToFloat(v any) (float64, error) {
	switch x := v.(type) {
	case float64:
		return x, nil
	case int64, *big.Int, bool:
		return floatOperand(x)
	case string:
		return ParseFloat(x)
	case Markup:
		return ParseFloat(string(x))
	case Bytes:
		f, err := ParseFloat(string(x))
		if err != nil {
			return 0, ValueErrorf("could not convert string to float: %s", bytesRepr(string(x)))
		}
		return f, nil
	case Floater:
		return x.FloatValue()
	case Inter:
		n, err := x.IntValue()
		if err != nil {
			return 0, err
		}
		return floatOperand(n)
	}
	return 0, TypeErrorf("float() argument must be a string or a real number, not '%s'", TypeName(v))
}
