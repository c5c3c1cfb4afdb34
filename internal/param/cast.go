package param

import (
	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
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
