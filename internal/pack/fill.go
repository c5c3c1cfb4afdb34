package pack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"squall/internal/param"
	"squall/internal/squall"
)

// fill checks values against a schema and adds its defaults. The error is of
// kind Invalid, in StackStorm's wording.
func fill(schema squall.Schema, given json.RawMessage) (json.RawMessage, error) {
	if given == nil {
		given = json.RawMessage("{}")
	}
	form := param.Compile(&squall.RunnerType{Parameters: schema}, &squall.Action{})
	if _, err := form.Validate(given); err != nil {
		return nil, err
	}
	values, _, err := form.Final(given)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(values, func(_ string, v any) bool { return v == nil })
	doc, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encode parameters: %w", err)
	}
	return doc, nil
}

// schemaOf reads the properties of a JSON schema as parameters; nil when it has
// none. The names are sorted: where they stand is for people only.
func schemaOf(doc json.RawMessage) squall.Schema {
	var object struct {
		Properties map[string]map[string]json.RawMessage
		Required   json.RawMessage
	}
	if json.Unmarshal(doc, &object) != nil {
		return nil
	}
	var required []string
	_ = json.Unmarshal(object.Required, &required) // draft 3 has true and false there
	var schema squall.Schema
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		keywords := object.Properties[name]
		p := squall.Parameter{
			Name: name, Type: keywords["type"], Default: keywords["default"],
			Required: string(keywords["required"]) == "true" || slices.Contains(required, name),
		}
		for _, k := range []string{"type", "default", "required", "description"} {
			delete(keywords, k)
		}
		if len(keywords) > 0 {
			p.Rest, _ = json.Marshal(keywords) // came out of JSON
		}
		schema = append(schema, p)
	}
	return schema
}
