package alias

import (
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// ReadFormat reads a format as packs write it: a text, or an object with display,
// representation (a list, or one text) and match_multiple.
func ReadFormat(v any) (squall.AliasFormat, error) {
	if text, ok := value.AsString(v); ok {
		return squall.AliasFormat{Display: text, Representation: []string{text}, Plain: true}, nil
	}
	d, ok := v.(*value.Dict)
	if !ok {
		shown, err := value.Str(nil, v)
		if err != nil {
			shown = value.TypeName(v)
		}
		return squall.AliasFormat{}, value.TypeErrorf("alias_format '%s' is neither a dictionary or string type.", shown)
	}
	var f squall.AliasFormat
	display, _ := d.GetStr("display")
	f.Display, _ = value.AsString(display)
	multiple, _ := d.GetStr("match_multiple")
	var err error
	if f.MatchMultiple, err = value.Truth(multiple); err != nil {
		return f, err
	}
	given, _ := d.GetStr("representation")
	switch r := given.(type) {
	case nil:
	case *value.List:
		for _, item := range r.Items {
			text, ok := value.AsString(item)
			if !ok {
				return f, value.TypeErrorf("representation of an alias must be text, not %s", value.TypeName(item))
			}
			f.Representation = append(f.Representation, text)
		}
	default:
		text, ok := value.AsString(given)
		if !ok {
			return f, value.TypeErrorf("representation of an alias must be text or a list, not %s", value.TypeName(given))
		}
		if text != "" {
			f.Representation = []string{text}
		}
	}
	return f, nil
}
