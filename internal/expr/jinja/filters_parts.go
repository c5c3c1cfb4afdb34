package jinja

import (
	"squall/internal/expr/value"
)

func batchFilter(f *frame, a arglist) (any, error) {
	m, count, fill := f.m, a.v[1], a.v[2]
	return generator(func() (func() (any, bool, error), error) {
		it, err := value.Iter(a.v[0])
		if err != nil {
			return nil, err
		}
		next := m.stepping(it)
		var row []any
		done := false
		return func() (any, bool, error) {
			for !done {
				v, ok, err := next()
				if err != nil {
					return nil, false, err
				}
				if !ok {
					done = true
					break
				}
				full, err := value.EqualIn(m.b, int64(len(row)), count)
				if err != nil {
					return nil, false, err
				}
				if err := m.b.Alloc(16); err != nil {
					return nil, false, err
				}
				if full {
					out := &value.List{Items: row}
					row = []any{v}
					return out, true, nil
				}
				row = append(row, v)
			}
			if len(row) == 0 {
				return nil, false, nil
			}
			out := &value.List{Items: row}
			row = nil
			return out, true, m.fillRow(out, count, fill)
		}, nil
	}), nil
}

// fillRow extends the last row of a batch to count items.
func (m *machine) fillRow(row *value.List, count, fill any) error {
	if fill == nil {
		return nil
	}
	n := int64(len(row.Items))
	short, err := value.Compare(m.b, "<", n, count)
	if err != nil || !short {
		return err
	}
	rest, err := value.Sub(m.b, count, n)
	if err != nil {
		return err
	}
	pad, err := value.Mul(m.b, value.NewList(fill), rest)
	if err != nil {
		return err
	}
	row.Items = append(row.Items, pad.(*value.List).Items...)
	return nil
}

func sliceFilter(f *frame, a arglist) (any, error) {
	m, slices, fill := f.m, a.v[1], a.v[2]
	return generator(func() (func() (any, bool, error), error) {
		items, err := value.Collect(m.b, a.v[0])
		if err != nil {
			return nil, err
		}
		length := int64(len(items))
		per, err := value.FloorDiv(m.b, length, slices)
		if err != nil {
			return nil, err
		}
		if _, err := value.Mod(m.b, length, slices); err != nil {
			return nil, err
		}
		n, err := value.AsIndex(slices)
		if err != nil {
			return nil, err
		}
		each, _ := value.AsInt(per)
		extra := int64(0)
		if n > 0 {
			extra = length % n
		}
		number, offset := int64(0), int64(0)
		return func() (any, bool, error) {
			if number >= n {
				return nil, false, nil
			}
			if err := m.b.Alloc(32); err != nil {
				return nil, false, err
			}
			start := offset + number*each
			if number < extra {
				offset++
			}
			end := offset + (number+1)*each
			row := append(make([]any, 0, end-start+1), items[start:end]...)
			if fill != nil && number >= extra {
				row = append(row, fill)
			}
			number++
			return &value.List{Items: row}, true, nil
		}, nil
	}), nil
}

func itemsFilter(f *frame, a arglist) (any, error) {
	m := f.m
	return generator(func() (func() (any, bool, error), error) {
		switch a.v[0].(type) {
		case *undefined:
			return nil, nil
		case *value.Dict:
		default:
			return nil, value.TypeErrorf("Can only get item pairs from a mapping.")
		}
		items, err := m.dictItems(a.v[0])
		if err != nil {
			return nil, err
		}
		it, err := value.Iter(items)
		if err != nil {
			return nil, err
		}
		return m.stepping(it), nil
	}), nil
}
