package value

import (
	"math"
	"math/big"
	"strings"
)

// SliceKey is the slice object a[start:stop:step] indexes with.
type SliceKey struct{ Start, Stop, Step any }

// TypeName implements Object.
func (*SliceKey) TypeName() string { return "slice" }

// ReprText implements Reprer.
func (k *SliceKey) ReprText() (string, error) {
	s, err := Repr(nil, Tuple{k.Start, k.Stop, k.Step})
	return "slice" + s, err
}

// GetItem returns obj[key]. A missing dict key is a KeyError, an index outside
// a sequence an IndexError.
func GetItem(b *Budget, obj, key any) (any, error) {
	if k, ok := key.(*SliceKey); ok {
		return Slice(b, obj, k.Start, k.Stop, k.Step)
	}
	switch x := obj.(type) {
	case *Dict:
		v, ok, err := x.Lookup(key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, KeyError(key)
		}
		return v, nil
	case *List:
		i, err := itemIndex("list", key, len(x.Items))
		if err != nil {
			return nil, err
		}
		return x.Items[i], nil
	case Tuple:
		i, err := itemIndex("tuple", key, len(x))
		if err != nil {
			return nil, err
		}
		return x[i], nil
	case string:
		return charAt(x, key)
	case Markup:
		s, err := charAt(string(x), key)
		if err != nil {
			return nil, err
		}
		return Markup(s.(string)), nil
	case Bytes:
		i, err := itemIndex("byte", key, len(x))
		if err != nil {
			if MessageOf(err) == "byte index out of range" {
				err = IndexErrorf("index out of range")
			}
			return nil, err
		}
		return int64(x[i]), nil
	case Itemer:
		v, ok, err := x.Item(key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, KeyError(key)
		}
		return v, nil
	}
	return nil, TypeErrorf("'%s' object is not subscriptable", TypeName(obj))
}

func itemIndex(kind string, key any, n int) (int, error) {
	i, ok := asInt(key)
	if !ok {
		if _, big := key.(*big.Int); big {
			return 0, IndexErrorf("cannot fit 'int' into an index-sized integer")
		}
		return 0, TypeErrorf("%s indices must be integers or slices, not %s", kind, TypeName(key))
	}
	if i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return 0, IndexErrorf("%s index out of range", kind)
	}
	return int(i), nil
}

func charAt(s string, key any) (any, error) {
	i, ok := asInt(key)
	if !ok {
		if _, big := key.(*big.Int); big {
			return nil, IndexErrorf("cannot fit 'int' into an index-sized integer")
		}
		return nil, TypeErrorf("string indices must be integers, not '%s'", TypeName(key))
	}
	if isASCII(s) {
		if i < 0 {
			i += int64(len(s))
		}
		if i < 0 || i >= int64(len(s)) {
			return nil, IndexErrorf("string index out of range")
		}
		return s[i : i+1], nil
	}
	n := int64(StrLen(s))
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, IndexErrorf("string index out of range")
	}
	rest := s[byteOffset(s, int(i)):]
	return rest[:runeLen(rest)], nil
}

// SliceBounds resolves slice parts against a length: the first index, the step
// and the number of elements. nil parts mean the defaults.
func SliceBounds(n int64, start, stop, step any) (first, by, count int64, err error) {
	by = 1
	if step != nil {
		if by, err = slicePart(step); err != nil {
			return 0, 0, 0, err
		}
		if by == 0 {
			return 0, 0, 0, ValueErrorf("slice step cannot be zero")
		}
		by = max(by, -math.MaxInt64)
	}
	lo, hi := int64(0), n
	if by < 0 {
		lo, hi = -1, n-1
	}
	clamp := func(v any, def int64) (int64, error) {
		if v == nil {
			return def, nil
		}
		i, err := slicePart(v)
		if err != nil {
			return 0, err
		}
		if i < 0 {
			i = max(i+n, lo)
		}
		return min(i, hi), nil
	}
	defStart, defStop := lo, hi
	if by < 0 {
		defStart, defStop = hi, lo
	}
	if first, err = clamp(start, defStart); err != nil {
		return 0, 0, 0, err
	}
	last, err := clamp(stop, defStop)
	if err != nil {
		return 0, 0, 0, err
	}
	switch {
	case by > 0 && first < last:
		count = (last-first-1)/by + 1
	case by < 0 && first > last:
		count = (first-last-1)/-by + 1
	}
	return first, by, count, nil
}

func slicePart(v any) (int64, error) {
	i, err := AsIndex(v)
	if err != nil {
		return 0, TypeErrorf("slice indices must be integers or None or have an __index__ method")
	}
	return i, nil
}

