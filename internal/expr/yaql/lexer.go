package yaql

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"squall/internal/expr/value"
)

type kind uint8

const (
	tokEOF   kind = iota
	tokVar        // $name
	tokConst      // literal
	tokWord       // bare word
	tokCall       // name immediately followed by "(", which is consumed
	tokOp         // operator, word operators included
	tokRule       // => outside the legacy grammar
	tokPunct      // ( ) [ ] { } ,
)

type token struct {
	kind kind
	off  int    // byte offset of its first character
	text string // name, operator or punctuation
	val  any    // of a constant
}

// shown is the token's value as the original prints it in a syntax error.
func (t token) shown() string {
	if t.kind != tokConst {
		return t.text
	}
	s, err := value.Str(nil, t.val)
	if err != nil {
		return t.text
	}
	return s
}

type lexer struct {
	src    string
	pos    int
	legacy bool // => is an operator, not the pair sign
}

// maxIntDigits is CPython's limit for converting text to an integer.
const maxIntDigits = 4300

// symbols are tried in this order: longest first.
var symbols = [...]string{"?.", "=~", "!~", "=>", "->", ">=", "<=", "!=", ".", "+", "-", "*", "/", ">", "<", "="}

// next reads one token. The parser asks for it only when it needs it, so that
// a syntax error wins over a lexical error further right, as in the original.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	start := l.pos
	if start == len(l.src) {
		return token{kind: tokEOF, off: start}, nil
	}
	c := l.src[start]
	switch {
	case c == '$':
		l.pos++
		l.skipWord()
		return token{kind: tokVar, off: start, text: l.src[start:l.pos]}, nil
	case c == '\'' || c == '"' || c == '`':
		return l.quoted(c)
	case strings.IndexByte("()[]{},", c) >= 0:
		l.pos++
		return token{kind: tokPunct, off: start, text: l.src[start:l.pos]}, nil
	}
	r, _ := utf8.DecodeRuneInString(l.src[start:])
	if unicode.IsDigit(r) {
		return l.number()
	}
	if isWord(r) {
		return l.word()
	}
	for _, s := range symbols {
		if strings.HasPrefix(l.src[start:], s) {
			l.pos += len(s)
			k := tokOp
			if s == "=>" && !l.legacy {
				k = tokRule
			}
			return token{kind: k, off: start, text: s}, nil
		}
	}
	return token{}, l.illegal(start)
}

func (l *lexer) illegal(off int) error {
	_, n := utf8.DecodeRuneInString(l.src[off:])
	return lexicalError(l.src, l.src[off:off+n], off)
}

// isWord matches Python's \w: letters, numbers of any kind, underscore.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

func (l *lexer) skipWord() {
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !isWord(r) || r == utf8.RuneError && n == 1 {
			return
		}
		l.pos += n
	}
}

func (l *lexer) digitsFrom(i int) int {
	for i < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[i:])
		if !unicode.IsDigit(r) {
			break
		}
		i += n
	}
	return i
}

// boundary reports a word boundary after a digit.
func (l *lexer) boundary(i int) bool {
	r, n := utf8.DecodeRuneInString(l.src[i:])
	return n == 0 || !isWord(r)
}

// number reads digits[.digits] with a word boundary behind. When the fraction
// runs into a word ("1.5a") the integer part alone is the number.
func (l *lexer) number() (token, error) {
	start := l.pos
	end := l.digitsFrom(start)
	if !l.boundary(end) {
		return token{}, l.illegal(start)
	}
	isFloat := false
	if end < len(l.src) && l.src[end] == '.' {
		if frac := l.digitsFrom(end + 1); frac > end+1 && l.boundary(frac) {
			end, isFloat = frac, true
		}
	}
	l.pos = end
	text := asciiDigits(l.src[start:end])
	t := token{kind: tokConst, off: start, text: text}
	if isFloat {
		f, _ := strconv.ParseFloat(text, 64) // out of range gives inf, as in Python
		t.val = f
		return t, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		t.val = n
		return t, nil
	}
	if len(text) > maxIntDigits {
		return token{}, value.ValueErrorf("Exceeds the limit (%d digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", maxIntDigits, len(text))
	}
	n, _ := new(big.Int).SetString(text, 10)
	t.val = value.NormInt(n)
	return t, nil
}

// asciiDigits maps decimal digits of any script to 0-9.
func asciiDigits(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(func(r rune) rune {
				if r < utf8.RuneSelf {
					return r
				}
				// Decimal digits come in runs of ten that start at a zero.
				zero := r
				for zero > r-9 && unicode.IsDigit(zero-1) {
					zero--
				}
				return '0' + (r-zero)%10
			}, s)
		}
	}
	return s
}

var wordOperators = map[string]bool{"and": true, "or": true, "not": true, "in": true, "mod": true}

func (l *lexer) word() (token, error) {
	start := l.pos
	l.skipWord()
	text := l.src[start:l.pos]
	if l.pos < len(l.src) && l.src[l.pos] == '(' {
		l.pos++
		return token{kind: tokCall, off: start, text: text}, nil
	}
	if strings.HasPrefix(text, "__") {
		return token{}, l.illegal(start)
	}
	switch text {
	case "true":
		return token{kind: tokConst, off: start, text: text, val: true}, nil
	case "false":
		return token{kind: tokConst, off: start, text: text, val: false}, nil
	case "null":
		return token{kind: tokConst, off: start, text: text}, nil
	}
	if wordOperators[text] {
		return token{kind: tokOp, off: start, text: text}, nil
	}
	return token{kind: tokWord, off: start, text: text}, nil
}

// quoted reads a string. A backslash takes the next character with it, unless
// that is a newline, which makes the string illegal.
func (l *lexer) quoted(q byte) (token, error) {
	start := l.pos
	i := start + 1
	for ; i < len(l.src) && l.src[i] != q; i++ {
		if l.src[i] == '\\' {
			i++
			if i == len(l.src) || l.src[i] == '\n' {
				return token{}, l.illegal(start)
			}
		}
	}
	if i >= len(l.src) {
		return token{}, l.illegal(start)
	}
	l.pos = i + 1
	body := l.src[start+1 : i]
	t := token{kind: tokConst, off: start, text: l.src[start:l.pos]}
	if q == '`' {
		t.val = strings.ReplaceAll(body, "\\`", "`")
		return t, nil
	}
	s, err := decodeEscapes(body)
	if err != nil {
		return token{}, err
	}
	t.val = s
	return t, nil
}
