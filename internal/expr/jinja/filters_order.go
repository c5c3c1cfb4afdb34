package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

type pickFunc func(b *value.Budget, v any, key func(any) (any, error)) (any, bool, error)

// extremeFilter is min or max.
func extremeFilter(pick pickFunc) func(*frame, arglist) (any, error) {
	return func(f *frame, a arglist) (any, error) {
		caseSensitive, err := truth(a.v[1])
		if err != nil {
			return nil, err
		}
		v, ok, err := pick(f.m.b, a.v[0], f.m.keyFunc(a.v[2], caseSensitive, nil))
		if err != nil {
			return nil, err
		}
		if !ok {
			return f.m.env.undefinedHint("No aggregated item, sequence was empty."), nil
		}
		return v, nil
	}
}

func sortFilter(f *frame, a arglist) (any, error) {
	caseSensitive, err := truth(a.v[2])
	if err != nil {
		return nil, err
	}
	return f.m.sorted(a.v[0], f.m.multiKeyFunc(a.v[3], caseSensitive), a.v[1])
}

// sorted is Python's sorted(): the items are listed before reverse is looked at.
func (m *machine) sorted(v any, key func(any) (any, error), reverse any) (any, error) {
	items, err := value.Collect(m.b, v)
	if err != nil {
		return nil, err
	}
	down, err := reverseArg(reverse)
	if err != nil {
		return nil, err
	}
	if err := value.SortItems(m.b, items, key, down); err != nil {
		return nil, err
	}
	return &value.List{Items: items}, nil
}

// dictItems is v.items() of Python.
func (m *machine) dictItems(v any) (any, error) { return m.callMethod(v, "items") }

// callMethod is v.name() of Python, with the errors of Jinja's own objects.
func (m *machine) callMethod(v any, name string) (any, error) {
	switch o := v.(type) {
	case *namespace:
		if _, ok := o.attrs.GetStr(name); !ok {
			return nil, value.AttributeErrorf("%s", name)
		}
	case function:
		if class := o.def.name; o.def.typ == "type" {
			return nil, value.AttributeErrorf("type object '%s' has no attribute '%s'", class[strings.LastIndexByte(class, '.')+1:], name)
		}
	}
	return value.CallMethod(m.b, v, name, nil, nil)
}

func dictSortFilter(f *frame, a arglist) (any, error) {
	pos := 0
	switch by, _ := plainString(a.v[2]); by {
	case "key":
	case "value":
		pos = 1
	default:
		return nil, value.Errorf(classFilterArg, `You can only sort by either "key" or "value"`)
	}
	caseSensitive, err := truth(a.v[1])
	if err != nil {
		return nil, err
	}
	items, err := f.m.dictItems(a.v[0])
	if err != nil {
		return nil, err
	}
	return f.m.sorted(items, func(v any) (any, error) {
		k, err := value.GetItem(f.m.b, v, int64(pos))
		if err == nil && !caseSensitive {
			k = foldCase(k)
		}
		return k, err
	}, a.v[3])
}

func groupByFilter(f *frame, a arglist) (any, error) {
	m := f.m
	caseSensitive, err := truth(a.v[3])
	if err != nil {
		return nil, err
	}
	key := m.keyFunc(a.v[1], caseSensitive, a.v[2])
	sorted, err := value.Sorted(m.b, a.v[0], key, false)
	if err != nil {
		return nil, err
	}
	out := &value.List{}
	var last any
	var group *value.List
	for _, v := range sorted.Items {
		k, err := key(v)
		if err != nil {
			return nil, err
		}
		same := false
		if group != nil {
			if same, err = value.EqualIn(m.b, last, k); err != nil {
				return nil, err
			}
		}
		if same {
			group.Items = append(group.Items, v)
			continue
		}
		if err := m.b.Alloc(128); err != nil {
			return nil, err
		}
		last, group = k, value.NewList(v)
		shown := k
		if !caseSensitive {
			// The first item's own spelling names the group.
			if shown, err = newAttrPath(a.v[1]).get(m, v, a.v[2]); err != nil {
				return nil, err
			}
		}
		out.Items = append(out.Items, m.markGroup(value.Tuple{shown, group}))
	}
	return out, nil
}

func uniqueFilter(f *frame, a arglist) (any, error) {
	m := f.m
	return generator(func() (func() (any, bool, error), error) {
		caseSensitive, err := truth(a.v[1])
		if err != nil {
			return nil, err
		}
		key := m.keyFunc(a.v[2], caseSensitive, nil)
		it, err := value.Iter(a.v[0])
		if err != nil {
			return nil, err
		}
		next := m.stepping(it)
		seen := value.NewDict(0)
		return func() (any, bool, error) {
			for {
				v, ok, err := next()
				if !ok || err != nil {
					return nil, false, err
				}
				k, err := key(v)
				if err != nil {
					return nil, false, err
				}
				_, dup, err := seen.Lookup(k)
				if err != nil {
					return nil, false, err
				}
				if dup {
					continue
				}
				if err := m.b.Alloc(64); err != nil {
					return nil, false, err
				}
				return v, true, seen.SetChecked(k, nil)
			}
		}, nil
	}), nil
}
