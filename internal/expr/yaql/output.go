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
// What is shared stays shared (aliases of YAML), so a small text cannot grow
// into a large value here, and what contains itself ends.
func thaw(v any) any { return thawShared(v, map[any]any{}) }

func thawShared(v any, seen map[any]any) any {
	switch v := v.(type) {
	case *value.List:
		if done, ok := seen[v]; ok {
			return done
		}
		l := &list{make([]any, len(v.Items))}
		seen[v] = l
		for i, x := range v.Items {
			l.items[i] = thawShared(x, seen)
		}
		return l
	case *value.Dict:
		if done, ok := seen[v]; ok {
			return done
		}
		d := &dict{d: value.NewDict(v.Len())}
		seen[v] = d
		for k, x := range v.All() {
			d.d.Set(k, thawShared(x, seen))
		}
		return d
	}
	return v
}

// plain gives a value of this package's own types the form other packages
// know: lists, tuples and dicts. Input data comes out as lists and dicts.
func plain(b *value.Budget, v any, depth int) (any, error) {
	if err := b.Step(1); err != nil {
		return nil, err
	}
	if depth > maxNesting {
		return nil, tooNested()
	}
	switch v := v.(type) {
	case *list:
		items, err := plainItems(b, v.items, depth)
		return &value.List{Items: items}, err
	case value.Tuple:
		items, err := plainItems(b, v, depth)
		return value.Tuple(items), err
	case *dict:
		if err := b.Alloc(int64(v.d.Len()) * 48); err != nil {
			return nil, err
		}
		d := value.NewDict(v.d.Len())
		for k, x := range v.d.All() {
			p, err := plain(b, x, depth+1)
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

func plainItems(b *value.Budget, in []any, depth int) ([]any, error) {
	if err := b.Alloc(int64(len(in)) * 16); err != nil {
		return nil, err
	}
	out := make([]any, len(in))
	for i, x := range in {
		p, err := plain(b, x, depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// raw gives a result unconverted: the types it has in the original, in the form
// other packages know.
func raw(v any, depth int) (any, error) {
	if depth > maxNesting {
		return nil, tooNested()
	}
	if items, ok := seqItems(v); ok {
		out := make([]any, len(items))
		for i, x := range items {
			var err error
			if out[i], err = raw(x, depth+1); err != nil {
				return nil, err
			}
		}
		if _, ok := v.(*list); ok {
			return &value.List{Items: out}, nil
		}
		return value.Tuple(out), nil
	}
	d, ok := mapping(v)
	if !ok {
		return v, nil
	}
	out := value.NewDict(d.Len())
	for k, x := range d.All() {
		x, err := raw(x, depth+1)
		if err != nil {
			return nil, err
		}
		if err := out.SetChecked(k, x); err != nil {
			return nil, err
		}
	}
	return out, nil
}
