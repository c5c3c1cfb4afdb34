package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// spec is a parsed format specification:
// [[fill]align][sign][z][#][0][width][grouping][.precision][type]
type spec struct {
	fill      string // one character
	align     byte   // '<', '>', '=' or '^'
	sign      byte   // '+', '-', ' ' or 0
	alt       bool   // '#'
	noNegZero bool   // 'z'
	width     int    // -1 when absent
	group     byte   // ',', '_' or 0
	prec      int    // -1 when absent
	typ       rune   // 0 when absent
	aligned   bool   // align was given
}

func isAlign(c byte) bool { return c == '<' || c == '>' || c == '=' || c == '^' }

// parseSpec parses s for a value of the named type.
func parseSpec(s, typeName string, defType rune, defAlign byte) (spec, error) {
	sp := spec{fill: " ", align: defAlign, width: -1, prec: -1, typ: defType}
	rest := s
	filled := false
	n := runeLen(rest)
	switch {
	case len(rest) > n && n > 0 && isAlign(rest[n]):
		sp.fill, sp.align, sp.aligned, filled = rest[:n], rest[n], true, true
		rest = rest[n+1:]
	case rest != "" && isAlign(rest[0]):
		sp.align, sp.aligned = rest[0], true
		rest = rest[1:]
	}
	if rest != "" && (rest[0] == '+' || rest[0] == '-' || rest[0] == ' ') {
		sp.sign = rest[0]
		rest = rest[1:]
	}
	if rest != "" && rest[0] == 'z' {
		sp.noNegZero = true
		rest = rest[1:]
	}
	if rest != "" && rest[0] == '#' {
		sp.alt = true
		rest = rest[1:]
	}
	if !filled && rest != "" && rest[0] == '0' {
		sp.fill = "0"
		if !sp.aligned && defAlign == '>' {
			sp.align = '='
		}
		rest = rest[1:]
	}
	var err error
	if sp.width, rest, err = specNumber(rest); err != nil {
		return sp, err
	}
	for _, c := range []byte{',', '_'} {
		if rest != "" && rest[0] == c {
			if sp.group != 0 {
				return sp, ValueErrorf("Cannot specify both ',' and '_'.")
			}
			sp.group = c
			rest = rest[1:]
		}
	}
	if rest != "" && rest[0] == ',' {
		if sp.group == '_' {
			return sp, ValueErrorf("Cannot specify both ',' and '_'.")
		}
	}
	if rest != "" && rest[0] == '.' {
		if sp.prec, rest, err = specNumber(rest[1:]); err != nil {
			return sp, err
		}
		if sp.prec < 0 {
			return sp, ValueErrorf("Format specifier missing precision")
		}
	}
	if rest != "" {
		r, n := decodeRune(rest)
		if len(rest) > n {
			return sp, ValueErrorf("Invalid format specifier '%s' for object of type '%s'", s, typeName)
		}
		sp.typ = r
	}
	return sp, sp.checkGroup()
}

func (sp *spec) checkGroup() error {
	if sp.group == 0 {
		return nil
	}
	switch sp.typ {
	case 'd', 'e', 'f', 'g', 'E', 'G', '%', 'F', 0:
		return nil
	case 'b', 'o', 'x', 'X':
		if sp.group == '_' {
			return nil
		}
	}
	if sp.typ > 32 && sp.typ < 128 {
		return ValueErrorf("Cannot specify '%c' with '%c'.", sp.group, sp.typ)
	}
	return ValueErrorf("Cannot specify '%c' with '\\x%x'.", sp.group, sp.typ)
}

// specNumber reads decimal digits; -1 when there are none.
func specNumber(s string) (int, string, error) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == 0 {
		return -1, s, nil
	}
	n, err := strconv.Atoi(s[:i])
	if err != nil {
		return 0, s, ValueErrorf("Too many decimal digits in format string")
	}
	return n, s[i:], nil
}

func unknownCode(typ rune, typeName string) error {
	if typ > 32 && typ < 128 {
		return ValueErrorf("Unknown format code '%c' for object of type '%s'", typ, typeName)
	}
	return ValueErrorf("Unknown format code '\\x%x' for object of type '%s'", typ, typeName)
}

