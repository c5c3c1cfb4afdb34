package jinja

import (
	"squall/internal/expr/value"
)

var selectFilters = map[string]*builtin{
	"map":        define("sync_do_map", "value", none, mapFilter).contextual().variadic(true),
	"select":     define("sync_do_select", "value", none, selecting(true, false)).contextual().variadic(true),
	"reject":     define("sync_do_reject", "value", none, selecting(false, false)).contextual().variadic(true),
	"selectattr": define("sync_do_selectattr", "value", none, selecting(true, true)).contextual().variadic(true),
	"rejectattr": define("sync_do_rejectattr", "value", none, selecting(false, true)).contextual().variadic(true),
}

// overItems is a generator of what each makes of the items of v; prepare runs
// first, and not at all when v is false.
func (m *machine) overItems(v any, prepare func() (each func(item any) (out any, keep bool, err error), err error)) any {
	return generator(func() (func() (any, bool, error), error) {
		if yes, err := truth(v); err != nil || !yes {
			return nil, err
		}
		each, err := prepare()
		if err != nil {
			return nil, err
		}
		it, err := value.Iter(v)
		if err != nil {
			return nil, err
		}
		next := m.stepping(it)
		return func() (any, bool, error) {
			for {
				item, ok, err := next()
				if !ok || err != nil {
					return nil, false, err
				}
				out, keep, err := each(item)
				if err != nil {
					return nil, false, err
				}
				if keep {
					return out, true, nil
				}
			}
		}, nil
	})
}

func mapFilter(f *frame, a arglist) (any, error) {
	m := f.m
	return m.overItems(a.v[0], func() (func(any) (any, bool, error), error) {
		if attr, ok := a.kw.Get("attribute"); ok && len(a.rest) == 0 {
			def, _ := a.kw.Get("default")
			kw := a.kw.Clone()
			kw.Delete("attribute")
			kw.Delete("default")
			if kw.Len() > 0 {
				name, _ := kw.At(0)
				return nil, value.Errorf(classFilterArg, "Unexpected keyword argument %s", reprString(name))
			}
			path := newAttrPath(attr)
			return func(item any) (any, bool, error) {
				v, err := path.get(m, item, def)
				return v, true, err
			}, nil
		}
		if len(a.rest) == 0 {
			return nil, value.Errorf(classFilterArg, "map requires a filter argument")
		}
		return func(item any) (any, bool, error) {
			v, err := m.callNamed(f, m.env.filters, "filter", a.rest[0], item, a.rest[1:], a.kw)
			return v, true, err
		}, nil
	}), nil
}

// selecting makes select and its relatives: items that pass a test (or fail it,
// without keep), the test being of an attribute with byAttr.
func selecting(keep, byAttr bool) func(*frame, arglist) (any, error) {
	return func(f *frame, a arglist) (any, error) {
		m := f.m
		return m.overItems(a.v[0], func() (func(any) (any, bool, error), error) {
			args := a.rest
			var path attrPath
			if byAttr {
				if len(args) == 0 {
					return nil, value.Errorf(classFilterArg, "Missing parameter for attribute name")
				}
				path = newAttrPath(args[0])
				args = args[1:]
			}
			return func(item any) (any, bool, error) {
				v, err := path.get(m, item, nil)
				if err != nil {
					return nil, false, err
				}
				if len(args) > 0 {
					if v, err = m.callNamed(f, m.env.tests, "test", args[0], v, args[1:], a.kw); err != nil {
						return nil, false, err
					}
				}
				yes, err := truth(v)
				return item, yes == keep, err
			}, nil
		}), nil
	}
}
