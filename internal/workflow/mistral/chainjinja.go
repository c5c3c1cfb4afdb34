package mistral

import (
	"regexp"
	"slices"
	"strings"
)

// chainJinja rewrites the templates of an ActionChain. There, names are
// variables, results of tasks and parameters; in Orquesta they come from ctx()
// and task().
type chainJinja struct {
	c      *chainConverter
	used   map[string]bool
	at     place
	locals []string // of loops and set
}

var (
	loopNames = regexp.MustCompile(`^-?\s*for\s+([\w\s,]+?)\s+in\s`)
	setNames  = regexp.MustCompile(`^-?\s*set\s+([\w\s,]+?)\s*=`)
	words     = regexp.MustCompile(`\w+`)
	rawBlock  = regexp.MustCompile(`(?s)\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}`)
)

// notNames are words that name nothing outside of the template.
var notNames = []string{"and", "or", "not", "in", "is", "if", "else", "elif", "endif", "for", "endfor", "set", "endset", "filter", "endfilter", "raw", "endraw",
	"true", "false", "none", "True", "False", "None", "loop", "macro", "endmacro", "call", "endcall", "recursive", "with", "endwith", "without", "context"}

func (j *chainJinja) template(text string) string {
	if loc := rawBlock.FindStringIndex(text); loc != nil {
		return j.template(text[:loc[0]]) + text[loc[0]:loc[1]] + j.template(text[loc[1]:])
	}
	return jinjaForm.ReplaceAllStringFunc(text, func(m string) string {
		inner := m[2 : len(m)-2]
		if m[1] == '%' {
			for _, form := range []*regexp.Regexp{loopNames, setNames} {
				if f := form.FindStringSubmatch(inner); f != nil {
					j.locals = append(j.locals, words.FindAllString(f[1], -1)...)
				}
			}
		}
		return m[:2] + j.expression(inner) + m[len(m)-2:]
	})
}

func (j *chainJinja) expression(src string) string {
	var b strings.Builder
	member, test := false, false
	depth := 0
	for src != "" {
		switch c := src[0]; {
		case c == '\'' || c == '"':
			n := quoted(src)
			b.WriteString(src[:n])
			src, member, test = src[n:], false, false
		case isLetter(c):
			n := wordLen(src)
			word, rest := src[:n], src[n:]
			text, left := word, rest
			if !member && !test {
				text, left = j.name(word, rest, depth)
			}
			b.WriteString(text)
			test = !member && (word == "is" || test && word == "not")
			src, member = left, false
		case c == '.' || c == '|':
			b.WriteByte(c)
			src, member = src[1:], true
		case c >= '0' && c <= '9':
			n := 1
			for n < len(src) && (src[n] >= '0' && src[n] <= '9' || src[n] == '.') {
				n++
			}
			b.WriteString(src[:n])
			src, member, test = src[n:], false, false
		default:
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			}
			b.WriteByte(c)
			if src = src[1:]; c != ' ' && c != '\t' && c != '\n' {
				member, test = false, false
			}
		}
	}
	return b.String()
}

var keyword = regexp.MustCompile(`^\s*=[^=]`)

// name rewrites a name that stands for itself.
func (j *chainJinja) name(word, rest string, depth int) (text, left string) {
	switch {
	case slices.Contains(notNames, word), slices.Contains(j.locals, word), strings.HasPrefix(rest, "("), depth > 0 && keyword.MatchString(rest):
		return word, rest
	case word == "st2kv":
		if m := datastoreKey.FindStringSubmatch(rest); m != nil {
			return "st2kv('" + m[1] + m[2] + "')", rest[len(m[0]):]
		}
		return word, rest
	case word == "__results":
		if field, after := fieldOf(rest); field != "" {
			return "task('" + j.c.id(field) + "').result", after
		}
		j.c.notes.add(RuleChainConfig, Impossible, j.at, "__results as a whole has no counterpart")
		return word, rest
	case word == "action_context":
		return j.context(rest)
	case word == "config_context":
		j.c.notes.add(RuleChainConfig, Impossible, j.at, "config_context has no counterpart in workflows; give the value as a parameter")
		return word, rest
	}
	if _, is := j.c.spec.Node(word); is && !j.c.known[word] {
		return "task('" + j.c.id(word) + "').result", rest
	}
	j.used[word] = true
	return "ctx()." + word, rest
}

// chainContext is what the context of a chain's actions says of the chain.
var chainContext = map[string]string{"execution_id": "ctx().st2.action_execution_id", "user": "ctx().st2.user", "pack": "ctx().st2.pack"}

func (j *chainJinja) context(rest string) (text, left string) {
	if first, after := fieldOf(rest); first == "parent" {
		if field, end := fieldOf(after); chainContext[field] != "" {
			return chainContext[field], end
		}
	}
	j.c.notes.add(RuleChainConfig, Impossible, j.at, "action_context%s has no counterpart", rest[:min(len(rest), 30)])
	return "action_context", rest
}
