package yaql

import (
	"errors"
	"slices"

	"squall/internal/expr/value"
)

// layers collects the functions a name means in a frame: those defined by the
// expression first, then the library's.
func (ev *evaluation) layers(f *frame, name string, method bool) ([][]*function, error) {
	var out [][]*function
	if !method { // def() makes functions only
		key := trimName(name)
		for ; f != nil && f.hasFuncs; f = f.parent {
			if err := ev.step(); err != nil {
				return nil, err
			}
			if fns := f.funcs[key]; fns != nil {
				out = append(out, fns)
			}
		}
	}
	return append(out, ev.eng.table.lookup(name, method)...), nil
}

// call calls what the site names. recv is the receiver of a method.
func (ev *evaluation) call(s *site, f *frame, recv any) (any, error) {
	if f.hasFuncs && !s.method {
		dyn := newSite(s.name, s.method, s.raw)
		layers, err := ev.layers(f, s.name, s.method)
		if err != nil {
			return nil, err
		}
		dyn.prepare(&ev.eng.opts, layers)
		s = dyn
	}
	return ev.dispatch(s, f, recv, nil)
}

// callValues calls a function with values.
func (ev *evaluation) callValues(name string, f *frame, args ...any) (any, error) {
	return ev.dispatchValues(name, f, nil, false, args, nil)
}

func (ev *evaluation) dispatchValues(name string, f *frame, recv any, method bool, args []any, kw *value.Kwargs) (any, error) {
	raw := make([]arg, len(args))
	for i, a := range args {
		raw[i] = arg{v: a}
		if n, ok := a.(exprValue); ok {
			raw[i] = arg{n: n.n}
		}
	}
	s := newSite(name, method, raw)
	for k, v := range kw.All() {
		s.kw = append(s.kw, kwarg{name: k, arg: arg{v: v}})
	}
	layers, err := ev.layers(f, name, method)
	if err != nil {
		return nil, err
	}
	if kw.Len() > 0 && len(layers) > 0 && layers[0][0].noKwargs {
		k, _ := kw.At(0)
		return nil, value.Errorf(classArgument, "Invalid argument %s", k)
	}
	s.prepare(&ev.eng.opts, layers)
	return ev.dispatch(s, f, recv, nil)
}

// dispatch evaluates the arguments, unless vals already holds them, picks the
// overload and runs it.
func (ev *evaluation) dispatch(s *site, f *frame, recv any, vals []any) (any, error) {
	if err := ev.step(); err != nil {
		return nil, err
	}
	if !s.known {
		return nil, s.unknown(recv)
	}
	if s.err != nil {
		if errors.Is(s.err, errAmbiguous) {
			return nil, s.ambiguous(recv)
		}
		return nil, s.err
	}
	o := &ev.eng.opts
	// The candidates that take the receiver must agree on what is lazy.
	var lazy []bool
	found := false
	for _, lv := range s.levels {
		for i := range lv {
			c := &lv[i]
			if s.method && !c.pos[0].check(o, recv) {
				continue
			}
			if found && !slices.Equal(lazy, c.lazy) {
				return nil, s.ambiguous(recv)
			}
			lazy, found = c.lazy, true
		}
	}
	if !found {
		return nil, s.noMatch(recv)
	}
	if vals == nil {
		var err error
		if vals, err = ev.evalArgs(s, f, lazy); err != nil {
			return nil, err
		}
	}
	for _, lv := range s.levels {
		var winner *candidate
		for i := range lv {
			c := &lv[i]
			if !s.accepts(o, c, recv, vals) {
				continue
			}
			switch {
			case winner == nil || specialises(c, winner) && !specialises(winner, c):
				winner = c
			case !specialises(winner, c):
				return nil, s.ambiguous(recv)
			}
		}
		if winner != nil {
			return ev.run(s, winner, f, recv, vals)
		}
	}
	return nil, s.noMatch(recv)
}

// exprValue passes an unevaluated expression where values go.
type exprValue struct{ n node }

// evalArgs evaluates the eager arguments once, from left to right, keyword
// arguments last. Lazy ones and literals stay as they are: their slots hold nil.
func (ev *evaluation) evalArgs(s *site, f *frame, lazy []bool) ([]any, error) {
	shift := len(lazy) - len(s.pos) - len(s.kw)
	if len(s.pos)+len(s.kw) == 0 {
		return nil, nil
	}
	vals := make([]any, len(s.pos)+len(s.kw))
	for i := range vals {
		var a *arg
		if i < len(s.pos) {
			a = &s.pos[i]
		} else {
			a = &s.kw[i-len(s.pos)].arg
		}
		v, err := ev.evalArg(a, f, lazy[i+shift])
		if err != nil {
			return nil, err
		}
		vals[i] = v
	}
	return vals, nil
}

func (ev *evaluation) evalArg(a *arg, f *frame, lazy bool) (any, error) {
	switch {
	case a.skip:
		return noValue, nil
	case a.n == nil:
		return a.v, nil
	case lazy:
		return nil, nil
	}
	return a.n.eval(ev, f)
}

// accepts checks the evaluated arguments against a candidate's types.
func (s *site) accepts(o *engineOptions, c *candidate, recv any, vals []any) bool {
	shift := 0
	if s.method {
		if !c.pos[0].check(o, recv) {
			return false
		}
		shift = 1
	}
	for i := range s.pos {
		if !c.pos[i+shift].acceptsArg(o, &s.pos[i], vals[i]) {
			return false
		}
	}
	for i := range s.kw {
		if !c.kw[i].acceptsArg(o, &s.kw[i].arg, vals[len(s.pos)+i]) {
			return false
		}
	}
	return true
}

func (p *param) acceptsArg(o *engineOptions, a *arg, v any) bool {
	if a.skip && p.hasDefault {
		return true
	}
	if a.n != nil && (p.kind >= kStringConst) {
		return p.checkNode(o, a.n)
	}
	return p.check(o, v)
}

// specialises reports whether a is more specific than b: some parameter is a
// strict subtype and none is a supertype.
func specialises(a, b *candidate) bool {
	res := false
	for i := range a.pos {
		if moreSpecific(b.pos[i], a.pos[i]) {
			return false
		}
		res = res || moreSpecific(a.pos[i], b.pos[i])
	}
	for i := range a.kw {
		if moreSpecific(b.kw[i], a.kw[i]) {
			return false
		}
		res = res || moreSpecific(a.kw[i], b.kw[i])
	}
	return res
}
