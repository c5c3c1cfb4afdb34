package jinja

import (
	"squall/internal/expr/value"
)

func defaultFilter() *builtin {
	return define("do_default", "value default_value boolean", defaults("", false), func(_ *frame, a arglist) (any, error) {
		if _, undef := a.v[0].(*undefined); undef {
			return a.v[1], nil
		}
		if falsy, err := truth(a.v[2]); err != nil || !falsy {
			return a.v[0], err
		}
		if yes, err := truth(a.v[0]); err != nil || yes {
			return a.v[0], err
		}
		return a.v[1], nil
	})
}

var miscFilters = map[string]*builtin{
	"d":       defaultFilter(),
	"default": defaultFilter(),
	"attr":    define("do_attr", "obj name", none, attrFilter).passed(),
	"pprint": define("do_pprint", "value", none, func(f *frame, a arglist) (any, error) {
		return pprint(f.m.b, a.v[0])
	}),
}

// attrFilter looks up an attribute only, never an item.
func attrFilter(f *frame, a arglist) (any, error) {
	name, ok := plainString(a.v[1])
	if !ok {
		return nil, value.TypeErrorf("attribute name must be string, not '%s'", value.TypeName(a.v[1]))
	}
	v, ok, err := f.m.attribute(a.v[0], name)
	if err != nil || ok {
		return v, err
	}
	return f.m.noAttr(a.v[0], a.v[1]), nil
}
