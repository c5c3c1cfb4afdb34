package param

import (
	"encoding/json"

	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Cast turns a rendered parameter into its schema's type as StackStorm does:
// null stays null, the magic text of use_none becomes null, texts become
// numbers, booleans, arrays and objects by Python's rules. A cast to array or
// object does not check that one came out. An empty or unknown type leaves the
// value as it is. Errors are *value.Error of Python's classes.
func Cast(b *value.Budget, v any, typeName string) (any, error) {
	if v == nil {
		return nil, nil
	}
	plain := v
	if v == any(stfn.NoneMagic) {
		plain = nil
	}
	switch typeName {
	case "string":
		if !value.IsString(v) {
			text, err := value.Str(b, v)
			if err != nil {
				return nil, err
			}
			return nil, value.ValueErrorf("Value \"%s\" must either be a string or None. Got \"%s\".", text, value.TypeName(v))
		}
		return plain, nil
	case "integer":
		return value.ToInt(b, plain)
	case "number":
		f, err := value.ToFloat(plain)
		if err != nil {
			return nil, err
		}
		return f, nil
	case "boolean":
		if s, ok := value.AsString(plain); ok {
			return value.Literal(b, value.Capitalize(s))
		}
		return plain, nil
	case "array", "object":
		s, ok := value.AsString(plain)
		if !ok {
			return plain, nil
		}
		if decoded, err := stfn.LoadJSON(b, s); err == nil {
			return decoded, nil
		}
		return value.Literal(b, s)
	}
	return v, nil
}

// castBySchema casts by the "type" of a schema entry.
func castBySchema(b *value.Budget, v any, entry *value.Dict) (any, error) {
	if entry == nil {
		return v, nil
	}
	t, _ := entry.GetStr("type")
	name, _ := t.(string)
	return Cast(b, v, name)
}

// Cast turns the values of a request into the types of their parameters, one by
// one, and renders nothing: what StackStorm's ActionChains do with the
// parameters of their tasks. Error kind: Invalid.
func (f *Form) Cast(given json.RawMessage) (json.RawMessage, error) {
	if params, err := object(given); err != nil || len(params) == 0 {
		return given, err
	}
	d, err := dict(given)
	if err != nil {
		return nil, err
	}
	out := value.NewDict(d.Len())
	for k, v := range d.All() {
		name, _ := k.(string)
		cast, err := Cast(nil, v, f.types[name])
		if err != nil {
			shown, _ := value.Str(nil, v)
			return nil, f.secrets.hush(squall.Errorf(squall.Invalid, "Failed to cast value \"%s\" (type: %s) for parameter \"%s\" of type \"%s\": %s. Perhaps the value is of an invalid type?",
				shown, value.TypeName(v), name, f.types[name], messageOf(err)), given)
		}
		out.Set(k, cast)
	}
	return value.ToJSON(out)
}
