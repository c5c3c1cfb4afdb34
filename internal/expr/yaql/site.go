package yaql

import (
	"slices"

	"squall/internal/expr/value"
)

// arg is one argument as written, or (with a nil node) a value.
type arg struct {
	n    node
	v    any
	skip bool // left out: f(,1)
}

type kwarg struct {
	name string
	arg
}

// site is a place that calls something by name. The part of overload
// resolution that does not depend on values is done once, by prepare.
type site struct {
	name   string
	method bool
	raw    []arg   // as written, pairs included
	pos    []arg   // without the keyword arguments
	kw     []kwarg // keyword arguments
	badKey bool    // a pair has a key that is no bare word

	levels []level // candidates of the library whose form fits
	known  bool    // the library has the name at all
	err    error   // why no call from here can work, apart from values
}

type level []candidate

// candidate is a function with its parameters laid out along the arguments: the
// receiver first for methods, then the positional ones.
type candidate struct {
	fn   *function
	pos  []*param
	kw   []*param
	lazy []bool // of pos, then of kw
}

// newSite splits keyword arguments off.
func newSite(name string, method bool, raw []arg) *site {
	s := &site{name: name, method: method, raw: raw, pos: raw}
	if !slices.ContainsFunc(raw, isRule) {
		return s
	}
	s.pos = nil
	for _, a := range raw {
		r, ok := a.n.(*ruleNode)
		if !ok {
			s.pos = append(s.pos, a)
			continue
		}
		key, ok := r.key.(*constNode)
		if !ok || !key.keyword {
			s.badKey = true
			continue
		}
		name := key.val.(string)
		i := slices.IndexFunc(s.kw, func(k kwarg) bool { return k.name == name })
		if i < 0 {
			s.kw = append(s.kw, kwarg{name: name, arg: arg{n: r.val}})
		} else {
			s.kw[i].arg = arg{n: r.val} // a key given twice: the last one counts
		}
	}
	return s
}

func isRule(a arg) bool {
	_, ok := a.n.(*ruleNode)
	return ok
}

// prepare lays out the candidates found in layers.
func (s *site) prepare(o *engineOptions, layers [][]*function) {
	s.levels, s.err = nil, nil
	s.known = len(layers) > 0
	first := true
	var pairs bool
	for _, fns := range layers {
		var lv level
		for _, fn := range fns {
			if first {
				first, pairs = false, fn.noKwargs
				if !pairs && s.badKey {
					s.err = value.Errorf(classBadKey, "Cannot convert mapping to keyword argument")
					return
				}
				if pairs {
					s.pos, s.kw = s.raw, nil
				}
			} else if fn.noKwargs != pairs {
				s.err = errAmbiguous
				return
			}
			if c, ok := s.layOut(o, fn); ok {
				lv = append(lv, c)
			}
		}
		if lv != nil {
			s.levels = append(s.levels, lv)
		}
	}
}

// errAmbiguous stands for the error that names the receiver.
var errAmbiguous = value.Errorf(classAmbigFunc, "")

// layOut maps the arguments to the parameters of fn and checks literals.
func (s *site) layOut(o *engineOptions, fn *function) (candidate, bool) {
	shift := 0
	if s.method {
		shift = 1
	}
	n := len(s.pos) + shift
	c := candidate{fn: fn, pos: make([]*param, n)}
	for i := range c.pos {
		c.pos[i] = fn.star
	}
	if len(s.kw) > 0 {
		c.kw = make([]*param, len(s.kw))
	}
	for i, p := range fn.params {
		k := slices.IndexFunc(s.kw, func(k kwarg) bool { return k.name == p.name })
		given := i < n && (i < shift || !s.pos[i-shift].skip)
		switch {
		case given && k >= 0:
			return c, false
		case given:
			c.pos[i] = p
		case k >= 0:
			c.kw[k] = p
		case !p.hasDefault:
			return c, false
		case i < n:
			c.pos[i] = p
		}
	}
	for k := range c.kw {
		if c.kw[k] != nil {
			continue
		}
		if fn.kwstar == nil || !fn.kwstar.checkArg(o, s.kw[k].arg) {
			return c, false
		}
		c.kw[k] = fn.kwstar
	}
	for i, p := range c.pos {
		if p == nil {
			return c, false
		}
		if i >= shift && !p.checkArg(o, s.pos[i-shift]) {
			return c, false
		}
	}
	c.lazy = make([]bool, 0, n+len(c.kw))
	for _, p := range c.pos {
		c.lazy = append(c.lazy, p.kind.lazy())
	}
	for _, p := range c.kw {
		c.lazy = append(c.lazy, p.kind.lazy())
	}
	return c, true
}

// checkArg checks an argument before evaluation.
func (p *param) checkArg(o *engineOptions, a arg) bool {
	switch {
	case a.skip && p.hasDefault:
		return true
	case a.skip:
		return p.check(o, noValue)
	case a.n == nil:
		return p.check(o, a.v)
	}
	return p.checkNode(o, a.n)
}

func (s *site) subject(recv any) string {
	if !s.method {
		return `function "` + s.name + `"`
	}
	text, err := strOf(nil, recv)
	if err != nil {
		text = "<" + typeName(recv) + ">"
	}
	return `method "` + s.name + `" for receiver ` + text
}

func (s *site) fail(function, method, format string, recv any) error {
	class := function
	if s.method {
		class = method
	}
	return value.Errorf(class, format, s.subject(recv))
}

func (s *site) unknown(recv any) error {
	return s.fail(classNoFunction, classNoMethod, "Unknown %s", recv)
}

func (s *site) noMatch(recv any) error {
	return s.fail(classNoMatchFunc, classNoMatchMeth, "No %s matches supplied arguments", recv)
}

func (s *site) ambiguous(recv any) error {
	return s.fail(classAmbigFunc, classAmbigMeth, "Ambiguous %s", recv)
}
