package workflow

import (
	"math/big"

	"squall/internal/expr/value"
)

// maxDepth bounds the nesting of values that are looked through.
const maxDepth = 200

// storable gives a value the form it has after being stored as JSON: keys are
// texts, tuples and sets are lists, dates are texts. A value that is not data
// (an undefined name, an iterator, bytes) is an error. A value that needs no
// change is returned as it is, not copied.
//
// The original keeps sets and dates until the host stores the workflow, which
// then fails.
func storable(v any) (any, error) {
	out, _, err := stored(v, 0)
	return out, err
}

func stored(v any, depth int) (out any, changed bool, err error) {
	if depth > maxDepth {
		return nil, false, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	switch x := v.(type) {
	case nil, bool, int64, float64, string:
		return v, false, nil
	case value.Tuple:
		items, _, err := storedItems(x, depth)
		return &value.List{Items: items}, true, err
	case *value.List:
		items, changed, err := storedItems(x.Items, depth)
		if !changed || err != nil {
			return v, false, err
		}
		return &value.List{Items: items}, true, nil
	case *value.Dict:
		return storedDict(x, depth)
	case value.Markup:
		return string(x), true, nil
	case *value.DictView:
		items, err := value.Collect(nil, x)
		if err != nil {
			return nil, false, err
		}
		items, _, err = storedItems(items, depth)
		return &value.List{Items: items}, true, err
	case *value.Set:
		items, _, err := storedItems(x.Items(), depth)
		return &value.List{Items: items}, true, err
	case value.DateTime, value.Date, value.TimeSpan:
		text, err := value.Str(nil, v)
		return text, true, err
	case *big.Int:
		return v, false, nil
	}
	return nil, false, value.TypeErrorf("cannot pickle '%s' object", value.TypeName(v))
}

func storedItems(items []any, depth int) (out []any, changed bool, err error) {
	out = items
	for i, item := range items {
		n, ch, err := stored(item, depth+1)
		if err != nil {
			return nil, false, err
		}
		if ch && !changed {
			out = append([]any(nil), items...)
			changed = true
		}
		if ch {
			out[i] = n
		}
	}
	return out, changed, nil
}

func storedDict(d *value.Dict, depth int) (any, bool, error) {
	var out *value.Dict
	done := 0
	for k, v := range d.All() {
		key, isText := k.(string)
		if !isText {
			var err error
			if key, err = keyText(k); err != nil {
				return nil, false, err
			}
		}
		n, changed, err := stored(v, depth+1)
		if err != nil {
			return nil, false, err
		}
		if out == nil && (changed || !isText) {
			out = firstOf(d, done)
		}
		if out != nil {
			out.SetStr(key, n)
		}
		done++
	}
	if out == nil {
		return d, false, nil
	}
	return out, true, nil
}

// firstOf copies the first n entries of a dict.
func firstOf(d *value.Dict, n int) *value.Dict {
	out := value.NewDict(d.Len())
	for k, v := range d.All() {
		if n--; n < 0 {
			break
		}
		out.Set(k, v)
	}
	return out
}

func keyText(k any) (string, error) {
	if k == nil {
		return "null", nil
	}
	return value.Str(nil, k)
}
