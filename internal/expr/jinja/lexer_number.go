package jinja

import (
	"math/big"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// number reads an integer or a float at pos, which is at a digit.
func (l *lexer) number() bool {
	if l.pos == 0 || l.src[l.pos-1] != '.' {
		if end := floatEnd(l.src, l.pos); end > 0 {
			// Python reads too large a literal as infinity, as ParseFloat does.
			f, _ := strconv.ParseFloat(strings.ReplaceAll(l.src[l.pos:end], "_", ""), 64)
			return l.numeral(tokFloat, end, f)
		}
	}
	end := intEnd(l.src, l.pos)
	text := strings.ReplaceAll(l.src[l.pos:end], "_", "")
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return l.numeral(tokInteger, end, n)
	}
	n, ok := new(big.Int).SetString(text, 0)
	if !ok || len(text) > maxIntDigits {
		l.fail("integer literal is too long")
		return false
	}
	return l.numeral(tokInteger, end, value.NormInt(n))
}

// maxIntDigits is CPython's limit for reading an integer from text.
const maxIntDigits = 4300

func (l *lexer) numeral(typ tokenType, end int, v any) bool {
	l.toks = append(l.toks, token{typ: typ, line: l.line, text: l.src[l.pos:end], num: v})
	l.advance(end)
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digitsEnd is the end of digits with single underscores between them.
func digitsEnd(s string, pos int) int {
	for pos < len(s) && isDigit(s[pos]) {
		pos++
		if pos+1 < len(s) && s[pos] == '_' && isDigit(s[pos+1]) {
			pos++
		}
	}
	return pos
}

// floatEnd is the end of a float at pos, or 0 if there is none.
func floatEnd(s string, pos int) int {
	end := digitsEnd(s, pos)
	found := 0
	if end+1 < len(s) && s[end] == '.' && isDigit(s[end+1]) {
		end = digitsEnd(s, end+1)
		found = end
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		exp := end + 1
		if exp < len(s) && (s[exp] == '+' || s[exp] == '-') {
			exp++
		}
		if exp < len(s) && isDigit(s[exp]) {
			return digitsEnd(s, exp)
		}
	}
	return found
}

// intEnd is the end of the integer at pos. A leading zero stands alone.
func intEnd(s string, pos int) int {
	if s[pos] != '0' {
		return digitsEnd(s, pos)
	}
	if pos+1 < len(s) {
		var digits string
		switch s[pos+1] {
		case 'b', 'B':
			digits = "01"
		case 'o', 'O':
			digits = "01234567"
		case 'x', 'X':
			digits = "0123456789abcdefABCDEF"
		}
		if digits != "" {
			if end := radixEnd(s, pos+2, digits); end > 0 {
				return end
			}
		}
	}
	return max(radixEnd(s, pos, "0"), pos+1)
}

// radixEnd is the end of digits with single underscores allowed before each.
func radixEnd(s string, pos int, digits string) int {
	found := 0
	for pos < len(s) {
		p := pos
		if s[p] == '_' {
			p++
		}
		if p >= len(s) || strings.IndexByte(digits, s[p]) < 0 {
			break
		}
		pos = p + 1
		found = pos
	}
	return found
}
