package value

import (
	"math/big"
	"strconv"
	"strings"
)

// litToken is a token of a Python expression.
type litToken struct {
	kind tokenKind
	text string // operator or name
	val  any    // of a number or string
	pos  int
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokOp
	tokName
	tokNumber
	tokString
	tokBytes
	tokFString // syntax is not looked into
	tokComplex
	tokNewline
)

// litLexer splits a Python expression into tokens, as far as telling literals
// from other expressions and from nonsense needs.
type litLexer struct {
	b      *Budget
	s      string
	pos    int
	nested []byte // open brackets
}

func (l *litLexer) fail(format string, args ...any) error {
	return syntaxError(l.s, l.pos, format, args...)
}

// syntaxError words a SyntaxError of a parsed string.
func syntaxError(src string, pos int, format string, args ...any) error {
	line := strings.Count(src[:min(pos, len(src))], "\n") + 1
	e := Errorf("SyntaxError", format, args...)
	e.Msg += " (<unknown>, line " + strconv.Itoa(line) + ")"
	return e
}

// maxBrackets is how deep CPython's tokenizer lets brackets nest.
const maxBrackets = 199

func (l *litLexer) next() (litToken, error) {
	if err := l.b.Step(1); err != nil {
		return litToken{}, err
	}
	for l.pos < len(l.s) {
		switch c := l.s[l.pos]; {
		case c == ' ' || c == '\t' || c == '\f':
			l.pos++
		case c == '#':
			if i := strings.IndexByte(l.s[l.pos:], '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.s)
			}
		case c == '\\' && strings.HasPrefix(l.s[l.pos+1:], "\n"):
			l.pos += 2
		case c == '\n' || c == '\r':
			l.pos++
			if len(l.nested) == 0 {
				return litToken{kind: tokNewline, pos: l.pos - 1}, nil
			}
		default:
			return l.token()
		}
	}
	if n := len(l.nested); n > 0 {
		return litToken{}, l.fail("'%c' was never closed", l.nested[n-1])
	}
	return litToken{kind: tokEnd, pos: l.pos}, nil
}

func (l *litLexer) token() (litToken, error) {
	start := l.pos
	c := l.s[l.pos]
	if asciiDigit(c) || c == '.' && l.pos+1 < len(l.s) && asciiDigit(l.s[l.pos+1]) {
		return l.number()
	}
	r, _ := decodeRune(l.s[l.pos:])
	if isIdentStart(r) {
		for l.pos < len(l.s) {
			r, n := decodeRune(l.s[l.pos:])
			if !isIdentPart(r) {
				break
			}
			l.pos += n
		}
		name := l.s[start:l.pos]
		if l.pos < len(l.s) && (l.s[l.pos] == '\'' || l.s[l.pos] == '"') && isStringPrefix(name) {
			return l.str(strings.ToLower(name))
		}
		return litToken{kind: tokName, text: name, pos: start}, nil
	}
	if c == '\'' || c == '"' {
		return l.str("")
	}
	for _, op := range []string{"...", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", ":="} {
		if strings.HasPrefix(l.s[l.pos:], op) {
			l.pos += len(op)
			return litToken{kind: tokOp, text: op, pos: start}, nil
		}
	}
	switch {
	case strings.IndexByte("+-*/%@&|^~<>()[]{},:.=", c) >= 0:
		l.pos++
		return litToken{kind: tokOp, text: string(c), pos: start}, l.bracket(c)
	case c == ';' || c == '$' || c == '?' || c == '!' || c == '`' || c == '\\':
		return litToken{}, l.fail("invalid syntax")
	case c == 0:
		return litToken{}, Errorf("SyntaxError", "source code string cannot contain null bytes")
	case isPrintable(r):
		return litToken{}, l.fail("invalid character '%c' (U+%04X)", r, r)
	}
	return litToken{}, l.fail("invalid non-printable character U+%04X", r)
}

func (l *litLexer) bracket(c byte) error {
	i := strings.IndexByte("([{", c)
	if i >= 0 {
		if len(l.nested) >= maxBrackets {
			return l.fail("too many nested parentheses")
		}
		l.nested = append(l.nested, c)
		return nil
	}
	if i = strings.IndexByte(")]}", c); i < 0 {
		return nil
	}
	n := len(l.nested)
	if n == 0 {
		return l.fail("unmatched '%c'", c)
	}
	if open := l.nested[n-1]; open != "([{"[i] {
		return l.fail("closing parenthesis '%c' does not match opening parenthesis '%c'", c, open)
	}
	l.nested = l.nested[:n-1]
	return nil
}

func isStringPrefix(s string) bool {
	switch strings.ToLower(s) {
	case "r", "u", "b", "f", "br", "rb", "fr", "rf":
		return true
	}
	return false
}

