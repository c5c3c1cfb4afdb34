package value

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"
)

// FromGo makes a value of Go data: maps become dicts with sorted keys, slices
// lists, json.Number ints or floats. Values of this package stay as they are,
// containers of it without looking inside.
func FromGo(v any) any {
	switch x := v.(type) {
	case nil, bool, string, int64, float64, *List, *Dict, Tuple, *Set, Bytes, Markup, DateTime, Date, TimeSpan:
		return x
	case int:
		return int64(x)
	case int32:
		return int64(x)
	case uint32:
		return int64(x)
	case uint64:
		return IntOf(x)
	case uint:
		return IntOf(uint64(x))
	case float32:
		return float64(x)
	case *big.Int:
		return NormInt(x)
	case json.Number:
		return numberOf(string(x))
	case json.RawMessage:
		if out, err := FromJSON(x); err == nil {
			return out
		}
		return string(x)
	case []any:
		items := make([]any, len(x))
		for i, e := range x {
			items[i] = FromGo(e)
		}
		return &List{Items: items}
	case []string:
		items := make([]any, len(x))
		for i, e := range x {
			items[i] = e
		}
		return &List{Items: items}
	case []byte:
		return Bytes(x)
	case map[string]any:
		d := NewDict(len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			d.SetStr(k, FromGo(x[k]))
		}
		return d
	case map[string]string:
		d := NewDict(len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			d.SetStr(k, x[k])
		}
		return d
	case time.Time:
		return NewDateTime(x)
	case time.Duration:
		return TimeSpan(x.Microseconds())
	case Object, Iterator:
		return x
	}
	return fmt.Sprint(v)
}

// ToGo is the opposite of FromGo: lists, tuples and sets become []any, dicts
// map[string]any with keys as their str(), ints int64 or *big.Int. It fails on
// iterators, objects and data nested too deeply.
func ToGo(v any) (any, error) { return toGo(v, 0) }

func toGo(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, RecursionErrorf("maximum recursion depth exceeded")
	}
	each := func(items []any) (any, error) {
		out := make([]any, len(items))
		for i, e := range items {
			var err error
			if out[i], err = toGo(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch x := v.(type) {
	case nil, bool, string, int64, float64, *big.Int:
		return x, nil
	case Markup:
		return string(x), nil
	case *List:
		return each(x.Items)
	case Tuple:
		return each(x)
	case *Set:
		return each(x.Items())
	case *Dict:
		out := make(map[string]any, x.Len())
		for k, e := range x.All() {
			name, err := Str(nil, k)
			if err != nil {
				return nil, err
			}
			if out[name], err = toGo(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case Bytes:
		return []byte(x), nil
	case DateTime:
		return x.Time, nil
	case Date, TimeSpan:
		return Str(nil, x)
	}
	return nil, TypeErrorf("a value of type %s has no Go form", TypeName(v))
}
