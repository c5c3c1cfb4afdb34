package value

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/runenames"
)

// namedRune decodes N{NAME} after a backslash.
func namedRune(s string) (r rune, n int, why string) {
	end := strings.IndexByte(s, '}')
	if len(s) < 2 || s[1] != '{' || end < 0 {
		return 0, min(1, len(s)), `malformed \N character escape`
	}
	if r := runeNamed(s[2:end]); r >= 0 {
		return r, end + 1, ""
	}
	return 0, end + 1, "unknown Unicode character name"
}

// runeNamed finds a character by name, or returns -1. It scans all names: the
// escape is too rare to keep an index of 140,000 names in memory.
func runeNamed(name string) rune {
	name = strings.ToUpper(name)
	if name == "" || len(name) > 100 {
		return -1
	}
	for _, short := range controlNames {
		if alias, code, _ := strings.Cut(short, "="); alias == name {
			return rune(code[0])
		}
	}
	for _, table := range []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf} {
		for _, rg := range table.R16 {
			if r := scanNames(rune(rg.Lo), rune(rg.Hi), rune(rg.Stride), name); r >= 0 {
				return r
			}
		}
		for _, rg := range table.R32 {
			if r := scanNames(rune(rg.Lo), rune(rg.Hi), rune(rg.Stride), name); r >= 0 {
				return r
			}
		}
	}
	return -1
}

// controlNames are the aliases of control characters people write.
var controlNames = []string{"LINE FEED=\n", "NEW LINE=\n", "CARRIAGE RETURN=\r", "CHARACTER TABULATION=\t", "TAB=\t", "NULL=\x00", "ESCAPE=\x1b", "BACKSPACE=\b", "BELL=\a", "DELETE=\x7f"}

func scanNames(lo, hi, stride rune, name string) rune {
	for r := lo; r <= hi; r += stride {
		if n := runenames.Name(r); n == name && n[0] != '<' {
			return r
		}
	}
	return -1
}
