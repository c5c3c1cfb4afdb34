package param

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// allowNull puts prop under name into properties, changed as StackStorm does
// before it validates: what is optional, or has a default of null, also takes
// null; a parameter without type is a string. Objects and arrays of objects
// are treated the same inside.
func allowNull(name string, prop, properties map[string]any) {
	properties[name] = prop
	required, _ := prop["required"].(bool)
	fallback, has := prop["default"]
	if (has || !required) && fallback == nil {
		null := map[string]any{"type": "null"}
		if list, ok := prop["anyOf"].([]any); ok {
			prop["anyOf"] = append(slices.Clone(list), null)
		} else if list, ok := prop["oneOf"].([]any); ok {
			prop["oneOf"] = append(slices.Clone(list), null)
		} else {
			switch t := prop["type"].(type) {
			case nil:
				prop["type"] = []any{"string", "null"}
			case string:
				if t != "null" {
					prop["type"] = []any{t, "null"}
				}
			case []any:
				if !slices.Contains(t, "null") {
					prop["type"] = append(slices.Clone(t), "null")
				}
			}
		}
	}
	for _, inner := range objectSchemas(prop) {
		props := inner["properties"].(map[string]any)
		for k, v := range props {
			if p, ok := v.(map[string]any); ok {
				allowNull(k, p, props)
			}
		}
	}
}

// objectSchemas returns the object schemas directly inside prop whose
// properties have rules of their own: prop itself, or the items of an array.
func objectSchemas(prop map[string]any) []map[string]any {
	var found []map[string]any
	if isType(prop, "object") {
		if props, _ := prop["properties"].(map[string]any); len(props) > 0 {
			found = append(found, prop)
		}
	}
	if items, _ := prop["items"].(map[string]any); items != nil && isType(prop, "array") {
		if props, _ := items["properties"].(map[string]any); len(props) > 0 {
			found = append(found, items)
		}
	}
	return found
}

func isType(prop map[string]any, name string) bool {
	switch t := prop["type"].(type) {
	case string:
		return t == name
	case []any:
		return slices.Contains(t, any(name))
	}
	return false
}

// compile compiles a JSON schema of draft 4 in StackStorm's dialect: required
// is a boolean of the property, formats are not checked, nothing is loaded
// from elsewhere.
func compile(schema map[string]any) (*checker, error) {
	const at = "schema:parameters"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(pythonRegexp)
	if err := c.AddResource(at, draft4(schema)); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return nil, err
	}
	return &checker{compiled, schema}, nil
}

// checker is a compiled schema with what it was compiled from.
type checker struct {
	compiled *jsonschema.Schema
	source   map[string]any
}

// check holds a value against the schema. Error kind: Invalid, in st2's words.
func (c *checker) check(v any) error {
	if err := c.compiled.Validate(v); err != nil {
		return invalid(err, v, c.source)
	}
	return nil
}

// draft4 returns a copy of a schema in which properties' own "required" has
// become the list that draft 4 wants, and "format" is gone.
func draft4(schema map[string]any) map[string]any {
	out := maps.Clone(schema)
	delete(out, "format")
	if _, ok := out["required"].(bool); ok {
		delete(out, "required")
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if list, ok := out[key].([]any); ok {
			out[key] = draft4List(list)
		}
	}
	for _, key := range []string{"not", "additionalProperties", "additionalItems"} {
		if sub, ok := out[key].(map[string]any); ok {
			out[key] = draft4(sub)
		}
	}
	switch items := out["items"].(type) {
	case map[string]any:
		out["items"] = draft4(items)
	case []any:
		out["items"] = draft4List(items)
	}
	for _, key := range []string{"properties", "patternProperties"} {
		props, ok := out[key].(map[string]any)
		if !ok {
			continue
		}
		required, _ := out["required"].([]any)
		props = maps.Clone(props)
		for _, name := range slices.Sorted(maps.Keys(props)) {
			sub, ok := props[name].(map[string]any)
			if !ok {
				continue
			}
			if must, _ := sub["required"].(bool); must && key == "properties" {
				required = append(slices.Clone(required), name)
			}
			props[name] = draft4(sub)
		}
		out[key] = props
		if len(required) > 0 {
			out["required"] = required
		}
	}
	return out
}

func draft4List(list []any) []any {
	out := slices.Clone(list)
	for i, v := range out {
		if sub, ok := v.(map[string]any); ok {
			out[i] = draft4(sub)
		}
	}
	return out
}

// noLoader refuses references out of the schema: metadata must not make the
// server read files or the network.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a reference to another document is not supported: " + url)
}

// pythonRegexp compiles a pattern as Go understands it or, for Python's look-around
// and back references, with a backtracking engine under a time limit.
func pythonRegexp(pattern string) (jsonschema.Regexp, error) {
	if re, err := regexp.Compile(pattern); err == nil {
		return re, nil
	}
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = 100 * time.Millisecond
	return backtracking{re}, nil
}

type backtracking struct{ *regexp2.Regexp }

func (b backtracking) MatchString(s string) bool {
	ok, err := b.Regexp.MatchString(s)
	return ok && err == nil
}
