package param

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"squall/internal/squall"
)

// Masked stands in place of every secret value (st2: MASKED_ATTRIBUTE_VALUE).
const Masked = "********"

// mask is the part of a schema that says what is secret.
type mask struct {
	whole      bool
	properties map[string]*mask // nil where a member has a name and no secret
	patterns   []patternMask
	rest       *mask // of members without a name and without a pattern
	items      *mask
}

// patternMask is for the members whose names match.
type patternMask struct {
	re   interface{ MatchString(string) bool }
	mask *mask
}

// member returns what is secret in a member of an object.
func (m *mask) member(name string) *mask {
	if found, ok := m.properties[name]; ok {
		return found
	}
	for _, p := range m.patterns {
		if p.re.MatchString(name) {
			return p.mask
		}
	}
	return m.rest
}

// ofObject reports whether there can be secrets in members of an object.
func (m *mask) ofObject() bool { return len(m.properties) > 0 || len(m.patterns) > 0 || m.rest != nil }

// Mask is Of(rt, a).Mask(given).
func Mask(rt *squall.RunnerType, a *squall.Action, given json.RawMessage) json.RawMessage {
	return Of(rt, a).Mask(given)
}

// Mask returns the parameters with the values of secret ones replaced, at any
// depth, in the order given. What is not as the schema says stays as it is.
func (f *Form) Mask(given json.RawMessage) json.RawMessage {
	return f.secrets.apply(given)
}

// MaskResult returns a result with the values replaced that the action's
// output schema calls secret. The schema describes what lies under the
// runner's output key (st2); without one it describes the whole result.
func (f *Form) MaskResult(result json.RawMessage) json.RawMessage {
	return f.result.within(f.outKey).apply(result)
}

// SealResult returns a result with the values that MaskResult hides replaced by
// what seal makes of their JSON. What is no JSON stays as it is.
func (f *Form) SealResult(result json.RawMessage, seal func(plain string) string) json.RawMessage {
	return f.result.within(f.outKey).seal(result, seal)
}

// SecretResult reports whether anything in a result can be secret.
func (f *Form) SecretResult() bool { return f.result != nil }

// Secret reports whether any parameter is secret, wholly or in part.
func (f *Form) Secret() bool { return f.secrets != nil }

// maskOf returns what of a schema's values is secret, nil for nothing.
func maskOf(schema map[string]any, secret bool) *mask {
	if s, _ := schema["secret"].(bool); s || secret {
		return &mask{whole: true}
	}
	m := &mask{properties: masksOf(schema["properties"])}
	if items, ok := schema["items"].(map[string]any); ok {
		m.items = maskOf(items, false)
	}
	m.unnamed(schema)
	if !m.ofObject() && m.items == nil {
		return nil
	}
	return m
}

// unnamed adds what is secret in members that the schema does not name. A
// pattern that cannot be compiled, which the check of the schema tells of,
// stands for every name here: too much is masked then, not too little.
func (m *mask) unnamed(schema map[string]any) {
	patterns, _ := schema["patternProperties"].(map[string]any)
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		sub, _ := patterns[pattern].(map[string]any)
		below := maskOf(sub, false)
		if below == nil {
			continue
		}
		p := patternMask{mask: below, re: everything{}}
		if re, err := pythonRegexp(pattern); err == nil {
			p.re = re
		}
		m.patterns = append(m.patterns, p)
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		m.rest = maskOf(more, false)
	}
	if len(m.patterns) == 0 && m.rest == nil {
		return
	}
	named, _ := schema["properties"].(map[string]any)
	for name := range named {
		if _, ok := m.properties[name]; !ok {
			m.properties[name] = nil
		}
	}
}

// everything matches every name.
type everything struct{}

// MatchString is true.
func (everything) MatchString(string) bool { return true }

func masksOf(properties any) map[string]*mask {
	props, _ := properties.(map[string]any)
	masks := map[string]*mask{}
	for name, v := range props {
		if schema, ok := v.(map[string]any); ok {
			if m := maskOf(schema, false); m != nil {
				masks[name] = m
			}
		}
	}
	return masks
}

// resultMask reads an output schema. Its old form is just the map of
// properties (st2 masks with both).
func resultMask(output json.RawMessage) *mask {
	if len(output) == 0 {
		return nil
	}
	v, err := decode(output)
	schema, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	if m := maskOf(schema, false); m != nil {
		return m
	}
	if masks := masksOf(schema); len(masks) > 0 {
		return &mask{properties: masks}
	}
	return nil
}

// apply masks doc.
func (m *mask) apply(doc json.RawMessage) json.RawMessage {
	out, err := m.rewrite(doc, func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`"` + Masked + `"`), nil })
	if err != nil {
		return doc // it is no JSON
	}
	return out
}

// rewrite replaces what is secret in doc by what leaf makes of it. It keeps the
// order of keys, for people compare what they see with what they wrote.
func (m *mask) rewrite(doc json.RawMessage, leaf func(json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	if m == nil || len(doc) == 0 {
		return doc, nil
	}
	if m.whole {
		return leaf(doc)
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	start, err := d.Token()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	element := func(m *mask) error {
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return err
		}
		v, err := m.rewrite(v, leaf)
		out.Write(v)
		return err
	}
	comma := func(first bool) {
		if !first {
			out.WriteByte(',')
		}
	}
	switch {
	case start == json.Delim('{') && m.ofObject():
		out.WriteByte('{')
		for first := true; d.More(); first = false {
			comma(first)
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, err := json.Marshal(name)
			if err != nil {
				return nil, err
			}
			out.Write(append(key, ':'))
			if err := element(m.member(name.(string))); err != nil {
				return nil, err
			}
		}
		out.WriteByte('}')
	case start == json.Delim('[') && m.items != nil:
		out.WriteByte('[')
		for first := true; d.More(); first = false {
			comma(first)
			if err := element(m.items); err != nil {
				return nil, err
			}
		}
		out.WriteByte(']')
	default:
		return doc, nil
	}
	return out.Bytes(), nil
}

// within is the mask of the object that has, under a key, what m masks; m itself
// without a key.
func (m *mask) within(key string) *mask {
	if m == nil || key == "" {
		return m
	}
	return &mask{properties: map[string]*mask{key: m}}
}

// member is a member of a JSON object, nil when there is none.
func member(doc json.RawMessage, key string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(doc, &object) != nil {
		return nil
	}
	return object[key]
}
