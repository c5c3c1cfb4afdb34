package value

import "iter"

// Iterator is a one-shot sequence such as a generator. After ok is false or an
// error is returned, Next keeps returning that.
type Iterator interface {
	Next() (v any, ok bool, err error)
}

// SliceIter iterates over a slice that does not change.
type SliceIter struct {
	items []any
	pos   int
	name  string
}

// NewSliceIter iterates over items; name is its Python type name, such as
// "list_iterator".
func NewSliceIter(name string, items []any) *SliceIter { return &SliceIter{items: items, name: name} }

// TypeName implements Object.
func (it *SliceIter) TypeName() string { return it.name }

// Next implements Iterator.
func (it *SliceIter) Next() (any, bool, error) {
	if it.pos >= len(it.items) {
		return nil, false, nil
	}
	it.pos++
	return it.items[it.pos-1], true, nil
}

// Iter implements Iterable: an iterator iterates over itself.
func (it *SliceIter) Iter() (Iterator, error) { return it, nil }

// listIter follows a list that may change while it is iterated.
type listIter struct {
	list *List
	pos  int
}

func (it *listIter) TypeName() string { return "list_iterator" }

func (it *listIter) Next() (any, bool, error) {
	if it.list == nil || it.pos >= len(it.list.Items) {
		it.list = nil
		return nil, false, nil
	}
	it.pos++
	return it.list.Items[it.pos-1], true, nil
}

func (it *listIter) Iter() (Iterator, error) { return it, nil }

// dictIter yields keys, values or pairs and notices changes of size.
type dictIter struct {
	d    *Dict
	kind ViewKind
	pos  int
	want int
}

func (it *dictIter) TypeName() string {
	switch it.kind {
	case ViewValues:
		return "dict_valueiterator"
	case ViewItems:
		return "dict_itemiterator"
	}
	return "dict_keyiterator"
}

func (it *dictIter) Next() (any, bool, error) {
	if it.d == nil {
		return nil, false, nil
	}
	if it.d.Len() != it.want {
		it.want = -1 // and keep failing
		return nil, false, Errorf("RuntimeError", "dictionary changed size during iteration")
	}
	for it.pos < len(it.d.entries) {
		e := &it.d.entries[it.pos]
		it.pos++
		if e.dead {
			continue
		}
		switch it.kind {
		case ViewValues:
			return e.val, true, nil
		case ViewItems:
			return Tuple{e.key, e.val}, true, nil
		}
		return e.key, true, nil
	}
	it.d = nil
	return nil, false, nil
}

func (it *dictIter) Iter() (Iterator, error) { return it, nil }

// strIter yields the characters of a string.
type strIter struct{ rest string }

func (it *strIter) TypeName() string { return "str_iterator" }

func (it *strIter) Next() (any, bool, error) {
	if it.rest == "" {
		return nil, false, nil
	}
	n := runeLen(it.rest)
	c := it.rest[:n]
	it.rest = it.rest[n:]
	return c, true, nil
}

func (it *strIter) Iter() (Iterator, error) { return it, nil }

// FuncIter is an Iterator made of a Go function.
type FuncIter struct {
	Name string // Python type name; empty means "generator"
	Fn   func() (any, bool, error)
	done bool
	err  error
}

// TypeName implements Object.
func (it *FuncIter) TypeName() string {
	if it.Name == "" {
		return "generator"
	}
	return it.Name
}

// Next implements Iterator.
func (it *FuncIter) Next() (any, bool, error) {
	if it.done {
		return nil, false, it.err
	}
	v, ok, err := it.Fn()
	if !ok || err != nil {
		it.done, it.err = true, err
		return nil, false, err
	}
	return v, true, nil
}

// Iter implements Iterable.
func (it *FuncIter) Iter() (Iterator, error) { return it, nil }

