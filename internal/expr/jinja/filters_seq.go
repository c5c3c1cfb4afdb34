package jinja

import (
	"math/rand/v2"
	"strings"

	"squall/internal/expr/value"
)

func lengthFilter() *builtin {
	return define("len", "obj", none, func(f *frame, a arglist) (any, error) {
		n, err := value.Length(a.v[0])
		return int64(n), err
	}).native()
}

var sequenceFilters = map[string]*builtin{
	"count":  lengthFilter(),
	"length": lengthFilter(),
	"list": define("sync_do_list", "value", none, func(f *frame, a arglist) (any, error) {
		items, err := value.Collect(f.m.b, a.v[0])
		if err != nil {
			return nil, err
		}
		return &value.List{Items: items}, nil
	}),
	"first":    define("sync_do_first", "seq", none, firstFilter).passed(),
	"last":     define("do_last", "seq", none, lastFilter).passed(),
	"random":   define("do_random", "seq", none, randomFilter).contextual(),
	"reverse":  define("do_reverse", "value", none, reverseFilter),
	"join":     define("sync_do_join", "value d attribute", defaults("", nil), joinFilter).passed(),
	"sum":      define("sync_do_sum", "iterable attribute start", defaults(nil, int64(0)), sumFilter).passed(),
	"min":      define("do_min", "value case_sensitive attribute", defaults(false, nil), extremeFilter(value.Min)).passed(),
	"max":      define("do_max", "value case_sensitive attribute", defaults(false, nil), extremeFilter(value.Max)).passed(),
	"sort":     define("do_sort", "value reverse case_sensitive attribute", defaults(false, false, nil), sortFilter).passed(),
	"dictsort": define("do_dictsort", "value case_sensitive by reverse", defaults(false, "key", false), dictSortFilter),
	"groupby":  define("sync_do_groupby", "value attribute default case_sensitive", defaults(nil, false), groupByFilter).passed(),
	"unique":   define("sync_do_unique", "value case_sensitive attribute", defaults(false, nil), uniqueFilter).passed(),
	"batch":    define("do_batch", "value linecount fill_with", defaults(nil), batchFilter),
	"slice":    define("sync_do_slice", "value slices fill_with", defaults(nil), sliceFilter),
	"items":    define("do_items", "value", none, itemsFilter),
}

func firstFilter(f *frame, a arglist) (any, error) {
	it, err := value.Iter(a.v[0])
	if err != nil {
		return nil, err
	}
	v, ok, err := it.Next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return f.m.env.undefinedHint("No first item, sequence was empty."), nil
	}
	return v, nil
}

// reversed is Python's reversed(): an iterator from the end of a sequence.
func (m *machine) reversed(v any) (value.Iterator, error) {
	name := value.TypeName(v)
	switch o := v.(type) {
	case *value.List:
		i := len(o.Items)
		return &value.FuncIter{Name: "list_reverseiterator", Fn: func() (any, bool, error) {
			if i--; i < 0 || i >= len(o.Items) {
				return nil, false, nil
			}
			return o.Items[i], true, nil
		}}, nil
	case *value.Dict:
		name = "dict_reversekeyiterator"
	case *value.DictView:
		name = strings.Replace(strings.TrimSuffix(name, "s"), "dict_", "dict_reverse", 1) + "iterator"
	case *value.Range:
		name = "range_iterator"
	case string, value.Markup, value.Tuple, value.Bytes:
		name = "reversed"
	case *undefined:
		if o.strict {
			return nil, o.fail()
		}
		return value.NewSliceIter("reversed", nil), nil
	default:
		return nil, value.TypeErrorf("'%s' object is not reversible", name)
	}
	items, err := value.Collect(m.b, v)
	if err != nil {
		return nil, err
	}
	i := len(items)
	return &value.FuncIter{Name: name, Fn: func() (any, bool, error) {
		if i--; i < 0 {
			return nil, false, nil
		}
		return items[i], true, nil
	}}, nil
}

func lastFilter(f *frame, a arglist) (any, error) {
	it, err := f.m.reversed(a.v[0])
	if err != nil {
		return nil, err
	}
	v, ok, err := it.Next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return f.m.env.undefinedHint("No last item, sequence was empty."), nil
	}
	return v, nil
}

