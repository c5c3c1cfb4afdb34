package workflow

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"squall/internal/expr"
	"squall/internal/expr/pyyaml"
)

// Inspect lists everything that is wrong with a definition: its syntax, its
// graph, its expressions, and variables that are used before they are
// assigned. known are the variables that an execution will have beside its
// inputs. Nothing wrong gives nil. Within a category the findings are in
// Orquesta's order.
func (s *Spec) Inspect(set *expr.Set, known []string) []Problem {
	in := &inspector{spec: s, set: set, shape: newShape(s)}
	var out []Problem
	for _, part := range []func() []Problem{in.syntax, in.semantics, in.expressions, func() []Problem { return in.context(known) }} {
		list := part()
		slices.SortStableFunc(list, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.SchemaPath, b.SchemaPath), cmp.Compare(a.SpecPath, b.SpecPath))
		})
		out = append(out, list...)
	}
	for i := range out {
		mark := s.place(out[i].SpecPath)
		out[i].Line, out[i].Column = mark.Line, mark.Column
	}
	return out
}

type inspector struct {
	spec  *Spec
	set   *expr.Set
	shape *shape
}

// Schema paths of the parts of a definition.
const (
	schemaTasks = "properties.tasks"
	schemaTask  = schemaTasks + ".patternProperties." + wordPattern
	schemaNext  = schemaTask + ".properties.next.items"
)

func specTask(name string) string { return "tasks." + name }

func specNext(task string, i int) string {
	return "tasks." + task + ".next[" + strconv.Itoa(i) + "]"
}

// syntax checks the document against the schema.
func (in *inspector) syntax() []Problem {
	var c checker
	c.check(workflowSchema, in.spec.expandedWith(), nil, nil)
	var out []Problem
	for _, f := range c.faults {
		out = append(out, Problem{Category: CategorySyntax, Message: unescape(f.message), SpecPath: joinPath(f.specPath), SchemaPath: joinPath(f.schema)})
	}
	return out
}

func joinPath(steps []string) string {
	var b strings.Builder
	for i, s := range steps {
		if i > 0 && !strings.HasPrefix(s, "[") {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}

// place finds the line and column of a path such as tasks.t1.next[0].do, or of
// the nearest thing above it.
func (s *Spec) place(path string) pyyaml.Mark {
	n := s.root
	mark := n.Mark
	for path != "" && n != nil {
		var step string
		if rest, ok := strings.CutPrefix(path, "["); ok {
			step, path, _ = strings.Cut(rest, "]")
			path = strings.TrimPrefix(path, ".")
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(n.Items) {
				return mark
			}
			n = n.Items[i]
			mark = n.Mark
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		step, path = path[:end], strings.TrimPrefix(path[end:], ".")
		at := slices.IndexFunc(n.Pairs, func(p pyyaml.Pair) bool { return p.Key.Text == step })
		if at < 0 {
			return mark
		}
		mark, n = n.Pairs[at].Key.Mark, n.Pairs[at].Value
	}
	return mark
}

// unescape decodes a message as the original does: as Python's unicode_escape,
// which takes each byte of UTF-8 for a Latin-1 character.
func unescape(s string) string {
	if !strings.Contains(s, `\`) && isASCII(s) {
		return s
	}
	var out []rune
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, rune(s[i]))
			continue
		}
		i++
		if r, ok := simpleEscapes[s[i]]; ok {
			out = append(out, r)
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		if n, err := strconv.ParseUint(s[i+1:min(len(s), i+1+digits)], 16, 32); digits > 0 && err == nil && i+digits < len(s) {
			out = append(out, rune(n))
			i += digits
			continue
		}
		out = append(out, '\\', rune(s[i]))
	}
	return string(out)
}

var simpleEscapes = map[byte]rune{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '\'': '\'', '"': '"', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v'}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
