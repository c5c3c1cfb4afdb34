package runner

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"squall/internal/squall"
)

// ScriptArgs builds a script's arguments as st2 does: named ones first, in the
// order of the request, then all positional ones, given or not. kwargOp stands
// before the name of a named one.
func ScriptArgs(job *Job, kwargOp string) []string {
	var positional []squall.Parameter
	isPositional := map[string]bool{}
	for _, p := range job.Action.Parameters {
		if _, ok := job.ActionParams[p.Name]; ok && p.Position != nil {
			positional = append(positional, p)
			isPositional[p.Name] = true
		}
	}
	slices.SortStableFunc(positional, func(a, b squall.Parameter) int { return *a.Position - *b.Position })

	var args []string
	for _, name := range argOrder(job) {
		value := job.ActionParams[name]
		if isPositional[name] || value == nil || value == "" {
			continue // st2 leaves empty named arguments out
		}
		if flag, ok := value.(bool); ok {
			if flag {
				args = append(args, kwargOp+name)
			}
			continue
		}
		p, _ := job.Action.Parameters.Get(name)
		args = append(args, kwargOp+name+"="+PythonText(job.Ordered(name), typeOf(p) == "number"))
	}
	for _, p := range positional {
		args = append(args, PositionalText(typeOf(p), job.Ordered(p.Name)))
	}
	return args
}

// ScriptValues returns the values themselves, in the order of ScriptArgs: the
// named ones with their names, then those with a position.
func ScriptValues(job *Job) (named []Member, positional []any) {
	var placed []squall.Parameter
	for _, p := range job.Action.Parameters {
		if _, ok := job.ActionParams[p.Name]; ok && p.Position != nil {
			placed = append(placed, p)
		}
	}
	slices.SortStableFunc(placed, func(a, b squall.Parameter) int { return *a.Position - *b.Position })
	for _, name := range argOrder(job) {
		if !slices.ContainsFunc(placed, func(p squall.Parameter) bool { return p.Name == name }) {
			named = append(named, Member{name, objectOf(job.Ordered(name))})
		}
	}
	for _, p := range placed {
		positional = append(positional, objectOf(job.Ordered(p.Name)))
	}
	return named, positional
}

// objectOf gives a decoded object an order.
func objectOf(v any) any {
	if m, ok := v.(map[string]any); ok {
		return sorted(m)
	}
	return v
}

// PositionalText writes the value of a positional argument by its declared
// type. What Python calls false is empty for most types: st2 passes an integer
// 0 as "", and so do we.
func PositionalText(typ string, value any) string {
	switch typ {
	case "string", "number", "float":
		if value == nil {
			return ""
		}
		return PythonText(value, typ != "string")
	case "boolean":
		switch {
		case value == nil:
			return ""
		case Truthy(value):
			return "1"
		}
		return "0"
	case "array", "list":
		items, _ := value.([]any)
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = PythonText(item, false)
		}
		return strings.Join(texts, ",")
	case "object":
		if !Truthy(value) {
			return ""
		}
		return CompactJSON(value)
	case "null":
		return ""
	default: // integer, and parameters without a type
		if !Truthy(value) {
			return ""
		}
		return PythonText(value, false)
	}
}

// argOrder is the order named arguments have in st2: what was given, in the
// request's order; then constant defaults in the schema's order; then defaults
// with templates, which are resolved last.
func argOrder(job *Job) []string {
	names := make([]string, 0, len(job.ActionParams))
	add := func(name string) {
		if _, ok := job.ActionParams[name]; ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range job.Given() {
		add(name)
	}
	for _, p := range job.Action.Parameters {
		if !bytes.Contains(p.Default, []byte("{{")) && !bytes.Contains(p.Default, []byte("{%")) {
			add(p.Name)
		}
	}
	for _, p := range job.Action.Parameters {
		add(p.Name)
	}
	return names
}

// typeOf returns a parameter's JSON type, empty when it has none or several.
func typeOf(p squall.Parameter) string {
	var name string
	if json.Unmarshal(p.Type, &name) != nil {
		return ""
	}
	return name
}

// Quote makes s one word of a shell command line.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+@%=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}
