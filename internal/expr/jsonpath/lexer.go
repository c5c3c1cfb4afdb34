package jsonpath

import (
	"math/big"
	"strings"
	"unicode/utf8"

	"squall/internal/expr/value"
)

// kind is a token's type in the original's words; literal characters are
// their own type.
type kind string

const (
	kindID     kind = "ID"
	kindNumber kind = "NUMBER"
	kindDots   kind = "DOUBLEDOT"
	kindNamed  kind = "NAMED_OPERATOR"
	kindWhere  kind = "WHERE"
	kindEOF    kind = ""
)

type token struct {
	kind kind
	text string
	num  any
	line int
	col  int
	pos  int // index of the token, in code points; of its closing quote when quoted
}

type lexer struct {
	src     string
	pos     int
	line    int
	newline int // position of the last newline
}

func lexError(format string, args ...any) error {
	return value.Errorf("JsonPathLexerError", format, args...)
}

// col counts code points from the last newline, as the original does.
func (l *lexer) col(pos int) int {
	return utf8.RuneCountInString(l.src[:pos]) - utf8.RuneCountInString(l.src[:l.newline])
}

func isIDStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '@'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		start := l.pos
		emit := func(k kind, end int) token {
			l.pos = end
			return token{kind: k, text: l.src[start:end], line: l.line, col: l.col(start)}
		}
		switch {
		case c == ' ' || c == '\t':
			l.pos++
		case c == '\n':
			l.line++
			l.newline = l.pos
			l.pos++
		case isIDStart(c):
			end := start + 1
			for end < len(l.src) && (isIDStart(l.src[end]) || isDigit(l.src[end]) || l.src[end] == '-') {
				end++
			}
			t := emit(kindID, end)
			if t.text == "where" {
				t.kind = kindWhere
			}
			return t, nil
		case isDigit(c) || c == '-' && start+1 < len(l.src) && isDigit(l.src[start+1]):
			end := start + 1
			for end < len(l.src) && isDigit(l.src[end]) {
				end++
			}
			t := emit(kindNumber, end)
			n, _ := new(big.Int).SetString(t.text, 10)
			t.num = value.NormInt(n)
			t.text = n.String()
			return t, nil
		case c == '\'':
			return l.quoted('\'', "singlequoted field", kindID)
		case c == '"':
			return l.quoted('"', "doublequoted field", kindID)
		case c == '`':
			return l.quoted('`', "backquoted operator", kindNamed)
		case strings.HasPrefix(l.src[start:], ".."):
			return emit(kindDots, start+2), nil
		case strings.IndexByte("*.[]()$,:|&", c) >= 0:
			return emit(kind(c), start+1), nil
		default:
			r, _ := utf8.DecodeRuneInString(l.src[start:])
			return token{}, lexError("Error on line %d, col %d: Unexpected character: %c ", l.line, l.col(start), r)
		}
	}
	return token{kind: kindEOF}, nil
}

// quoted reads a quoted word; a backslash keeps the character after it.
func (l *lexer) quoted(q byte, what string, k kind) (token, error) {
	var b strings.Builder
	l.pos++
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == q:
			t := token{kind: k, text: b.String(), line: l.line, col: l.col(l.pos), pos: utf8.RuneCountInString(l.src[:l.pos])}
			l.pos++
			return t, nil
		case c == '\\':
			if l.pos+1 >= len(l.src) || l.src[l.pos+1] == '\n' {
				return token{}, lexError("Error on line %d, col %d while lexing %s: Unexpected character: \\ ", l.line, l.col(l.pos), what)
			}
			_, size := utf8.DecodeRuneInString(l.src[l.pos+1:])
			b.WriteString(l.src[l.pos+1 : l.pos+1+size])
			l.pos += 1 + size
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return token{}, lexError("Unexpected EOF in string literal or identifier")
}
