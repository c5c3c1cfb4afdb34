package yaql

import (
	"squall/internal/expr/value"
)

// output converts a result: mappings to dicts, tuples and every other iterable
// to lists, sets to sets (or lists). Input data is returned as it is, because
// it consists of lists and dicts already; only a limit on lengths or the wish
// to keep tuples makes a walk over it necessary.
func (ev *evaluation) output(v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case *value.List, *value.Dict:
		if ev.eng.opts.LimitIterators < 0 && !ev.eng.opts.KeepTuples {
			return v, nil
		}
	}
	if depth > maxNesting {
		return nil, tooNested()
	}
	if d, ok := mapping(v); ok {
		return ev.outputDict(d, depth)
	}
	if isSet(v) {
		return ev.outputSet(v, depth)
	}
	if !isIterable(v) {
		return v, nil
	}
	items, err := ev.outputItems(v, depth)
	if err != nil {
		return nil, err
	}
	if _, ok := tupleItems(v); ok && ev.eng.opts.KeepTuples {
		return value.Tuple(items), nil
	}
	return &value.List{Items: items}, nil
}

func (ev *evaluation) outputItems(v any, depth int) ([]any, error) {
	lim, err := ev.limitIterable(v)
	if err != nil {
		return nil, err
	}
	it, err := ev.iterate(lim)
	if err != nil {
		return nil, err
	}
	n, _ := sizeOf(lim)
	if err := ev.alloc(16 * int64(n)); err != nil {
		return nil, err
	}
	items := make([]any, 0, n)
	for {
		x, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return items, nil
		}
		if x, err = ev.output(x, depth+1); err != nil {
			return nil, err
		}
		if len(items) == cap(items) {
			if err := ev.alloc(16 * int64(cap(items)+1)); err != nil {
				return nil, err
			}
		}
		items = append(items, x)
	}
}

func (ev *evaluation) outputDict(d *value.Dict, depth int) (any, error) {
	if limit := ev.eng.opts.LimitIterators; limit >= 0 && d.Len() > limit {
		return nil, tooLarge(limit)
	}
	if err := ev.alloc(48 * int64(d.Len())); err != nil {
		return nil, err
	}
	out := value.NewDict(d.Len())
	for k, x := range d.All() {
		if err := ev.step(); err != nil {
			return nil, err
		}
		ck, err := ev.output(k, depth+1)
		if err != nil {
			return nil, err
		}
		cx, err := ev.output(x, depth+1)
		if err != nil {
			return nil, err
		}
		if err := out.SetChecked(ck, cx); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (ev *evaluation) outputSet(v any, depth int) (any, error) {
	items, err := ev.outputItems(v, depth)
	if err != nil {
		return nil, err
	}
	if ev.eng.opts.ConvertSetsToLists {
		return &value.List{Items: items}, nil
	}
	out := &value.Set{}
	for _, x := range items {
		if err := out.Add(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// thaw turns input data into plain lists and dicts, as functions make them.
func thaw(v any) any {
	switch v := v.(type) {
	case *value.List:
		items := make([]any, len(v.Items))
		for i, x := range v.Items {
			items[i] = thaw(x)
		}
		return &list{items}
	case *value.Dict:
		d := value.NewDict(v.Len())
		for k, x := range v.All() {
			d.Set(k, thaw(x))
		}
		return &dict{d: d}
	}
	return v
}

// plain gives a value of this package's own types the form other packages
// know: lists, tuples and dicts. Input data comes out as lists and dicts.
func plain(v any, depth int) (any, error) {
	if depth > maxNesting {
		return nil, tooNested()
	}
	switch v := v.(type) {
	case *list:
		items, err := plainItems(v.items, depth)
		return &value.List{Items: items}, err
	case value.Tuple:
		items, err := plainItems(v, depth)
		return value.Tuple(items), err
	case *dict:
		d := value.NewDict(v.d.Len())
		for k, x := range v.d.All() {
			p, err := plain(x, depth+1)
			if err != nil {
				return nil, err
			}
			if err := d.SetChecked(k, p); err != nil {
				return nil, err
			}
		}
		return d, nil
	}
	return v, nil
}

func plainItems(in []any, depth int) ([]any, error) {
	out := make([]any, len(in))
	for i, x := range in {
		p, err := plain(x, depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// thawOutput gives a raw result: types stay as they are inside the language,
// in the form other packages know.
func thawOutput(_ *evaluation, v any) (any, error) {
	switch v := v.(type) {
	case *value.List:
		items := make(value.Tuple, len(v.Items))
		for i, x := range v.Items {
			items[i], _ = thawOutput(nil, x)
		}
		return items, nil
	}
	return plain(v, 0)
}
