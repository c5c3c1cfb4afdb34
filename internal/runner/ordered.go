package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
)

// Values as Python orders, writes and judges them, which is what scripts and
// servers made for the original expect. A value is nil, bool, string,
// json.Number, float64, []any, map[string]any or Object.

// Object is a JSON object whose keys kept their order.
type Object []Member

// Member is one entry of an Object.
type Member struct {
	Name  string
	Value any
}

// decodeOrdered decodes a JSON document, its objects as Object. Of equal keys
// the last value counts, at the first one's place, as in a Python dict.
func decodeOrdered(doc json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, err := orderedValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func orderedValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		o := Object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			o = o.with(key.(string), v)
		}
		_, err := d.Token()
		return o, err
	}
	return token, nil
}

func (o Object) with(name string, value any) Object {
	for i := range o {
		if o[i].Name == name {
			o[i].Value = value
			return o
		}
	}
	return append(o, Member{name, value})
}

// members returns the values of a JSON object by name, and the names in order.
// Anything else has none.
func members(doc json.RawMessage) (map[string]json.RawMessage, []string) {
	var values map[string]json.RawMessage
	if len(doc) == 0 || json.Unmarshal(doc, &values) != nil {
		return nil, nil
	}
	v, err := decodeOrdered(doc)
	o, ok := v.(Object)
	if err != nil || !ok {
		return values, slices.Sorted(maps.Keys(values))
	}
	names := make([]string, len(o))
	for i, m := range o {
		names[i] = m.Name
	}
	return values, names
}

// Given returns the names of the parameters the caller gave, in his order.
func (j *Job) Given() []string {
	if j.Execution == nil {
		return nil
	}
	_, names := members(j.Execution.Parameters)
	return names
}

// Ordered returns a parameter with the keys of its objects in the order of
// the source it came from, as Object. Decoded values have lost it, so the
// caller's value or the declared default stands in if it decodes to the same;
// a value that matches neither (it was rendered) has sorted keys.
func (j *Job) Ordered(name string) any {
	value, ok := j.ActionParams[name]
	if !ok {
		value = j.RunnerParams[name]
	}
	switch value.(type) {
	case map[string]any, []any:
	default:
		return value
	}
	var sources []json.RawMessage
	if j.Execution != nil {
		given, _ := members(j.Execution.Parameters)
		sources = append(sources, given[name])
	}
	if p, ok := j.Action.Parameters.Get(name); ok {
		sources = append(sources, p.Default)
	}
	for _, source := range sources {
		var decoded any
		d := json.NewDecoder(bytes.NewReader(source))
		d.UseNumber()
		if d.Decode(&decoded) == nil && reflect.DeepEqual(decoded, value) {
			if v, err := decodeOrdered(source); err == nil {
				return v
			}
		}
	}
	return value
}
