package param

import (
	"strings"

	"squall/internal/expr/value"
)

// IsExpression reports whether a value is a text that may be a template: st2
// looks for an opening mark only, for speed.
func IsExpression(v any) bool {
	s, ok := value.AsString(v)
	return ok && (strings.Contains(s, "{{") || strings.Contains(s, "{%"))
}

// ToRawBlock wraps every text with an expression on one line so that rendering
// gives it back unchanged; lists and the values of dicts are walked.
func ToRawBlock(v any) any {
	switch x := v.(type) {
	case string:
		if closesOnLine(x, "{{", "}}") || closesOnLine(x, "{%", "%}") {
			return "{% raw %}" + x + "{% endraw %}"
		}
	case *value.List:
		out := &value.List{Items: make([]any, len(x.Items))}
		for i, item := range x.Items {
			out.Items[i] = ToRawBlock(item)
		}
		return out
	case *value.Dict:
		out := value.NewDict(x.Len())
		for k, item := range x.All() {
			out.Set(k, ToRawBlock(item))
		}
		return out
	}
	return v
}

func closesOnLine(s, opening, closing string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		if i := strings.Index(line, opening); i >= 0 && strings.Contains(line[i+len(opening):], closing) {
			return true
		}
	}
	return false
}