func (l *litLexer) number() (litToken, error) {
	start := l.pos
	base, kind := 10, "decimal"
	if l.s[start] == '0' && start+1 < len(l.s) {
		switch l.s[start+1] | 0x20 {
		case 'x':
			base, kind = 16, "hexadecimal"
		case 'o':
			base, kind = 8, "octal"
		case 'b':
			base, kind = 2, "binary"
		}
	}
	if base != 10 {
		l.pos += 2
	}
	isFloat := false
	digits := func() {
		for l.pos < len(l.s) && (l.s[l.pos] == '_' || isBaseDigit(l.s[l.pos], base)) {
			l.pos++
		}
	}
	digits()
	if base == 10 {
		if l.pos < len(l.s) && l.s[l.pos] == '.' {
			isFloat = true
			l.pos++
			digits()
		}
		if l.pos < len(l.s) && l.s[l.pos]|0x20 == 'e' {
			k := l.pos + 1
			if k < len(l.s) && (l.s[k] == '+' || l.s[k] == '-') {
				k++
			}
			if k < len(l.s) && asciiDigit(l.s[k]) {
				isFloat = true
				l.pos = k
				digits()
			}
		}
	}
	text := l.s[start:l.pos]
	tok := litToken{kind: tokNumber, pos: start}
	if l.pos < len(l.s) && l.s[l.pos]|0x20 == 'j' && base == 10 {
		l.pos++
		tok.kind = tokComplex
	}
	if l.pos < len(l.s) {
		if c := l.s[l.pos]; asciiDigit(c) {
			return tok, l.fail("invalid digit '%c' in %s literal", c, kind)
		} else if r, _ := decodeRune(l.s[l.pos:]); isIdentPart(r) && !keywordFollows(l.s[l.pos:]) {
			return tok, l.fail("invalid %s literal", kind)
		}
	}
	plain, ok := stripUnderscores(strings.TrimPrefix(text[min(len(text), basePrefixLen(base)):], "_"))
	if base == 10 {
		plain, ok = stripUnderscores(text)
		ok = ok && !strings.Contains(text, "_.") && !strings.Contains(text, "._") && !strings.Contains(text, "_e") && !strings.Contains(text, "_E")
	}
	if !ok || plain == "" {
		return tok, l.fail("invalid %s literal", kind)
	}
	if isFloat || tok.kind == tokComplex {
		f, err := strconv.ParseFloat(plain, 64)
		_ = err // out of range is inf, as in Python
		tok.val = f
		return tok, nil
	}
	if base == 10 && plain[0] == '0' && strings.Trim(plain, "0") != "" {
		return tok, l.fail("leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers")
	}
	if base == 10 && len(plain) > maxIntDigits {
		return tok, l.fail("%s - Consider hexadecimal for huge integer literals to avoid decimal conversion limits.", MessageOf(parseDigitLimit(len(plain))))
	}
	z, ok := new(big.Int).SetString(plain, base)
	if !ok {
		return tok, l.fail("invalid %s literal", kind)
	}
	tok.val = NormInt(z)
	return tok, nil
}

func basePrefixLen(base int) int {
	if base == 10 {
		return 0
	}
	return 2
}

func isBaseDigit(c byte, base int) bool {
	return allDigits(string(c), int64(base))
}

// keywordFollows allows "1if x else y", which Python only warns about.
func keywordFollows(s string) bool {
	for _, k := range []string{"and", "else", "for", "if", "in", "is", "or", "not"} {
		if strings.HasPrefix(s, k) {
			return true
		}
	}
	return false
}

// str reads a string literal at its opening quote.
func (l *litLexer) str(prefix string) (litToken, error) {
	start := l.pos
	quote := l.s[start : start+1]
	if q := strings.Repeat(quote, 3); strings.HasPrefix(l.s[start:], q) {
		quote = q
	}
	l.pos += len(quote)
	body := l.pos
	for {
		if l.pos >= len(l.s) || len(quote) == 1 && l.s[l.pos] == '\n' {
			l.pos = start
			if len(quote) == 3 {
				return litToken{}, l.fail("unterminated triple-quoted string literal (detected at line %d)", strings.Count(l.s, "\n")+1)
			}
			return litToken{}, l.fail("unterminated string literal (detected at line %d)", strings.Count(l.s[:start], "\n")+1)
		}
		if l.s[l.pos] == '\\' {
			l.pos += 2
			continue
		}
		if strings.HasPrefix(l.s[l.pos:], quote) {
			break
		}
		l.pos++
	}
	text := l.s[body:l.pos]
	l.pos += len(quote)
	raw := strings.Contains(prefix, "r")
	tok := litToken{kind: tokString, pos: start}
	switch {
	case strings.Contains(prefix, "f"):
		tok.kind = tokFString
		return tok, nil
	case strings.Contains(prefix, "b"):
		tok.kind = tokBytes
		if !isASCII(text) {
			return tok, l.fail("bytes can only contain ASCII literal characters")
		}
		if raw {
			tok.val = Bytes(text)
			return tok, nil
		}
		v, bad := unescapeBytes(text)
		if bad >= 0 {
			return tok, l.fail(`(value error) invalid \x escape at position %d`, bad)
		}
		tok.val = Bytes(v)
		return tok, nil
	}
	if raw {
		tok.val = text
		return tok, nil
	}
	v, err := Unescape(text)
	if err != nil {
		return tok, l.fail("(unicode error) %s", MessageOf(err))
	}
	tok.val = v
	return tok, nil
}

// unescapeBytes resolves escapes of a bytes literal; bad is the position of an
// invalid one or -1.
func unescapeBytes(s string) (text string, bad int) {
	var out []byte
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		r, n, why := escapeRune(s[i+1:], false)
		switch {
		case why != "":
			return "", i
		case n == 0:
			out = append(out, '\\')
		case r >= 0:
			out = append(out, byte(r))
		}
		i += 1 + n
	}
	return string(out), -1
}
