package jinja

import (
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// attrPath is the attribute argument of filters such as map and sort: names
// separated by dots, numbers among them being indexes.
type attrPath []any

func newAttrPath(attr any) attrPath {
	if attr == nil {
		return nil
	}
	s, ok := plainString(attr)
	if !ok {
		return attrPath{attr}
	}
	parts := strings.Split(s, ".")
	path := make(attrPath, len(parts))
	for i, p := range parts {
		path[i] = p
		if n, err := strconv.ParseInt(p, 10, 64); err == nil && p[0] != '-' && p[0] != '+' {
			path[i] = n
		}
	}
	return path
}

// get follows the path from v. A default that is not None replaces whatever is
// undefined on the way.
func (p attrPath) get(m *machine, v, def any) (any, error) {
	for _, part := range p {
		var err error
		if v, err = m.getitem(v, part); err != nil {
			return nil, err
		}
		if _, undef := v.(*undefined); undef && def != nil {
			v = def
		}
	}
	return v, nil
}

// foldCase lowers strings, for comparisons that ignore case.
func foldCase(v any) any {
	switch s := v.(type) {
	case string:
		return value.Lower(s)
	case value.Markup:
		return value.Markup(value.Lower(string(s)))
	}
	return v
}

// keyFunc is the sort key of an attribute path, with strings folded unless
// caseSensitive.
func (m *machine) keyFunc(attr any, caseSensitive bool, def any) func(any) (any, error) {
	path := newAttrPath(attr)
	return func(v any) (any, error) {
		if len(path) > 0 {
			var err error
			if v, err = path.get(m, v, def); err != nil {
				return nil, err
			}
		}
		if caseSensitive {
			return v, nil
		}
		return foldCase(v), nil
	}
}

// multiKeyFunc is the key of the sort filter: the values of attribute paths
// separated by commas, as a list. It is a list for one path, too: lists with
// equal elements compare without asking the elements for an order.
func (m *machine) multiKeyFunc(attr any, caseSensitive bool) func(any) (any, error) {
	keys := []func(any) (any, error){m.keyFunc(attr, caseSensitive, nil)}
	if s, ok := plainString(attr); ok {
		keys = keys[:0]
		for part := range strings.SplitSeq(s, ",") {
			keys = append(keys, m.keyFunc(part, caseSensitive, nil))
		}
	}
	return func(v any) (any, error) {
		if err := m.b.Alloc(32); err != nil {
			return nil, err
		}
		out := make([]any, len(keys))
		for i, key := range keys {
			k, err := key(v)
			if err != nil {
				return nil, err
			}
			out[i] = k
		}
		return &value.List{Items: out}, nil
	}
}

// reverseArg is the reverse argument of Python's sorted, which must be an int.
func reverseArg(v any) (bool, error) {
	n, err := value.AsIndex(v)
	return n != 0, err
}
