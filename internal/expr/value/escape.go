package value

import (
	"strconv"
	"strings"
)

// Unescape resolves Python's backslash escapes (\n, \xHH, \uHHHH, \UHHHHHHHH,
// octal and the simple ones; unknown escapes stay as typed), as in a str
// literal and as the unicode_escape codec does. A truncated or out-of-range
// escape is a UnicodeDecodeError.
func Unescape(s string) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	out := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		if i+1 >= len(s) {
			return "", escapeError(i, i, `\ at end of string`)
		}
		r, n, why := escapeRune(s[i+1:], true)
		switch {
		case why != "":
			return "", escapeError(i, i+n, why)
		case n == 0: // unknown: keep the backslash
			out = append(out, '\\')
			i++
			continue
		case r >= 0:
			out = appendRune(out, r)
		}
		i += 1 + n
	}
	return string(out), nil
}

func escapeError(start, end int, why string) error {
	return Errorf("UnicodeDecodeError", "'unicodeescape' codec can't decode bytes in position %d-%d: %s", start, end, why)
}

// simpleEscapes pairs letters with what they stand for.
const simpleEscapes = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v"

// escapeRune decodes what follows a backslash: the character (-1 for none, an
// escaped line end) and the length; n is 0 for an unknown escape. On failure
// why is set and n is how much belongs to the escape.
func escapeRune(s string, unicode bool) (r rune, n int, why string) {
	c := s[0]
	if c == '\n' {
		return -1, 1, ""
	}
	for i := 0; i < len(simpleEscapes); i += 2 {
		if simpleEscapes[i] == c {
			return rune(simpleEscapes[i+1]), 1, ""
		}
	}
	if c >= '0' && c <= '7' {
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			r = r*8 + rune(s[n]-'0')
			n++
		}
		return r, n, ""
	}
	want, name := 0, ""
	switch {
	case c == 'x':
		want, name = 2, `\xXX`
	case c == 'u' && unicode:
		want, name = 4, `\uXXXX`
	case c == 'U' && unicode:
		want, name = 8, `\UXXXXXXXX`
	case c == 'N' && unicode:
		return namedRune(s)
	default:
		return 0, 0, ""
	}
	for n = 1; n <= want; n++ {
		if n >= len(s) || strings.IndexByte("0123456789abcdefABCDEF", s[n]) < 0 {
			return 0, n, "truncated " + name + " escape"
		}
	}
	v, _ := strconv.ParseUint(s[1:n], 16, 32)
	if v > 0x10ffff {
		return 0, n, "illegal Unicode character"
	}
	return rune(v), n, ""
}