// Iter returns an iterator over v, or the TypeError for values that have none.
func Iter(v any) (Iterator, error) {
	switch x := v.(type) {
	case *List:
		return &listIter{list: x}, nil
	case Tuple:
		return NewSliceIter("tuple_iterator", x), nil
	case string:
		return &strIter{rest: x}, nil
	case *Dict:
		return &dictIter{d: x, want: x.Len()}, nil
	case *Set:
		return NewSliceIter("set_iterator", x.Items()), nil
	case Markup:
		return &strIter{rest: string(x)}, nil
	case Bytes:
		pos := 0
		return &FuncIter{Name: "bytes_iterator", Fn: func() (any, bool, error) {
			if pos >= len(x) {
				return nil, false, nil
			}
			pos++
			return int64(x[pos-1]), true, nil
		}}, nil
	case Iterable:
		return x.Iter()
	case Iterator:
		return x, nil
	}
	return nil, TypeErrorf("'%s' object is not iterable", TypeName(v))
}

// IsIterable reports whether Iter would succeed on v's type.
func IsIterable(v any) bool {
	switch v.(type) {
	case *List, Tuple, string, *Dict, *Set, Markup, Bytes, Iterable, Iterator:
		return true
	}
	return false
}

// Each calls f for the elements of v until f returns false or an error. It
// charges a step per element.
func Each(b *Budget, v any, f func(item any) (bool, error)) error {
	switch x := v.(type) {
	case *List:
		for i := 0; i < len(x.Items); i++ {
			if err := b.Step(1); err != nil {
				return err
			}
			if more, err := f(x.Items[i]); !more || err != nil {
				return err
			}
		}
		return nil
	case Tuple:
		for _, item := range x {
			if err := b.Step(1); err != nil {
				return err
			}
			if more, err := f(item); !more || err != nil {
				return err
			}
		}
		return nil
	}
	it, err := Iter(v)
	if err != nil {
		return err
	}
	for {
		if err := b.Step(1); err != nil {
			return err
		}
		item, ok, err := it.Next()
		if !ok || err != nil {
			return err
		}
		if more, err := f(item); !more || err != nil {
			return err
		}
	}
}

// Collect returns the elements of v in a new slice, charging their space.
func Collect(b *Budget, v any) ([]any, error) {
	switch x := v.(type) {
	case *List:
		if err := b.allocItems(len(x.Items)); err != nil {
			return nil, err
		}
		return append(make([]any, 0, len(x.Items)), x.Items...), nil
	case Tuple:
		if err := b.allocItems(len(x)); err != nil {
			return nil, err
		}
		return append(make([]any, 0, len(x)), x...), nil
	}
	if n, err := Length(v); err == nil {
		if err := b.allocItems(n); err != nil {
			return nil, err
		}
	}
	out := []any{}
	err := Each(b, v, func(item any) (bool, error) {
		if len(out)&255 == 0 {
			if err := b.allocItems(256); err != nil {
				return false, err
			}
		}
		out = append(out, item)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Elements returns the elements of v for reading only: without copying when v
// is a list or tuple.
func Elements(b *Budget, v any) ([]any, error) {
	switch x := v.(type) {
	case *List:
		return x.Items, nil
	case Tuple:
		return x, nil
	}
	return Collect(b, v)
}

// Seq adapts an Iterator to range-over-func; the last pair carries the error,
// if any.
func Seq(it Iterator) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for {
			v, ok, err := it.Next()
			if err != nil {
				yield(nil, err)
				return
			}
			if !ok || !yield(v, nil) {
				return
			}
		}
	}
}

// Length returns len(v), or the TypeError for values without one.
func Length(v any) (int, error) {
	switch x := v.(type) {
	case string:
		return StrLen(x), nil
	case *List:
		return len(x.Items), nil
	case Tuple:
		return len(x), nil
	case *Dict:
		return x.Len(), nil
	case *Set:
		return x.Len(), nil
	case Markup:
		return StrLen(string(x)), nil
	case Bytes:
		return len(x), nil
	case Lengther:
		return x.Length()
	}
	return 0, TypeErrorf("object of type '%s' has no len()", TypeName(v))
}
