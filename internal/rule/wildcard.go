package rule

import (
	"strings"

	"squall/internal/expr/pyre"
)

// compileWildcard makes a regular expression of a shell pattern by Python's
// rules: "*" and "?" match any character, "/" and line ends too; "[!x]" negates
// and "[^x]" does not; nothing escapes; an unclosed "[" is itself. The expression
// is for Search and matches whole texts, in linear time.
func compileWildcard(pattern string) (*pyre.Regex, error) {
	var out strings.Builder
	rs := []rune(pattern)
	for i := 0; i < len(rs); i++ {
		switch rs[i] {
		case '*':
			for i+1 < len(rs) && rs[i+1] == '*' {
				i++
			}
			out.WriteString(".*")
		case '?':
			out.WriteByte('.')
		case '[':
			end := closingBracket(rs, i+1)
			if end < 0 {
				out.WriteString(`\[`)
				continue
			}
			out.WriteString(wildcardSet(rs[i+1 : end]))
			i = end
		default:
			out.WriteString(pyre.Escape(string(rs[i])))
		}
	}
	return pyre.Compile(`\A`+out.String()+`\Z`, pyre.DotAll)
}

// closingBracket finds the end of a set whose content starts at i. A bracket
// right at the start, or behind "!", is content.
func closingBracket(rs []rune, i int) int {
	if i < len(rs) && rs[i] == '!' {
		i++
	}
	if i < len(rs) && rs[i] == ']' {
		i++
	}
	for ; i < len(rs); i++ {
		if rs[i] == ']' {
			return i
		}
	}
	return -1
}

// wildcardSet is the class for the content of brackets. Ranges that run
// backwards are empty and leave out; a set that is empty for that matches
// nothing, its negation anything.
func wildcardSet(rs []rune) string {
	negate := rs[0] == '!'
	if negate {
		rs = rs[1:]
	}
	var set strings.Builder
	dropped := false
	for i := 0; i < len(rs); i++ {
		lo := rs[i]
		hi := lo
		if i+2 < len(rs) && rs[i+1] == '-' {
			hi = rs[i+2]
			i += 2
		}
		if lo > hi {
			dropped = true
			continue
		}
		// What comes first once a backward range is gone may be a "!": it negates.
		if dropped && set.Len() == 0 && !negate && lo == '!' && hi == '!' {
			negate = true
			continue
		}
		set.WriteString(classChar(lo))
		if hi != lo {
			set.WriteByte('-')
			set.WriteString(classChar(hi))
		}
	}
	switch {
	case set.Len() == 0 && negate:
		return "."
	case set.Len() == 0:
		return `[^\s\S]`
	case negate:
		return "[^" + set.String() + "]"
	}
	return "[" + set.String() + "]"
}

// classChar writes a character so that it means itself in a class.
func classChar(r rune) string {
	if strings.ContainsRune(`\]^-[&~|`, r) {
		return `\` + string(r)
	}
	return string(r)
}