// FormatSpec returns format(v, spec).
func FormatSpec(b *Budget, v any, spec string) (string, error) {
	switch x := v.(type) {
	case string:
		return formatStr(b, x, spec)
	case Markup:
		// format() of safe text is that of str; Markup.format refuses before.
		return formatStr(b, string(x), spec)
	case int64, *big.Int:
		if spec == "" {
			return Str(b, v)
		}
		return formatInt(b, x, "int", spec)
	case bool:
		if spec == "" {
			return Str(b, v)
		}
		return formatInt(b, x, "bool", spec)
	case float64:
		if spec == "" {
			return FloatRepr(x), nil
		}
		sp, err := parseSpec(spec, "float", 0, '>')
		if err != nil {
			return "", err
		}
		return formatFloat(b, x, sp, "float")
	case DateTime:
		if spec == "" {
			return x.String(), nil
		}
		return x.Strftime(b, spec)
	case Date:
		if spec == "" {
			return x.String(), nil
		}
		return x.midnight().Strftime(b, spec)
	case SpecFormatter:
		return x.FormatText(b, spec)
	}
	if spec != "" {
		return "", TypeErrorf("unsupported format string passed to %s.__format__", TypeName(v))
	}
	return Str(b, v)
}

func formatStr(b *Budget, s, text string) (string, error) {
	if text == "" {
		return s, nil
	}
	sp, err := parseSpec(text, "str", 's', '<')
	if err != nil {
		return "", err
	}
	switch {
	case sp.typ != 's':
		return "", unknownCode(sp.typ, "str")
	case sp.sign == ' ':
		return "", ValueErrorf("Space not allowed in string format specifier")
	case sp.sign != 0:
		return "", ValueErrorf("Sign not allowed in string format specifier")
	case sp.noNegZero:
		return "", ValueErrorf("Negative zero coercion (z) not allowed in string format specifier")
	case sp.alt:
		return "", ValueErrorf("Alternate form (#) not allowed in string format specifier")
	case sp.align == '=':
		return "", ValueErrorf("'=' alignment not allowed in string format specifier")
	}
	n := StrLen(s)
	if sp.prec >= 0 && sp.prec < n {
		s, n = Substring(s, 0, sp.prec), sp.prec
	}
	return sp.pad(b, s, n)
}

// pad aligns text of n characters to the width.
func (sp *spec) pad(b *Budget, s string, n int) (string, error) {
	room := sp.width - n
	if room <= 0 {
		return s, nil
	}
	if err := b.Alloc(int64(len(s)) + int64(room)*int64(len(sp.fill))); err != nil {
		return "", err
	}
	left := 0
	switch sp.align {
	case '>', '=':
		left = room
	case '^':
		left = room / 2
	}
	return strings.Repeat(sp.fill, left) + s + strings.Repeat(sp.fill, room-left), nil
}

func formatInt(b *Budget, v any, typeName, text string) (string, error) {
	sp, err := parseSpec(text, typeName, 'd', '>')
	if err != nil {
		return "", err
	}
	switch sp.typ {
	case 'b', 'c', 'd', 'o', 'x', 'X', 'n':
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		f, ok := AsFloat(v)
		if !ok {
			return "", errIntToFloat
		}
		return formatFloat(b, f, sp, typeName)
	default:
		return "", unknownCode(sp.typ, typeName)
	}
	if sp.prec >= 0 {
		return "", ValueErrorf("Precision not allowed in integer format specifier")
	}
	if sp.noNegZero {
		return "", ValueErrorf("Negative zero coercion (z) not allowed in integer format specifier")
	}
	if sp.typ == 'c' {
		if sp.sign != 0 {
			return "", ValueErrorf("Sign not allowed with integer format specifier 'c'")
		}
		if sp.alt {
			return "", ValueErrorf("Alternate form (#) not allowed with integer format specifier 'c'")
		}
		n, ok := asInt(v)
		if !ok {
			return "", OverflowErrorf("Python int too large to convert to C long")
		}
		if n < 0 || n > 0x10ffff {
			return "", OverflowErrorf("%%c arg not in range(0x110000)")
		}
		return sp.pad(b, RuneText(rune(n)), 1)
	}
	digits, prefix, err := intDigits(b, v, sp.typ)
	if err != nil {
		return "", err
	}
	if !sp.alt {
		prefix = ""
	}
	return sp.number(b, intSign(v) < 0, prefix, digits, "")
}

