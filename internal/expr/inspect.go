package expr

import (
	"cmp"
	"slices"

	"squall/internal/expr/value"
)

// mixedMessage is Orquesta's wording for a text with several languages. Such
// a text is refused by validation, while evaluation takes the first language.
const mixedMessage = "Expression with multiple types is not supported."

// Validate parses every expression of a statement, keys of dicts included,
// and lists what is wrong, in the order of the statement.
func (s *Set) Validate(v any) []Problem {
	var out []Problem
	s.walk(v, 0, func(text string) {
		var found []Language
		for _, l := range s.langs {
			if l.Detects(text) {
				found = append(found, l)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			out = append(out, found[0].Validate(text)...)
		default:
			out = append(out, Problem{Expression: text, Message: mixedMessage})
		}
	})
	return out
}

// ExtractVars lists the variables a statement refers to, without duplicates,
// sorted by variable.
func (s *Set) ExtractVars(v any) []VarRef {
	var out []VarRef
	seen := map[VarRef]bool{}
	s.walk(v, 0, func(text string) {
		for _, l := range s.langs {
			for _, name := range l.ExtractVars(text) {
				ref := VarRef{Type: l.Name(), Statement: text, Name: name}
				if !seen[ref] {
					seen[ref] = true
					out = append(out, ref)
				}
			}
		}
	})
	slices.SortStableFunc(out, func(a, b VarRef) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// walk visits every string of a statement. What is nested deeper than the
// limit is left out: evaluating it would fail.
func (s *Set) walk(v any, depth int, visit func(string)) {
	if depth > s.limits.Depth {
		return
	}
	switch x := v.(type) {
	case string:
		visit(x)
	case *value.List:
		for _, item := range x.Items {
			s.walk(item, depth+1, visit)
		}
	case *value.Dict:
		for k, item := range x.All() {
			s.walk(k, depth+1, visit)
			s.walk(item, depth+1, visit)
		}
	}
}
