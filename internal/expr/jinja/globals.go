package jinja

import (
	"squall/internal/expr/value"
)

// maxRange is the sandbox's limit for range().
const maxRange = 100_000

// builtinGlobals are Jinja's global functions.
var builtinGlobals = map[string]*builtin{
	"range":     define("safe_range", "", none, rangeGlobal).variadic(false),
	"dict":      define("dict", "", none, dictGlobal).variadic(true).class(),
	"lipsum":    define("generate_lorem_ipsum", "n html min max", defaults(int64(5), true, int64(20), int64(100)), lipsum),
	"cycler":    define("jinja2.utils.Cycler", "", none, newCycler).variadic(false).class(),
	"joiner":    define("jinja2.utils.Joiner", "sep", defaults(", "), newJoiner).passed().class(),
	"namespace": define("jinja2.utils.Namespace", "", none, newNamespace).variadic(true).class(),
}

func rangeGlobal(_ *frame, a arglist) (any, error) {
	r, err := value.NewRange(a.rest...)
	if err != nil {
		return nil, err
	}
	if r.Len() > maxRange {
		return nil, value.OverflowErrorf("Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
	}
	return r, nil
}

func dictGlobal(f *frame, a arglist) (any, error) { return f.m.makeDict(a) }

// makeDict is Python's dict(...).
func (m *machine) makeDict(a arglist) (*value.Dict, error) {
	if len(a.rest) > 1 {
		return nil, value.TypeErrorf("dict expected at most 1 argument, got %d", len(a.rest))
	}
	if len(a.rest) == 1 {
		// Python looks for a method "keys", which an undefined value refuses.
		if u, ok := a.rest[0].(*undefined); ok {
			return nil, u.fail()
		}
	}
	d := value.NewDict(a.kw.Len())
	if len(a.rest) == 0 && a.kw.Len() == 0 {
		return d, nil
	}
	_, err := value.CallMethod(m.b, d, "update", a.rest, a.kw)
	return d, err
}

// namespace is an object whose attributes a template may set anywhere.
type namespace struct {
	m        *machine
	attrs    *value.Dict
	printing bool // a namespace may hold itself
}

func newNamespace(f *frame, a arglist) (any, error) {
	d, err := f.m.makeDict(a)
	if err != nil {
		return nil, err
	}
	return &namespace{m: f.m, attrs: d}, nil
}

func (n *namespace) TypeName() string { return "Namespace" }
func (n *namespace) typePath() string { return "jinja2.utils.Namespace" }

func (n *namespace) Attr(name string) (any, bool, error) {
	v, ok := n.attrs.GetStr(name)
	return v, ok, nil
}

func (n *namespace) ReprText() (string, error) {
	if n.printing {
		return "<Namespace {...}>", nil
	}
	if err := n.m.b.Enter(); err != nil {
		return "", err
	}
	defer n.m.b.Leave()
	n.printing = true
	defer func() { n.printing = false }()
	s, err := value.Repr(n.m.b, n.attrs)
	return "<Namespace " + s + ">", err
}

// cycler goes round its items.
type cycler struct {
	items value.Tuple
	pos   int
}

func newCycler(_ *frame, a arglist) (any, error) {
	if len(a.rest) == 0 {
		return nil, value.Errorf("RuntimeError", "at least one item has to be provided")
	}
	return &cycler{items: append(value.Tuple{}, a.rest...)}, nil
}

func (c *cycler) TypeName() string { return "Cycler" }
func (c *cycler) typePath() string { return "jinja2.utils.Cycler" }

func (c *cycler) Attr(name string) (any, bool, error) {
	switch name {
	case "items":
		return c.items, true, nil
	case "pos":
		return int64(c.pos), true, nil
	case "current":
		return c.items[c.pos], true, nil
	case "next":
		return method(name, c.next), true, nil
	case "reset":
		return method(name, c.reset), true, nil
	}
	return nil, false, nil
}

func (c *cycler) next(args []any, kw *value.Kwargs) (any, error) {
	if _, err := (&signatureOf{name: "Cycler.next", hidden: 1}).bind(args, kw); err != nil {
		return nil, err
	}
	v := c.items[c.pos]
	c.pos = (c.pos + 1) % len(c.items)
	return v, nil
}

func (c *cycler) reset(args []any, kw *value.Kwargs) (any, error) {
	_, err := (&signatureOf{name: "Cycler.reset", hidden: 1}).bind(args, kw)
	c.pos = 0
	return nil, err
}

// joiner gives nothing the first time and its separator afterwards.
type joiner struct {
	sep  any
	used bool
}

func newJoiner(_ *frame, a arglist) (any, error) { return &joiner{sep: a.v[0]}, nil }

func (j *joiner) TypeName() string { return "Joiner" }
func (j *joiner) typePath() string { return "jinja2.utils.Joiner" }

func (j *joiner) Attr(name string) (any, bool, error) {
	switch name {
	case "sep":
		return j.sep, true, nil
	case "used":
		return j.used, true, nil
	}
	return nil, false, nil
}

func (j *joiner) Call(args []any, kw *value.Kwargs) (any, error) {
	if _, err := (&signatureOf{name: "Joiner.__call__", hidden: 1}).bind(args, kw); err != nil {
		return nil, err
	}
	if !j.used {
		j.used = true
		return "", nil
	}
	return j.sep, nil
}
