package param

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Python's jsonschema shows under its message which part of the schema is
// violated, and by what. StackStorm passes that on in some places and not in
// others; explain is for the first.

// shownWidth is the length of the lines in which the library shows schemas.
const shownWidth = 72

// shownSteps and shownBytes bound what is shown.
const shownSteps, shownBytes = 100_000, 1 << 20

// explained is a check with its documents as they were written, for the order of
// their members.
type explained struct {
	*checker
	schema   json.RawMessage // nil: members are shown in the order of their names
	instance json.RawMessage
	above    []string // the place of the schema and of the instance in what is shown
	secrets  *mask    // what of the instance is not shown
}

// check is checker.check with the whole text.
func (x explained) check(v any) error {
	err := x.compiled.Validate(v)
	if err == nil {
		return nil
	}
	f, err := worst(err, v, x.source)
	if err != nil {
		return x.secrets.hush(err, x.instance)
	}
	return x.secrets.hush(squall.Errorf(squall.Invalid, "%s%s", f.text, x.ending(f, v)), x.instance)
}

// ending is what stands under the message, "" when the place cannot be told.
func (x explained) ending(f fault, v any) string {
	schema, ok := lookup(x.source, f.schema).(map[string]any)
	if !ok || f.keyword == "" {
		return ""
	}
	keyword := strings.NewReplacer("exclusiveMinimum", "minimum", "exclusiveMaximum", "maximum").Replace(f.keyword) // draft 4
	place := f.path
	schemaPlace := indices(x.source, f.schema)
	if f.property != "" { // st2: "required" is a word of the property, and the object around it is shown
		place = place[:len(place)-1]
	}
	part := lookup(v, place)
	instancePlace := indices(v, place)
	if f.property != "" {
		schemaPlace += at("properties") + at(f.property)
		instancePlace += at(f.property)
	}
	for i := len(x.above) - 1; i >= 0; i-- {
		schemaPlace = at("properties") + at(x.above[i]) + schemaPlace
		instancePlace = at(x.above[i]) + instancePlace
	}
	shownSchema, err := pretty(arranged(schema, within(written(x.schema), f.schema)))
	if err != nil {
		return ""
	}
	hidden := x.secrets.apply(x.instance)
	if masked, err := decode(hidden); err == nil && x.secrets != nil {
		part = lookup(masked, place)
	}
	shownPart, err := pretty(arranged(part, within(written(hidden), place)))
	if err != nil {
		return ""
	}
	return "\n\nFailed validating " + repr(keyword) + " in schema" + schemaPlace + ":\n    " + shownSchema +
		"\n\nOn instance" + instancePlace + ":\n    " + shownPart
}

func at(step string) string { return "[" + repr(step) + "]" }

// indices writes a way through a document as Python would walk it.
func indices(v any, path []string) string {
	var b strings.Builder
	for i, step := range path {
		if _, list := lookup(v, path[:i]).([]any); list {
			b.WriteString("[" + step + "]")
			continue
		}
		b.WriteString(at(step))
	}
	return b.String()
}

// pretty shows a value over several lines, all but the first moved to the right.
func pretty(v any) (string, error) {
	text, err := jinja.Pretty(value.NewBudget(context.Background(), shownSteps, shownBytes, 0), v, shownWidth)
	return strings.ReplaceAll(text, "\n", "\n    "), err
}

// written reads a document with the order of its members; nil when there is none.
func written(doc json.RawMessage) any {
	if len(doc) == 0 {
		return nil
	}
	v, err := value.FromJSON(doc)
	if err != nil {
		return nil
	}
	return v
}

// within walks to a place in what written gave.
func within(v any, path []string) any {
	for _, step := range path {
		switch x := v.(type) {
		case *value.Dict:
			v, _ = x.GetStr(step)
		case *value.List:
			i, ok := index(step, len(x.Items))
			if !ok {
				return nil
			}
			v = x.Items[i]
		default:
			return nil
		}
	}
	return v
}

// arranged returns v with its members in the order in which they were written;
// those that were added since come last.
func arranged(v, written any) any {
	switch v := v.(type) {
	case map[string]any:
		out, old := value.NewDict(len(v)), (*value.Dict)(nil)
		if d, ok := written.(*value.Dict); ok {
			old = d
			for k := range d.All() {
				name, _ := value.AsString(k)
				if member, ok := v[name]; ok {
					was, _ := d.GetStr(name)
					out.SetStr(name, arranged(member, was))
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if old == nil || !old.Has(name) {
				out.SetStr(name, arranged(v[name], nil))
			}
		}
		return out
	case []any:
		old, _ := written.(*value.List)
		items := make([]any, len(v))
		for i, item := range v {
			var was any
			if old != nil && i < len(old.Items) {
				was = old.Items[i]
			}
			items[i] = arranged(item, was)
		}
		return value.NewList(items...)
	case json.Number:
		if n, err := value.FromJSON([]byte(v)); err == nil {
			return n
		}
		return v.String()
	default:
		return v
	}
}

// Explain adds to an error about a value what StackStorm shows beside it: which
// part of the schema, a JSON object, is violated. An error that the schema does
// not give stays as it is.
func Explain(err error, schema, given json.RawMessage) error {
	v, derr := decode(schema)
	source, ok := v.(map[string]any)
	instance, gerr := decode(given)
	if err == nil || derr != nil || gerr != nil || !ok {
		return err
	}
	props, _ := source["properties"].(map[string]any)
	for name, v := range props {
		if prop, ok := v.(map[string]any); ok {
			allowNull(name, prop, props)
		}
	}
	c, cerr := compile(source)
	if cerr != nil {
		return err
	}
	full := explained{checker: c, schema: schema, instance: given, secrets: maskOf(source, false)}.check(instance)
	if full == nil {
		return err
	}
	if first, _, _ := strings.Cut(squall.MessageOf(full), "\n\nFailed validating "); first != squall.MessageOf(err) {
		return err
	}
	return full
}
