package mistral

import (
	"slices"
	"strings"
)

// binding functions evaluate their arguments for each element: inside of them $
// is the element, and not the context.
var perElement = []string{"where", "filter", "select", "map", "selectMany", "any", "all", "orderBy", "orderByDescending", "thenBy",
	"thenByDescending", "groupBy", "toDict", "takeWhile", "skipWhile", "indexWhere", "lastIndexWhere", "splitWhere", "sliceWhere",
	"aggregate", "accumulate", "distinct", "mergeWith", "assert", "replaceBy", "generate", "generateMany", "foldl", "foldr", "reduce"}

// yaql rewrites one YAQL expression. It works on tokens: the shape of the text
// stays, and what it does not know stays too.
func (r *rewriter) yaql(src string) string {
	var b strings.Builder
	var frames []bool // of open brackets: whether $ is an element inside
	element := func() bool { return slices.Contains(frames, true) }
	method, callee, value := false, "", false // what stands before the next token
	for src != "" {
		switch c := src[0]; {
		case c == '\'' || c == '"' || c == '`':
			n := quoted(src)
			b.WriteString(src[:n])
			src = src[n:]
			callee, value, method = "", true, false
		case c == '$':
			src = r.dollar(&b, src, element())
			callee, value, method = "", true, false
		case isLetter(c):
			n := wordLen(src)
			word := src[:n]
			src = src[n:]
			if !method && strings.HasPrefix(src, "(") {
				if text, left, done := r.yaqlCall(word, src); done {
					b.WriteString(text)
					src, value, method, callee = left, true, false, ""
					continue
				}
			}
			if !method && strings.HasPrefix(src, "(") {
				word = r.function(word)
			}
			b.WriteString(word)
			if callee = word; !method {
				callee = ""
			}
			value = !slices.Contains([]string{"and", "or", "not", "in"}, word)
			method = false
		case c == '(' || c == '[' || c == '{':
			each := c == '(' && slices.Contains(perElement, callee) || c == '[' && value && filters(src)
			frames = append(frames, each)
			b.WriteByte(c)
			src = src[1:]
			callee, value, method = "", false, false
		case c == ')' || c == ']' || c == '}':
			if len(frames) > 0 {
				frames = frames[:len(frames)-1]
			}
			b.WriteByte(c)
			src = src[1:]
			callee, value, method = "", true, false
		case c == '.':
			b.WriteByte(c)
			src = src[1:]
			method, callee = true, ""
		case c >= '0' && c <= '9':
			n := 1
			for n < len(src) && (src[n] >= '0' && src[n] <= '9' || src[n] == '.') {
				n++
			}
			b.WriteString(src[:n])
			src = src[n:]
			callee, value, method = "", true, false
		default:
			b.WriteByte(c)
			src = src[1:]
			if c != ' ' && c != '\t' && c != '\n' {
				callee, value, method = "", false, false
			}
		}
	}
	return b.String()
}

// filters reports whether brackets behind a list hold a condition on its
// elements, and not an index.
func filters(src string) bool {
	depth := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '\'', '"', '`':
			i += quoted(src[i:]) - 1
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			if depth--; depth == 0 {
				return false
			}
		case '=', '<', '>', '!':
			return true
		}
	}
	return false
}

// dollar rewrites $, $.x and $['x'].
func (r *rewriter) dollar(b *strings.Builder, src string, element bool) string {
	rest := src[1:]
	if element || rest != "" && (isLetter(rest[0]) || rest[0] >= '0' && rest[0] <= '9') {
		b.WriteByte('$') // an element, or $name
		return rest
	}
	if strings.HasPrefix(rest, ".") && len(rest) > 1 && isLetter(rest[1]) {
		n := wordLen(rest[1:])
		name, after := rest[1:1+n], rest[1+n:]
		if !strings.HasPrefix(after, "(") {
			b.WriteString(r.variable("yaql", name))
			return after
		}
		if name == "get" { // $.get(x): it may not be there
			if arg, left, ok := argument(after); ok && nameOnly.MatchString(strings.Trim(arg, `'"`)) {
				b.WriteString(r.optional(strings.Trim(arg, `'"`)))
				return left
			}
		}
	}
	b.WriteString(r.whole())
	return rest
}

// optional reads a variable that may be missing.
func (r *rewriter) optional(name string) string {
	if slices.Contains(r.items, name) || r.params != nil {
		return r.variable("yaql", name)
	}
	if text, ok := r.published["yaql:"+name]; ok {
		return text
	}
	if _, is := r.published[":"+name]; is {
		r.bad = true
	}
	if r.used != nil {
		r.used[name] = true
	}
	return "ctx().get(" + name + ")"
}

// yaqlCall rewrites calls of Mistral's own functions.
func (r *rewriter) yaqlCall(fn, src string) (text, left string, done bool) {
	switch fn {
	case "task", "env", "execution", "global":
	default:
		return "", "", false
	}
	arg, rest, ok := argument(src)
	if !ok {
		return "", "", false
	}
	switch fn {
	case "task":
		text, left = r.taskRef("yaql", strings.Trim(arg, `'"`), rest)
	case "global":
		text, left = r.variable("yaql", strings.Trim(arg, `'"`)), rest
	default:
		text, left = r.system(fn, rest)
	}
	return text, left, true
}

// argument takes the text in the brackets src begins with.
func argument(src string) (arg, rest string, ok bool) {
	depth := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '\'', '"', '`':
			i += quoted(src[i:]) - 1
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return strings.TrimSpace(src[1:i]), src[i+1:], true
			}
		}
	}
	return "", "", false
}

// quoted is the length of the text in quotes that src begins with.
func quoted(src string) int {
	for i := 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case src[0]:
			return i + 1
		}
	}
	return len(src)
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func wordLen(s string) int {
	n := 0
	for n < len(s) && (isLetter(s[n]) || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}
