package param

import (
	"encoding/json"

	"squall/internal/squall"
)

// Document checks JSON values against a schema in StackStorm's dialect: what an
// event carries, what a rule gives a trigger. The nil Document takes everything.
type Document struct{ checker *checker }

// CompileDocument prepares a schema, a JSON object; nil or empty: everything is right.
func CompileDocument(schema json.RawMessage) (*Document, error) {
	if len(schema) == 0 {
		return nil, nil
	}
	v, err := decode(schema)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "The schema is not valid JSON: %w", err)
	}
	members, _ := v.(map[string]any)
	if len(members) == 0 {
		return nil, nil
	}
	c, err := compile(members)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "The schema cannot be used: %w", err)
	}
	return &Document{c}, nil
}

// Validate holds a JSON value against the schema; nil stands for an empty
// object. Error kind: Invalid, in st2's words.
func (d *Document) Validate(doc json.RawMessage) error {
	if d == nil {
		return nil
	}
	if len(doc) == 0 {
		doc = json.RawMessage("{}")
	}
	v, err := decode(doc)
	if err != nil {
		return squall.Errorf(squall.Invalid, "The value is not valid JSON: %w", err)
	}
	return d.checker.check(v)
}
