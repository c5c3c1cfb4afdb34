package jinja

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/runenames"

	"squall/internal/expr/value"
)

func itoa(n int) string { return strconv.Itoa(n) }

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool {
	switch {
	case r == ' ', r >= '\t' && r <= '\r', r >= 0x1c && r <= 0x1f:
		return true
	case r < 0x80:
		return false
	case r == 0x85, r == 0xa0:
		return true
	}
	return unicode.Is(unicode.Zs, r) || r == 0x2028 || r == 0x2029
}

// isNameRune reports whether r can be part of what Jinja reads as a name; not
// every such character is allowed in an identifier.
func isNameRune(r rune) bool {
	if r < 0x80 {
		return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if r == utf8.RuneError {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || isIDMark(r)
}

// isIDMark covers the marks and connectors an identifier may go on with.
func isIDMark(r rune) bool {
	switch r {
	case 0xb7, 0x387, 0x1369, 0x136a, 0x136b, 0x136c, 0x136d, 0x136e, 0x136f, 0x1370, 0x1371, 0x19da:
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc)
}

// isIdentifier is Python's str.isidentifier.
func isIdentifier(s string) bool {
	for i, r := range s {
		switch {
		case r == '_', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		case r >= '0' && r <= '9':
			if i == 0 {
				return false
			}
		case r < 0x80:
			return false
		case unicode.IsLetter(r), unicode.Is(unicode.Nl, r):
		case i > 0 && (unicode.Is(unicode.Nd, r) || isIDMark(r)):
		default:
			return false
		}
	}
	return s != ""
}

// unescape decodes the escapes of a string literal like Python's
// unicode_escape codec; msg is the codec's complaint or empty.
func unescape(s string) (text, msg string) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, ""
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			i++
			continue
		}
		i++
		if i == len(s) {
			return "", `\ at end of string`
		}
		c := s[i]
		i++
		switch c {
		case '\n':
		case '\\', '\'', '"':
			b.WriteByte(c)
		case 'a':
			b.WriteByte('\a')
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'v':
			b.WriteByte('\v')
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := rune(c - '0')
			for k := 0; k < 2 && i < len(s) && s[i] >= '0' && s[i] <= '7'; k++ {
				n = n<<3 | rune(s[i]-'0')
				i++
			}
			b.WriteRune(n)
		case 'x', 'u', 'U':
			width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			if i+width > len(s) || !isHex(s[i:i+width]) {
				return "", "truncated \\" + string(c) + strings.Repeat("X", width) + " escape"
			}
			n, _ := strconv.ParseUint(s[i:i+width], 16, 32)
			if n > unicode.MaxRune {
				return "", "illegal Unicode character"
			}
			b.WriteRune(rune(n))
			i += width
		case 'N':
			end := strings.IndexByte(s[i:], '}')
			if i >= len(s) || s[i] != '{' || end < 2 {
				return "", "malformed \\N character escape"
			}
			r, ok := runeByName(s[i+1 : i+end])
			if !ok {
				return "", "unknown Unicode character name"
			}
			b.WriteRune(r)
			i += end + 1
		default:
			b.WriteByte('\\')
			if c < utf8.RuneSelf {
				b.WriteByte(c)
				break
			}
			// Jinja turns other characters into escapes before decoding, and
			// a backslash in front swallows the one of that escape.
			r, n := utf8.DecodeRuneInString(s[i-1:])
			b.WriteString(asciiEscape(r))
			i += n - 1
		}
	}
	return b.String(), ""
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

// asciiEscape is Python's backslash escape of r without the backslash.
func asciiEscape(r rune) string {
	digits, width, lead := strconv.FormatInt(int64(r), 16), 8, "U"
	switch {
	case r <= 0xff:
		width, lead = 2, "x"
	case r <= 0xffff:
		width, lead = 4, "u"
	}
	return lead + strings.Repeat("0", width-len(digits)) + digits
}

// reprString quotes s for a message like Python's repr.
func reprString(s string) string { return value.StrRepr(s) }

// runeNames maps the names of characters for \N{...}; built at first use only.
var runeNames = sync.OnceValue(func() map[string]rune {
	names := make(map[string]rune, 1<<15)
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if n := runenames.Name(r); n != "" && n[0] != '<' {
			names[n] = r
		}
	}
	return names
})

func runeByName(name string) (rune, bool) {
	r, ok := runeNames()[strings.ToUpper(name)]
	return r, ok
}
