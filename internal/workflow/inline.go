package workflow

import (
	"context"
	"regexp"
	"strings"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// inlineParam finds name=value in a text: a list, a quoted text, a number,
// true, false, null or an expression. An unquoted word is not a value.
var inlineParam = mustCompile(`(\w+)=(\[.*\]\s*|"[^"]*"\s*|'[^']*'\s*|[-]?\d*\.\d+|[-]?\d+|(?i:true)|(?i:false)|null|{{.*?}}|<%.*?%>)`)

var quoted = regexp.MustCompile(`(?s)"[^"]*"|'[^']*'`)

func mustCompile(pattern string) *pyre.Regex {
	re, err := pyre.Compile(pattern, 0)
	if err != nil {
		panic(err) // a constant of this file
	}
	return re
}

// matchBudget bounds one search, so that a hostile text ends it.
func matchBudget() *value.Budget { return value.NewBudget(context.Background(), 2_000_000, 64<<20, 0) }

type param struct {
	name string
	val  any
}

// inlineParams reads the parameters in a text. Everything else in it is
// ignored, as in the original.
func inlineParams(text string) []param {
	if !strings.Contains(text, "=") {
		return nil
	}
	matches, err := inlineParam.FindIter(matchBudget(), text)
	if err != nil {
		return nil
	}
	out := make([]param, 0, len(matches))
	for _, m := range matches {
		out = append(out, param{m.Text(1), inlineValue(m.Text(2))})
	}
	return out
}

// inlineValue is the value of a parameter: unquoted ones are JSON when they
// can be, quoted ones only when they look like an object.
func inlineValue(text string) any {
	v := strings.TrimSpace(text)
	wasQuoted := quoted.MatchString(v)
	for _, q := range []string{`"`, `'`} {
		v = strings.TrimSuffix(strings.TrimPrefix(v, q), q)
	}
	object := strings.HasPrefix(v, "{") && strings.HasSuffix(v, "}")
	if v != "" && wasQuoted && !object {
		return v
	}
	switch strings.ToLower(v) {
	case "true", "false":
		v = strings.ToLower(v)
	}
	if x, err := value.LoadJSON(nil, v); err == nil {
		return x
	}
	return v
}

// inlineDict is the parameters of an action; of a name given twice the last
// value counts.
func inlineDict(text string) *value.Dict {
	d := value.NewDict(4)
	for _, p := range inlineParams(text) {
		d.SetStr(p.name, p.val)
	}
	return d
}

// inlineList is what a text publishes, in order.
func inlineList(text string) *value.List {
	l := value.NewList()
	for _, p := range inlineParams(text) {
		d := value.NewDict(1)
		d.SetStr(p.name, p.val)
		l.Items = append(l.Items, d)
	}
	return l
}
