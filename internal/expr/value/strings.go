package value

import (
	"strings"
	"unicode/utf8"
)

// Strings are UTF-8, measured and indexed by code point. Lone surrogates, which
// Python strings can hold, are kept in their three-byte form (as CPython's
// "surrogatepass" writes them); runeLen and decodeRune understand it.

// isASCII reports whether s has one byte per character.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeRune decodes the first character of s, surrogates included. A byte that
// is no UTF-8 counts as one character.
func decodeRune(s string) (rune, int) {
	if s == "" {
		return utf8.RuneError, 0
	}
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 && isSurrogate(s) {
		return rune(s[0]&0x0f)<<12 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return r, n
}

func isSurrogate(s string) bool {
	return len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2]&0xc0 == 0x80
}

func decodeLastRune(s string) (rune, int) {
	r, n := utf8.DecodeLastRuneInString(s)
	if r == utf8.RuneError && n == 1 && len(s) >= 3 && isSurrogate(s[len(s)-3:]) {
		return decodeRune(s[len(s)-3:])
	}
	return r, n
}

func runeLen(s string) int {
	_, n := decodeRune(s)
	return n
}

// appendRune appends a character, surrogates included.
func appendRune(dst []byte, r rune) []byte {
	if r >= 0xd800 && r <= 0xdfff {
		return append(dst, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
	}
	return utf8.AppendRune(dst, r)
}

// RuneText returns the one-character string of a code point, surrogates
// included.
func RuneText(r rune) string { return string(appendRune(nil, r)) }

// StrLen returns the number of characters of s.
func StrLen(s string) int {
	n := utf8.RuneCountInString(s)
	if strings.IndexByte(s, 0xed) < 0 {
		return n
	}
	n = 0
	for s != "" {
		s = s[runeLen(s):]
		n++
	}
	return n
}

// runes decodes s, surrogates included.
func runes(s string) []rune {
	out := make([]rune, 0, len(s))
	for s != "" {
		r, n := decodeRune(s)
		out = append(out, r)
		s = s[n:]
	}
	return out
}

// byteOffset returns the byte offset of character i of s, 0 <= i <= StrLen(s).
func byteOffset(s string, i int) int {
	if i <= 0 {
		return 0
	}
	pos := 0
	for pos < len(s) && i > 0 {
		pos += runeLen(s[pos:])
		i--
	}
	return pos
}

// Substring returns characters start to end of s, 0 <= start <= end <= StrLen(s).
func Substring(s string, start, end int) string {
	if isASCII(s) {
		return s[start:end]
	}
	from := byteOffset(s, start)
	return s[from : from+byteOffset(s[from:], end-start)]
}
