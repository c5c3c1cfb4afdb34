package mistral

import (
	"regexp"
	"strings"
)

var datastoreKey = regexp.MustCompile(`^\.(system|user)((?:\.\w+)+)`)

// jinja rewrites one Jinja expression or statement, without its delimiters.
func (r *rewriter) jinja(src string) string {
	var b strings.Builder
	member := false // the next name belongs to what stands before it
	for src != "" {
		switch c := src[0]; {
		case c == '\'' || c == '"':
			n := quoted(src)
			b.WriteString(src[:n])
			src, member = src[n:], false
		case isLetter(c):
			n := wordLen(src)
			word, rest := src[:n], src[n:]
			text, left := word, rest
			if !member {
				text, left = r.jinjaName(word, rest)
			}
			b.WriteString(text)
			src, member = left, false
		case c == '.' || c == '|':
			b.WriteByte(c)
			src, member = src[1:], true
		case c == ' ' || c == '\t' || c == '\n':
			b.WriteByte(c)
			src = src[1:]
		case c >= '0' && c <= '9':
			n := 1
			for n < len(src) && (src[n] >= '0' && src[n] <= '9' || src[n] == '.') {
				n++
			}
			b.WriteString(src[:n])
			src, member = src[n:], false
		default:
			b.WriteByte(c)
			src, member = src[1:], false
		}
	}
	return b.String()
}

// jinjaName rewrites a name that stands for itself.
func (r *rewriter) jinjaName(word, rest string) (text, left string) {
	switch word {
	case "_":
		if field, after := fieldOf(rest); field != "" {
			return r.variable("jinja", field), after
		}
		if m := indexName.FindStringSubmatch(rest); m != nil {
			return r.variable("jinja", m[1]), rest[len(m[0]):]
		}
		return r.whole(), rest
	case "st2kv":
		if m := datastoreKey.FindStringSubmatch(rest); m != nil && !strings.HasPrefix(rest[len(m[0]):], "(") {
			return "st2kv('" + m[1] + m[2] + "')", rest[len(m[0]):]
		}
		return word, rest
	}
	if !strings.HasPrefix(rest, "(") {
		return word, rest
	}
	arg, after, ok := argument(rest)
	switch {
	case !ok:
		return word, rest
	case word == "task":
		return r.taskRef("jinja", strings.Trim(arg, `'"`), after)
	case word == "env", word == "execution":
		return r.system(word, after)
	case word == "global":
		return r.variable("jinja", strings.Trim(arg, `'"`)), after
	}
	return r.function(word), rest
}

var indexName = regexp.MustCompile(`^\[\s*['"](\w+)['"]\s*\]`)