// intDigits returns the digits of |v| and the prefix of the base.
func intDigits(b *Budget, v any, typ rune) (digits, prefix string, err error) {
	base := 10
	switch typ {
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x':
		base, prefix = 16, "0x"
	case 'X':
		base, prefix = 16, "0X"
	}
	switch x := v.(type) {
	case *big.Int:
		if base == 10 {
			if digits, err = bigText(b, x); err != nil {
				return "", "", err
			}
			break
		}
		if err := b.Alloc(int64(x.BitLen())); err != nil {
			return "", "", err
		}
		digits = x.Text(base)
	default:
		n, _ := asInt(x)
		digits = strconv.FormatInt(n, base)
	}
	digits = strings.TrimPrefix(digits, "-")
	if typ == 'X' {
		digits = strings.ToUpper(digits)
	}
	return digits, prefix, nil
}

// number assembles sign, prefix, grouped digits and what follows them.
func (sp *spec) number(b *Budget, neg bool, prefix, digits, tail string) (string, error) {
	sign := ""
	switch {
	case neg:
		sign = "-"
	case sp.sign == '+':
		sign = "+"
	case sp.sign == ' ':
		sign = " "
	}
	fixed := len(sign) + len(prefix) + len(tail)
	if err := b.Alloc(int64(max(sp.width, 0))*int64(len(sp.fill)) + int64(len(digits)*2+fixed)); err != nil {
		return "", err
	}
	if sp.group != 0 {
		size := 3
		if sp.typ == 'b' || sp.typ == 'o' || sp.typ == 'x' || sp.typ == 'X' {
			size = 4
		}
		least := 0
		if sp.fill == "0" && sp.align == '=' {
			least = sp.width - fixed
		}
		digits = groupDigits(digits, sp.group, size, least)
	}
	if sp.align == '=' {
		if room := sp.width - fixed - len(digits); room > 0 {
			return sign + prefix + strings.Repeat(sp.fill, room) + digits + tail, nil
		}
	}
	s := sign + prefix + digits + tail
	return sp.pad(b, s, len(s))
}

// groupDigits puts a separator every size digits, filling with zeros up to
// the least width; a separator is never first.
func groupDigits(digits string, sep byte, size, least int) string {
	var parts []string
	remaining := len(digits)
	for {
		n := min(size, max(remaining, least, 1))
		take := min(remaining, n)
		parts = append(parts, strings.Repeat("0", n-take)+digits[remaining-take:remaining])
		remaining -= take
		least -= n
		if remaining <= 0 && least <= 0 {
			break
		}
		least--
	}
	var out strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		out.WriteString(parts[i])
		if i > 0 {
			out.WriteByte(sep)
		}
	}
	return out.String()
}

func formatFloat(b *Budget, f float64, sp spec, typeName string) (string, error) {
	typ, prec := sp.typ, sp.prec
	dotZero := false
	percent := false
	switch typ {
	case 0:
		typ, dotZero = 'r', true
		if prec >= 0 {
			typ = 'g'
		}
	case 'n':
		typ = 'g'
	case '%':
		typ, percent = 'f', true
		f *= 100
	case 'e', 'E', 'f', 'F', 'g', 'G':
	default:
		return "", unknownCode(typ, typeName)
	}
	if prec < 0 {
		prec = 6
	}
	if err := chargeFloat(b, prec); err != nil {
		return "", err
	}
	s := floatText(math.Abs(f), byte(typ), prec, sp.alt, dotZero)
	neg := math.Signbit(f) && !math.IsNaN(f)
	if neg && sp.noNegZero && strings.Trim(s, "0.eE+-") == "" {
		neg = false
	}
	if percent {
		s += "%"
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	digits, tail := s[:i], s[i:]
	return sp.number(b, neg, "", digits, tail)
}
