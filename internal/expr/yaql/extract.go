package yaql

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// ExtractVars implements expr.Language: the variables a text refers to as
// ctx().x, ctx(x), ctx('x') or ctx("x"). The original looks with regular
// expressions at the text of each expression, in two steps: first references
// (the word ctx, a bracketed name, and everything that may belong to a path),
// then one variable of each kind in each reference. Matches inside quoted
// strings count, and each name comes once.
func (e *Engine) ExtractVars(text string) []string {
	var out []string
	for _, r := range e.References(text) {
		for _, find := range []func(string) string{dotted, bracketed("", ""), bracketed("'", "'"), bracketed(`"`, `"`)} {
			if name := find(r); name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// References lists the texts that refer to variables, such as ctx().x.y, each
// once, in order of appearance.
func (e *Engine) References(text string) []string {
	var refs []string
	for from := 0; ; {
		start, end, ok := nextExpr(text, from)
		if !ok {
			break
		}
		from = end
		src, _ := strip(text[start:end])
		for _, r := range references(src) {
			if !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		}
	}
	return refs
}

// references finds \bctx\(['"]?P['"]?\)\.?P, where P is any run of the
// characters of a path. P takes brackets, quotes and dots too, so the match
// extends to the last ")" of the run that follows "ctx(", and then to the
// run's end.
func references(src string) []string {
	var out []string
	for i := 0; ; {
		j := strings.Index(src[i:], "ctx(")
		if j < 0 {
			return out
		}
		start := i + j
		i = start + 4
		if !wordBefore(src, start) {
			end := i
			for end < len(src) && isPathByte(src[end]) {
				end++
			}
			if strings.IndexByte(src[i:end], ')') >= 0 {
				out = append(out, src[start:end])
				i = end
			}
		}
	}
}

func isPathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(`][_'".()`, c) >= 0
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// wordBefore reports a word character just before i, where \b does not match.
func wordBefore(s string, i int) bool {
	r, n := utf8.DecodeLastRuneInString(s[:i])
	return n > 0 && isWord(r)
}

// dotted finds x in ctx().x: the longest name that ends at a word boundary and
// is not followed by "(".
func dotted(ref string) string {
	for i := 0; ; {
		j := strings.Index(ref[i:], "ctx().")
		if j < 0 {
			return ""
		}
		start := i + j
		i = start + len("ctx().")
		if wordBefore(ref, start) {
			continue
		}
		end := i
		for end < len(ref) && isNameByte(ref[end]) {
			end++
		}
		for k := end; k > i; k-- {
			boundary := isWordByte(ref[k-1]) != (k < len(ref) && isWordByte(ref[k]))
			if boundary && !(k < len(ref) && ref[k] == '(') {
				return ref[i:k]
			}
		}
	}
}

func isWordByte(c byte) bool { return isNameByte(c) && c != '-' }

// bracketed finds x in ctx(x), with quotes or without.
func bracketed(open, close string) func(string) string {
	return func(ref string) string {
		head := "ctx(" + open
		for i := 0; ; {
			j := strings.Index(ref[i:], head)
			if j < 0 {
				return ""
			}
			start := i + j
			i = start + len(head)
			end := i
			for end < len(ref) && isNameByte(ref[end]) {
				end++
			}
			if end > i && !wordBefore(ref, start) && strings.HasPrefix(ref[end:], close+")") {
				return ref[i:end]
			}
		}
	}
}