func randomFilter(f *frame, a arglist) (any, error) {
	n, err := value.Length(a.v[0])
	if err != nil {
		return nil, err
	}
	i := 0
	if n > 0 {
		i = rand.IntN(n)
	}
	v, err := value.GetItem(f.m.b, a.v[0], int64(i))
	if value.IsClass(err, "IndexError") {
		return f.m.env.undefinedHint("No random item, sequence was empty."), nil
	}
	return v, err
}

func reverseFilter(f *frame, a arglist) (any, error) {
	v := a.v[0]
	if value.IsString(v) {
		return value.Slice(f.m.b, v, nil, nil, int64(-1))
	}
	it, err := f.m.reversed(v)
	if err == nil {
		return it, nil
	}
	if !value.IsClass(err, "TypeError") {
		return nil, err
	}
	items, err := value.Collect(f.m.b, v)
	if value.IsClass(err, "TypeError") {
		return nil, value.Errorf(classFilterArg, "argument must be iterable")
	}
	if err != nil {
		return nil, err
	}
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
	}
	return &value.List{Items: items}, nil
}

func joinFilter(f *frame, a arglist) (any, error) {
	m := f.m
	sep, attr := a.v[1], a.v[2]
	path := newAttrPath(attr)
	var items []any
	err := value.Each(m.b, a.v[0], func(v any) (bool, error) {
		if attr != nil {
			var err error
			if v, err = path.get(m, v, nil); err != nil {
				return false, err
			}
		}
		if !f.tc.autoescape {
			// Each item is converted when it is read, as Python's map does.
			s, err := m.plainStr(v)
			if err != nil {
				return false, err
			}
			v = s
		}
		if err := m.b.Alloc(16); err != nil {
			return false, err
		}
		items = append(items, v)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if !f.tc.autoescape {
		d, err := m.str(sep)
		if err != nil {
			return nil, err
		}
		return m.joinText(d, items)
	}
	return m.safeJoin(sep, items)
}

// joinText joins strings.
func (m *machine) joinText(sep string, items []any) (any, error) {
	size := 0
	list := make([]string, len(items))
	for i, v := range items {
		list[i], _ = plainString(v)
		size += len(list[i]) + len(sep)
		if i&0xff == 0 {
			if err := m.b.Alloc(int64(size)); err != nil {
				return nil, err
			}
		}
	}
	if err := m.b.Alloc(int64(size)); err != nil {
		return nil, err
	}
	return strings.Join(list, sep), nil
}

// safeJoin joins where output is escaped: the result is safe as soon as the
// separator or an item is.
func (m *machine) safeJoin(sep any, items []any) (any, error) {
	safe := isHTML(sep)
	for _, v := range items {
		safe = safe || isHTML(v)
	}
	text := make([]any, len(items))
	for i, v := range items {
		var err error
		if safe {
			text[i], err = m.escape(v)
		} else {
			text[i], err = m.plainStr(v)
		}
		if err != nil {
			return nil, err
		}
	}
	if !safe {
		d, err := m.str(sep)
		if err != nil {
			return nil, err
		}
		return m.joinText(d, text)
	}
	d, err := m.escape(sep)
	if err != nil {
		return nil, err
	}
	s, err := m.joinText(string(d), text)
	if err != nil {
		return nil, err
	}
	return value.Markup(s.(string)), nil
}

// mapped is an iterator of attributes, or v itself without one.
func (m *machine) mapped(v, attr any) (any, error) {
	if attr == nil {
		return v, nil
	}
	it, err := value.Iter(v)
	if err != nil {
		return nil, err
	}
	path, next := newAttrPath(attr), m.stepping(it)
	return &value.FuncIter{Name: "map", Fn: func() (any, bool, error) {
		item, ok, err := next()
		if !ok || err != nil {
			return nil, false, err
		}
		item, err = path.get(m, item, nil)
		return item, err == nil, err
	}}, nil
}

func sumFilter(f *frame, a arglist) (any, error) {
	items, err := f.m.mapped(a.v[0], a.v[1])
	if err != nil {
		return nil, err
	}
	if _, err := value.Iter(items); err != nil {
		return nil, err
	}
	return value.Sum(f.m.b, items, a.v[2])
}
