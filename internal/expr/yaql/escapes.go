package yaql

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/runenames"

	"squall/internal/expr/value"
)

var simpleEscapes = map[byte]string{
	'\\': "\\", '\'': "'", '"': "\"",
	'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// decodeEscapes replaces the backslash escapes YAQL knows and leaves any other
// backslash as typed.
func decodeEscapes(s string) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		b.WriteString(s[:i])
		text, n, err := decodeEscape(s[i:])
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		s = s[i+n:]
	}
	b.WriteString(s)
	return b.String(), nil
}

// decodeEscape decodes the escape at the start of s and says how many bytes it
// took.
func decodeEscape(s string) (text string, n int, err error) {
	if len(s) < 2 {
		return s, len(s), nil
	}
	c := s[1]
	if t, ok := simpleEscapes[c]; ok {
		return t, 2, nil
	}
	switch c {
	case 'x':
		return hexEscape(s, 2, "truncated \\xXX escape")
	case 'u':
		return hexEscape(s, 4, "truncated \\uXXXX escape")
	case 'U':
		return hexEscape(s, 8, "truncated \\UXXXXXXXX escape")
	case 'N':
		if !strings.HasPrefix(s, "\\N{") {
			return "\\", 1, nil
		}
		end := strings.IndexByte(s, '}')
		if end < 4 {
			return "\\", 1, nil
		}
		r, ok := runeByName(s[3:end])
		if !ok {
			return "", 0, escapeError(end, "unknown Unicode character name")
		}
		return string(r), end + 1, nil
	}
	if c < '0' || c > '7' {
		return "\\", 1, nil
	}
	n = 2
	for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
		n++
	}
	v, _ := strconv.ParseUint(s[1:n], 8, 16)
	return string(rune(v)), n, nil
}

// hexEscape decodes digits characters after the letter. Fewer characters than
// that (up to a newline) leave the backslash as typed; characters that are not
// hexadecimal are an error.
func hexEscape(s string, digits int, problem string) (string, int, error) {
	end := 2
	for range digits {
		r, n := utf8.DecodeRuneInString(s[end:])
		if n == 0 || r == '\n' {
			return "\\", 1, nil
		}
		end += n
	}
	v, err := strconv.ParseUint(s[2:end], 16, 32)
	if err != nil || end != 2+digits || strings.ContainsAny(s[2:end], "+-_") {
		good := 2
		for good < end && strings.IndexByte("0123456789abcdefABCDEF", s[good]) >= 0 {
			good++
		}
		return "", 0, escapeError(good-1, problem)
	}
	if v > utf8.MaxRune {
		return "", 0, escapeError(end-1, "illegal Unicode character")
	}
	return value.RuneText(rune(v)), end, nil
}

func escapeError(last int, problem string) error {
	return value.Errorf("UnicodeDecodeError", "'unicodeescape' codec can't decode bytes in position 0-%d: %s", last, problem)
}

// names maps Unicode character names to characters. It is built on first use,
// because hardly any expression needs it, and kept, because a text full of such
// escapes must not search all names for each.
var names = sync.OnceValue(func() map[string]rune {
	m := make(map[string]rune, 40000)
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if n := runenames.Name(r); n != "" && n[0] != '<' {
			m[n] = r
		}
	}
	return m
})

func runeByName(name string) (rune, bool) {
	name = strings.ToUpper(name)
	if r, ok := names()[name]; ok {
		return r, true
	}
	if hex, ok := strings.CutPrefix(name, "CJK UNIFIED IDEOGRAPH-"); ok {
		v, err := strconv.ParseUint(hex, 16, 32)
		if err == nil && fmt.Sprintf("%04X", v) == hex && runenames.Name(rune(v)) == "<CJK Ideograph>" {
			return rune(v), true
		}
	}
	return 0, false
}
