package param

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"squall/internal/squall"
)

// outputForm is what results have to look like: the runner's schema for the
// whole, the action's for what lies under the runner's output key. It is
// compiled at the first check, for most installations never check.
type outputForm struct {
	runner, action json.RawMessage
	key            string

	once    sync.Once
	schemas []outputSchema
}

// outputSchema is one of the two, with the place of what it describes.
type outputSchema struct {
	key string // "": the whole result
	explained
}

// CheckResult holds a result against the output schemas of runner and action. An
// error of kind Invalid says what is wrong in st2's words. st2: the action's
// schema counts only beside one of the runner's, and a schema that is itself
// wrong, such as one in the old form without "type", does not count.
func (f *Form) CheckResult(result json.RawMessage) error {
	o := &f.output
	o.once.Do(o.compile)
	if len(o.schemas) == 0 {
		return nil
	}
	v, err := decode(result)
	if err != nil {
		return squall.Errorf(squall.Invalid, "The result is not valid JSON: %w", err)
	}
	for _, s := range o.schemas {
		part := v
		s.instance, s.secrets = result, f.result.within(f.outKey)
		if s.key != "" {
			s.instance, s.secrets = member(result, s.key), f.result
			object, _ := v.(map[string]any)
			var ok bool
			if part, ok = object[s.key]; !ok {
				return squall.Errorf(squall.Invalid, "%s", repr(s.key)) // st2: a KeyError
			}
		}
		if err := s.check(part); err != nil {
			return err
		}
		if at, ok := broken(s.source, part); ok {
			return squall.Errorf(squall.Invalid, "%s is not of type 'integer'", repr(at))
		}
	}
	return nil
}

// WrongResult is what the result of an execution becomes when CheckResult
// refuses the one it had.
func WrongResult(err error) json.RawMessage {
	doc, merr := json.Marshal(struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{squall.MessageOf(err), "Error validating output. See error output for more details."})
	if merr != nil {
		return json.RawMessage(`{}`) // two texts: cannot happen
	}
	return doc
}

func (o *outputForm) compile() {
	runner := usableSchema(o.runner)
	if runner == nil {
		return
	}
	whole, err := compile(runner)
	if err != nil {
		return // st2: cannot be used, so nothing is checked
	}
	o.schemas = []outputSchema{{explained: explained{checker: whole, schema: o.runner}}}
	if action := usableSchema(o.action); action != nil {
		if part, err := compile(action); err == nil {
			o.schemas = append(o.schemas, outputSchema{o.key, explained{checker: part, schema: o.action}})
		}
	}
}

// usableSchema decodes a schema, nil when there is none that counts.
func usableSchema(doc json.RawMessage) map[string]any {
	if len(doc) == 0 {
		return nil
	}
	v, err := decode(doc)
	schema, ok := v.(map[string]any)
	if err != nil || !ok || len(schema) == 0 || !wellFormed(schema) {
		return nil
	}
	return schema
}

// outputKeys are the keywords of an output schema: JSON schema of draft 4 and
// st2's additions.
var outputKeys = []string{
	"type", "title", "description", "default", "required", "immutable", "secret", "position", "enum", "format",
	"items", "additionalItems", "minItems", "maxItems", "uniqueItems",
	"properties", "patternProperties", "additionalProperties", "minProperties", "maxProperties", "dependencies",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"minLength", "maxLength", "pattern", "allOf", "anyOf", "oneOf", "not", "id", "$ref", "$schema", "definitions",
}

var schemaTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// wellFormed reports whether st2's metaschema takes a schema: known keywords,
// known types, and "required" a boolean of the property itself.
func wellFormed(schema map[string]any) bool {
	for k, v := range schema {
		switch k {
		case "type":
			if !knownType(v) {
				return false
			}
		case "required", "secret", "immutable", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum":
			if _, ok := v.(bool); !ok {
				return false
			}
		case "properties", "patternProperties", "definitions":
			props, ok := v.(map[string]any)
			if !ok {
				return false
			}
			for _, sub := range props {
				if s, ok := sub.(map[string]any); !ok || !wellFormed(s) {
					return false
				}
			}
		case "items", "additionalItems", "additionalProperties", "not":
			if s, ok := v.(map[string]any); ok && !wellFormed(s) {
				return false
			}
		default:
			if !slices.Contains(outputKeys, k) {
				return false
			}
		}
	}
	return true
}

func knownType(v any) bool {
	switch t := v.(type) {
	case string:
		return slices.Contains(schemaTypes, t)
	case []any:
		return len(t) > 0 && !slices.ContainsFunc(t, func(name any) bool {
			text, ok := name.(string)
			return !ok || !slices.Contains(schemaTypes, text)
		})
	}
	return false
}

// broken finds a whole number written as a fraction, 1.0, where an integer is
// asked for: to Python that is no integer.
func broken(schema map[string]any, v any) (any, bool) {
	switch x := v.(type) {
	case json.Number:
		if isType(schema, "integer") && !isType(schema, "number") && strings.ContainsAny(string(x), ".eE") {
			return floatOf(x), true
		}
	case map[string]any:
		for name, item := range x {
			if sub := propertyOf(schema, name); sub != nil {
				if at, ok := broken(sub, item); ok {
					return at, true
				}
			}
		}
	case []any:
		if sub, ok := schema["items"].(map[string]any); ok {
			for _, item := range x {
				if at, ok := broken(sub, item); ok {
					return at, true
				}
			}
		}
	}
	return nil, false
}

// floatOf is the number as Python writes it.
func floatOf(n json.Number) json.Number {
	f, _, err := big.ParseFloat(string(n), 10, 53, big.ToNearestEven)
	if err != nil {
		return n
	}
	x, _ := f.Float64()
	text := strconv.FormatFloat(x, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return json.Number(text)
}

// propertyOf is the schema of an object's member.
func propertyOf(schema map[string]any, name string) map[string]any {
	if props, ok := schema["properties"].(map[string]any); ok {
		if sub, ok := props[name].(map[string]any); ok {
			return sub
		}
	}
	if patterns, ok := schema["patternProperties"].(map[string]any); ok {
		for pattern, v := range patterns {
			sub, ok := v.(map[string]any)
			if re, err := pythonRegexp(pattern); ok && err == nil && re.MatchString(name) {
				return sub
			}
		}
	}
	sub, _ := schema["additionalProperties"].(map[string]any)
	return sub
}
