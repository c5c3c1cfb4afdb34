package value

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// specialCases reads a table of unicode_tables.go: entries separated by spaces,
// each a character followed by what it maps to.
func specialCases(table string) map[rune]string {
	m := make(map[rune]string, 300)
	for entry := range strings.FieldsSeq(table) {
		r, n := utf8.DecodeRuneInString(entry)
		m[r] = entry[n:]
	}
	return m
}

var (
	upperTable = sync.OnceValue(func() map[rune]string { return specialCases(upperSpecial) })
	titleTable = sync.OnceValue(func() map[rune]string { return specialCases(titleSpecial) })
	foldTable  = sync.OnceValue(func() map[rune]string { return specialCases(foldSpecial) })
	digitTable = sync.OnceValue(func() map[rune]string { return specialCases(digitSpecial) })
)

func isAlpha(r rune) bool   { return unicode.IsLetter(r) }
func isDecimal(r rune) bool { return unicode.Is(unicode.Nd, r) }

func isDigit(r rune) bool {
	if r < 0x80 {
		return r >= '0' && r <= '9'
	}
	return unicode.Is(unicode.Nd, r) || digitTable()[r] != ""
}

func isNumericRune(r rune) bool {
	return unicode.In(r, unicode.Nd, unicode.Nl, unicode.No) || r > 0x3400 && strings.ContainsRune(numericLetters, r)
}

func isAlnum(r rune) bool { return isAlpha(r) || isNumericRune(r) }

func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func isPrintable(r rune) bool { return unicode.IsPrint(r) }

func isLower(r rune) bool {
	switch r {
	case 0x10fc, 0xa7f2, 0xa7f3, 0xa7f4, 0xab69: // lower case since Unicode 15 only
		return false
	}
	return unicode.In(r, unicode.Ll, unicode.Other_Lowercase)
}

func isUpper(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Other_Uppercase) }

func isTitle(r rune) bool { return unicode.Is(unicode.Lt, r) }

// isCased is the derived property Cased, as far as strings' own tests need it.
func isCased(r rune) bool { return isLower(r) || isUpper(r) || isTitle(r) }

// caseIgnorable is the derived property Case_Ignorable.
func caseIgnorable(r rune) bool {
	if r < 0x80 {
		return strings.IndexByte("'.:^`", byte(r)) >= 0
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", r)
}

// Characters left out of identifiers because their compatibility form is none.
const notIdentifier = "\u037a\u2e2f\u309b\u309c\ufc5e\ufc5f\ufc60\ufc61\ufc62\ufc63\ufdfa\ufdfb\ufe70\ufe72\ufe74\ufe76\ufe78\ufe7a\ufe7c\ufe7e"

func isIdentStart(r rune) bool {
	if r < 0x80 {
		return r == '_' || r|0x20 >= 'a' && r|0x20 <= 'z'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) &&
		!strings.ContainsRune(notIdentifier+"\u0e33\u0eb3\uff9e\uff9f", r)
}

func isIdentPart(r rune) bool {
	if r < 0x80 {
		return isIdentStart(r) || r >= '0' && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue) &&
		!strings.ContainsRune(notIdentifier, r)
}

// IsIdentifier reports str.isidentifier().
func IsIdentifier(s string) bool {
	for i, r := range s {
		if i == 0 && !isIdentStart(r) || i > 0 && !isIdentPart(r) {
			return false
		}
	}
	return s != ""
}

// decimalValue returns the value of a decimal digit of any script, or -1.
func decimalValue(r rune) int {
	if r < 0x80 {
		if r >= '0' && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	// Decimal digits come in runs of ten that start with zero.
	for _, rg := range unicode.Nd.R16 {
		if r >= rune(rg.Lo) && r <= rune(rg.Hi) {
			return int(r-rune(rg.Lo)) % 10
		}
	}
	for _, rg := range unicode.Nd.R32 {
		if r >= rune(rg.Lo) && r <= rune(rg.Hi) {
			return int(r-rune(rg.Lo)) % 10
		}
	}
	return -1
}

// appendUpper, appendTitle, appendLower and appendFold map one character.
func appendUpper(dst []byte, r rune) []byte {
	if s, ok := upperTable()[r]; ok {
		return append(dst, s...)
	}
	return appendRune(dst, unicode.ToUpper(r))
}

func appendTitle(dst []byte, r rune) []byte {
	if s, ok := titleTable()[r]; ok {
		return append(dst, s...)
	}
	return appendRune(dst, unicode.ToTitle(r))
}

func appendFold(dst []byte, r rune) []byte {
	if s, ok := foldTable()[r]; ok {
		return append(dst, s...)
	}
	if r == '\u0130' {
		return append(dst, "i\u0307"...)
	}
	return appendRune(dst, unicode.ToLower(r))
}

// appendLower needs the text around: a capital sigma at the end of a word
// becomes the final form.
func appendLower(dst []byte, s string, at int, r rune) []byte {
	switch r {
	case '\u0130':
		return append(dst, "i\u0307"...)
	case '\u03a3':
		if finalSigma(s, at) {
			return append(dst, "\u03c2"...)
		}
		return append(dst, "\u03c3"...)
	}
	return appendRune(dst, unicode.ToLower(r))
}

func finalSigma(s string, at int) bool {
	before := s[:at]
	for {
		r, n := decodeLastRune(before)
		if n == 0 {
			return false
		}
		before = before[:len(before)-n]
		if caseIgnorable(r) {
			continue
		}
		if !isCased(r) {
			return false
		}
		break
	}
	for _, r := range s[at+len("\u03a3"):] {
		if !caseIgnorable(r) {
			return !isCased(r)
		}
	}
	return true
}
