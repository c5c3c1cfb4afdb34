package param

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"squall/internal/squall"
)

// Validate is Of(rt, a).Validate(given).
func Validate(rt *squall.RunnerType, a *squall.Action, given json.RawMessage) (json.RawMessage, error) {
	return Of(rt, a).Validate(given)
}

// Validate checks the parameters of a request and returns what is to be
// stored: the object given, an empty one for nothing. Defaults are checked
// with the values, as in StackStorm, but not added. All errors are of kind
// Invalid.
//
// st2: an action without any parameter on a runner without any takes everything.
func (f *Form) Validate(given json.RawMessage) (json.RawMessage, error) {
	params, err := object(given)
	if err != nil {
		return nil, err
	}
	return f.accept(params, given)
}

// accept is Validate with the object decoded already.
func (f *Form) accept(params map[string]any, given json.RawMessage) (json.RawMessage, error) {
	if err := f.check(params); err != nil {
		return nil, f.secrets.hush(err, given)
	}
	if len(params) == 0 {
		return json.RawMessage("{}"), nil
	}
	return given, nil
}

// check holds the parameters, with the defaults that they leave to be filled
// in, against the schema.
func (f *Form) check(params map[string]any) error {
	if f.fault != nil {
		return f.fault
	}
	if f.schema != nil {
		if err := f.schema.check(f.complete(params)); err != nil {
			return err
		}
	}
	var overridden []any
	for _, name := range f.names {
		if _, ok := params[name]; ok && f.fixed[name] {
			overridden = append(overridden, name)
		}
	}
	if len(overridden) > 0 {
		return squall.Errorf(squall.Invalid, "Override of immutable parameter(s) %s is unsupported.", repr(overridden))
	}
	return nil
}

// complete returns params with the defaults for what is absent or null.
func (f *Form) complete(params map[string]any) map[string]any {
	full := make(map[string]any, len(params)+len(f.defaults))
	maps.Copy(full, params)
	for name, d := range f.defaults {
		if full[name] == nil && !HasTemplate(d) {
			full[name] = d
		}
	}
	for name, prop := range f.nested {
		if v, ok := full[name]; ok {
			full[name] = fill(prop, v)
		}
	}
	return full
}

// hasNested reports whether defaults inside prop may have to be filled in.
func hasNested(prop map[string]any) bool { return len(objectSchemas(prop)) > 0 }

// fill returns v with the defaults of the object schemas inside prop.
func fill(prop map[string]any, v any) any {
	for _, inner := range objectSchemas(prop) {
		props := inner["properties"].(map[string]any)
		switch v := v.(type) {
		case map[string]any:
			return fillObject(props, v)
		case []any:
			out := slices.Clone(v)
			for i, item := range out {
				if obj, ok := item.(map[string]any); ok {
					out[i] = fillObject(props, obj)
				}
			}
			return out
		}
	}
	return v
}

func fillObject(props, obj map[string]any) map[string]any {
	out := maps.Clone(obj)
	for name, v := range props {
		prop, ok := v.(map[string]any)
		if !ok {
			continue
		}
		if d := prop["default"]; d != nil && out[name] == nil {
			out[name] = d
		}
		if inner, ok := out[name]; ok && hasNested(prop) {
			out[name] = fill(prop, inner)
		}
	}
	return out
}

// object decodes the parameters of a request. Nothing and null are no
// parameters (st2: parameters may be left out).
func object(given json.RawMessage) (map[string]any, error) {
	if len(given) == 0 || string(given) == "{}" {
		return nil, nil
	}
	v, err := decode(given)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "The parameters are not valid JSON: %w", err)
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	default:
		return nil, squall.Errorf(squall.Invalid, "%s is not of type 'object'", repr(v))
	}
}

// HasTemplate reports whether v is, or holds, a text that may have an
// expression in it.
func HasTemplate(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "{{") || strings.Contains(v, "{%")
	case []any:
		return slices.ContainsFunc(v, HasTemplate)
	case map[string]any:
		for k, item := range v {
			if HasTemplate(k) || HasTemplate(item) {
				return true
			}
		}
	}
	return false
}