// Slice returns obj[start:stop:step]; nil parts are left out.
func Slice(b *Budget, obj, start, stop, step any) (any, error) {
	switch x := obj.(type) {
	case *List:
		items, err := sliceItems(b, x.Items, start, stop, step)
		if err != nil {
			return nil, err
		}
		return &List{Items: items}, nil
	case Tuple:
		items, err := sliceItems(b, x, start, stop, step)
		if err != nil {
			return nil, err
		}
		return Tuple(items), nil
	case string:
		return sliceStr(b, x, start, stop, step)
	case Markup:
		s, err := sliceStr(b, string(x), start, stop, step)
		if err != nil {
			return nil, err
		}
		return Markup(s), nil
	case Bytes:
		first, by, n, err := SliceBounds(int64(len(x)), start, stop, step)
		if err != nil {
			return nil, err
		}
		return Bytes(pickBytes(string(x), first, by, n)), nil
	case *Range:
		first, by, n, err := SliceBounds(x.Len(), start, stop, step)
		if err != nil {
			return nil, err
		}
		return x.slice(first, by, n), nil
	case *Dict:
		return nil, unhashable(&SliceKey{})
	case Itemer:
		v, ok, err := x.Item(&SliceKey{Start: start, Stop: stop, Step: step})
		if ok || err != nil {
			return v, err
		}
	}
	return nil, TypeErrorf("'%s' object is not subscriptable", TypeName(obj))
}

func sliceItems(b *Budget, items []any, start, stop, step any) ([]any, error) {
	first, by, n, err := SliceBounds(int64(len(items)), start, stop, step)
	if err != nil {
		return nil, err
	}
	if err := b.allocItems(int(n)); err != nil {
		return nil, err
	}
	out := make([]any, n)
	if by == 1 {
		copy(out, items[first:])
		return out, nil
	}
	for i := range out {
		out[i] = items[first+int64(i)*by]
	}
	return out, nil
}

func sliceStr(b *Budget, s string, start, stop, step any) (string, error) {
	if isASCII(s) {
		first, by, n, err := SliceBounds(int64(len(s)), start, stop, step)
		if err != nil || n == 0 {
			return "", err
		}
		return pickBytes(s, first, by, n), nil
	}
	first, by, n, err := SliceBounds(int64(StrLen(s)), start, stop, step)
	if err != nil || n == 0 {
		return "", err
	}
	if by == 1 {
		return Substring(s, int(first), int(first+n)), nil
	}
	if err := b.Alloc(int64(len(s)) * 5); err != nil {
		return "", err
	}
	rs := runes(s)
	var out strings.Builder
	for i := range n {
		out.WriteString(RuneText(rs[first+i*by]))
	}
	return out.String(), nil
}

func pickBytes(s string, first, by, n int64) string {
	if n == 0 {
		return ""
	}
	if by == 1 {
		return s[first : first+n]
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = s[first+int64(i)*by]
	}
	return string(out)
}

// SetItem performs obj[key] = v.
func SetItem(obj, key, v any) error {
	switch x := obj.(type) {
	case *Dict:
		return x.SetChecked(key, v)
	case *List:
		i, err := itemIndex("list", key, len(x.Items))
		if err != nil {
			if ClassOf(err) == "IndexError" {
				err = IndexErrorf("list assignment index out of range")
			}
			return err
		}
		x.Items[i] = v
		return nil
	}
	return TypeErrorf("'%s' object does not support item assignment", TypeName(obj))
}

// Contains returns "v in container".
func Contains(b *Budget, container, v any) (bool, error) {
	switch x := container.(type) {
	case string:
		s, ok := AsString(v)
		if !ok {
			return false, TypeErrorf("'in <string>' requires string as left operand, not %s", TypeName(v))
		}
		return strings.Contains(x, s), nil
	case *Dict:
		_, ok, err := x.Lookup(v)
		return ok, err
	case *List:
		return containsItem(b, x.Items, v)
	case Tuple:
		return containsItem(b, x, v)
	case *Set:
		return x.Has(v)
	case Markup:
		return Contains(b, string(x), v)
	case Bytes:
		switch y := v.(type) {
		case Bytes:
			return strings.Contains(string(x), string(y)), nil
		case int64, bool, *big.Int:
			n, ok := asInt(y)
			if !ok || n < 0 || n > 255 {
				return false, ValueErrorf("byte must be in range(0, 256)")
			}
			return strings.IndexByte(string(x), byte(n)) >= 0, nil
		}
		return false, TypeErrorf("a bytes-like object is required, not '%s'", TypeName(v))
	case Container:
		return x.Contains(v)
	}
	if !IsIterable(container) {
		return false, TypeErrorf("argument of type '%s' is not iterable", TypeName(container))
	}
	found := false
	err := Each(b, container, func(item any) (bool, error) {
		eq, err := SameOrEqual(b, item, v)
		found = eq
		return !eq, err
	})
	return found, err
}

func containsItem(b *Budget, items []any, v any) (bool, error) {
	i, err := indexOf(b, items, v)
	return i >= 0, err
}

func indexOf(b *Budget, items []any, v any) (int, error) {
	if err := b.Step(int64(len(items))); err != nil {
		return -1, err
	}
	for i, item := range items {
		if eq, err := SameOrEqual(b, item, v); err != nil {
			return -1, err
		} else if eq {
			return i, nil
		}
	}
	return -1, nil
}
