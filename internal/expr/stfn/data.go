package stfn

import (
	"math"
	"slices"
	"strings"

	"squall/internal/expr/jsonpath"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// NoneMagic is the text that casts turn into null: null survives rendering to
// text this way.
const NoneMagic = "%*****__%NONE%__*****%"

// UseNone gives NoneMagic for null and every other value as it is.
func UseNone(v any) any {
	if v == nil {
		return NoneMagic
	}
	return v
}

// FromYAMLString is yaml.safe_load of the value's text.
func FromYAMLString(b *value.Budget, v any) (any, error) {
	s, err := value.Str(b, v)
	if err != nil {
		return nil, err
	}
	return pyyaml.SafeLoad(b, s)
}

// ToYAMLString is yaml.safe_dump in block style.
func ToYAMLString(b *value.Budget, v, indent, allowUnicode any) (any, error) {
	opts := pyyaml.DumpOptions{}
	if allowUnicode != nil {
		on, err := value.Truth(allowUnicode)
		if err != nil {
			return nil, err
		}
		opts.AllowUnicode = on
	}
	if indent != nil {
		n, err := value.AsIndex(indent)
		if err != nil {
			return nil, err
		}
		opts.Indent = int(max(min(n, 1<<20), -1))
	}
	text, err := pyyaml.SafeDump(b, v, opts)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// JSONPathQuery lists what a JSONPath finds in the value; null when nothing.
func JSONPathQuery(b *value.Budget, v, query any, frozen bool) (any, error) {
	q, ok := value.AsString(query)
	if !ok {
		return nil, value.TypeErrorf("expected string or bytes-like object, got '%s'", value.TypeName(query))
	}
	p, err := jsonpath.Parse(q)
	if err != nil {
		return nil, err
	}
	find := p.Find
	if frozen {
		find = p.FindFrozen
	}
	found, err := find(b, v)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return value.NewList(found...), nil
}

// JSON is Orquesta's json(): a dict passes, a text is decoded.
func JSON(b *value.Budget, v any) (any, error) {
	if d, ok := v.(*value.Dict); ok {
		return d, nil
	}
	s, ok := value.AsString(v)
	if !ok {
		return nil, value.TypeErrorf("Given object is not typeof string.")
	}
	return value.LoadJSON(b, s)
}

// FromJSONString decodes the value's text.
func FromJSONString(b *value.Budget, v any) (any, error) {
	s, err := value.Str(b, v)
	if err != nil {
		return nil, err
	}
	return LoadJSON(b, s)
}

// LoadJSON decodes JSON as StackStorm's own decoder (orjson) does: other than
// Python's json module it refuses NaN and Infinity.
func LoadJSON(b *value.Budget, s string) (any, error) {
	v, err := value.LoadJSON(b, s)
	if err != nil {
		return nil, err
	}
	if strings.Contains(s, "NaN") || strings.Contains(s, "Infinity") {
		if holdsNonFinite(v, 0) {
			return nil, value.Errorf("JSONDecodeError", "unexpected character: line 1 column 1 (char 0)")
		}
	}
	return v, nil
}

func holdsNonFinite(v any, depth int) bool {
	if depth > 1000 {
		return false
	}
	switch x := v.(type) {
	case float64:
		return math.IsNaN(x) || math.IsInf(x, 0)
	case *value.List:
		return slices.ContainsFunc(x.Items, func(item any) bool { return holdsNonFinite(item, depth+1) })
	case *value.Dict:
		for _, item := range x.All() {
			if holdsNonFinite(item, depth+1) {
				return true
			}
		}
	}
	return false
}

// JSONEscape is the value as JSON without the quotes around it.
func JSONEscape(b *value.Budget, v any) (any, error) {
	s, err := value.DumpJSON(b, v, value.JSONOptions{})
	if err != nil {
		return nil, err
	}
	return strings.Trim(s, `"`), nil
}

// JSONValuer is an object that stands for a plain value, when known is true: an
// entry of the datastore.
type JSONValuer interface {
	JSONValue() (v any, known bool)
}

// ToComplex is the value as JSON with Python's default separators. An entry of
// the datastore counts as its text; StackStorm cannot encode it, so that there a
// rule's pattern that names one never matches.
func ToComplex(b *value.Budget, v any) (any, error) {
	s, err := value.DumpJSON(b, v, value.JSONOptions{Default: plainValue})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Zip is Orquesta's zip(): the sequences side by side, the shorter ones
// filled with pad. One argument is given back as it is; null counts as empty.
func Zip(b *value.Budget, args []any, pad any) (any, error) {
	for i, a := range args {
		if a == nil {
			args[i] = value.NewList()
		}
	}
	switch len(args) {
	case 0:
		return value.NewList(), nil
	case 1:
		return args[0], nil
	}
	iters := make([]value.Iterator, len(args))
	for i, a := range args {
		it, err := value.Iter(a)
		if err != nil {
			return nil, err
		}
		iters[i] = it
	}
	out := value.NewList()
	open := len(iters)
	for {
		if err := b.Alloc(int64(len(iters)+1) * 16); err != nil {
			return nil, err
		}
		row := make(value.Tuple, len(iters))
		for i, it := range iters {
			row[i] = pad
			if it == nil {
				continue
			}
			v, ok, err := it.Next()
			if err != nil {
				return nil, err
			}
			if ok {
				row[i] = v
				continue
			}
			iters[i] = nil
			if open--; open == 0 {
				return out, nil
			}
		}
		out.Items = append(out.Items, row)
	}
}

// ToJSONString is json.dumps with StackStorm's separators ("," and ": ").
// indent is a width or the text of one level; null arguments mean Python's
// own defaults.
func ToJSONString(b *value.Budget, v, indent, sortKeys, separators any) (any, error) {
	var o value.JSONOptions
	if err := jsonOptions(&o, indent, sortKeys, separators); err != nil {
		return nil, err
	}
	s, err := value.DumpJSON(b, v, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func jsonOptions(o *value.JSONOptions, indent, sortKeys, separators any) error {
	if err := o.IndentOf(indent); err != nil {
		return err
	}
	sorted, err := value.Truth(sortKeys)
	if err != nil {
		return err
	}
	o.SortKeys = sorted
	if separators == nil {
		return nil
	}
	pair, err := value.Elements(nil, separators)
	if err != nil {
		return err
	}
	if len(pair) != 2 {
		return value.ValueErrorf("separators must be a pair, got %d elements", len(pair))
	}
	for i, to := range []*string{&o.ItemSep, &o.KeySep} {
		text, ok := value.AsString(pair[i])
		if !ok {
			return value.TypeErrorf("make_encoder() argument must be str, not %s", value.TypeName(pair[i]))
		}
		*to = text
	}
	return nil
}

// plainValue is what an object stands for in JSON.
func plainValue(v any) (any, error) {
	if o, ok := v.(JSONValuer); ok {
		if plain, known := o.JSONValue(); known {
			return plain, nil
		}
	}
	_, err := value.DumpJSON(nil, v, value.JSONOptions{})
	return nil, err
}
