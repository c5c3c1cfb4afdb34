package rule

import (
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/jsonpath"
	"squall/internal/expr/value"
)

// path is the prepared key of a criterion.
type path struct {
	expr *jsonpath.Path
	err  error // the key is no JSONPath
	// names is set for dotted names alone, by far the most of keys: they are
	// looked up without the machinery of JSONPath, with the same result.
	names []string
}

// compilePath prepares a key: what stands before the first "#".
func compilePath(key string) path {
	key, _, _ = strings.Cut(key, "#")
	var p path
	if p.expr, p.err = jsonpath.Parse(key); p.err != nil {
		return p
	}
	names := strings.Split(key, ".")
	for _, n := range names {
		if !plainName(n) {
			return p
		}
	}
	if names[0] != expr.ScopeSystem {
		p.names = names
	}
	return p
}

// plainName reports whether a step is a name that needs no quotes.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && ('0' <= c && c <= '9' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

// find gives the first value the key finds, also of several; nil when it finds
// nothing (st2).
func (p *path) find(m *matching, sc *scope) (any, error) {
	if p.err != nil {
		return nil, p.err
	}
	if p.names != nil {
		return p.walk(m, sc)
	}
	root := value.NewDict(2)
	if !sc.data {
		root.SetStr(expr.ScopeSystem, &entry{m: m})
	}
	root.SetStr(sc.name, sc.payload)
	found, err := p.expr.Find(m.b, root)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return native(found[0]), nil
}

func (p *path) walk(m *matching, sc *scope) (any, error) {
	if err := m.b.Step(int64(len(p.names))); err != nil {
		return nil, err
	}
	if p.names[0] != sc.name {
		return nil, nil
	}
	v := sc.payload
	for _, name := range p.names[1:] {
		d, ok := v.(*value.Dict)
		if !ok {
			return nil, nil
		}
		if v, ok = d.GetStr(name); !ok {
			return nil, nil
		}
	}
	return v, nil
}
