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
		if s.err == error(errAmbiguous) {
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

// run converts the arguments and runs the implementation.
func (ev *evaluation) run(s *site, c *candidate, f *frame, recv any, vals []any) (any, error) {
	fn := c.fn
	cl := &call{ev: ev, fn: fn, frame: f, args: make([]any, len(fn.params))}
	shift := 0
	if s.method {
		shift = 1
	}
	for i, p := range fn.params {
		var err error
		switch {
		case i < shift:
			cl.args[i], err = ev.convert(p, arg{v: recv}, recv, f)
		case i-shift < len(s.pos) && !s.pos[i-shift].skip:
			cl.args[i], err = ev.convert(p, s.pos[i-shift], vals[i-shift], f)
		default:
			k := slices.IndexFunc(s.kw, func(k kwarg) bool { return k.name == p.name })
			if k < 0 {
				cl.args[i], err = ev.convert(p, arg{v: p.def}, p.def, f)
			} else {
				cl.args[i], err = ev.convert(p, s.kw[k].arg, vals[len(s.pos)+k], f)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	for i := len(fn.params) - shift; i < len(s.pos); i++ {
		var v any
		var err error
		if i < 0 { // the receiver itself is variadic: [1].zip([2])
			v, err = ev.convert(fn.star, arg{v: recv}, recv, f)
		} else {
			v, err = ev.convert(fn.star, s.pos[i], vals[i], f)
		}
		if err != nil {
			return nil, err
		}
		cl.rest = append(cl.rest, v)
	}
	if fn.kwstar != nil {
		cl.kw = &value.Kwargs{}
		for i := range s.kw {
			if c.kw[i] != fn.kwstar {
				continue
			}
			v, err := ev.convert(fn.kwstar, s.kw[i].arg, vals[len(s.pos)+i], f)
			if err != nil {
				return nil, err
			}
			cl.kw.Set(s.kw[i].name, v)
		}
	}
	res, err := fn.impl(cl)
	if err != nil {
		return nil, err
	}
	return res, ev.checkMemoryOf(res)
}

// convert gives an argument the form the implementation expects.
func (ev *evaluation) convert(p *param, a arg, v any, f *frame) (any, error) {
	if err := ev.checkMemoryOf(v); err != nil {
		return nil, err
	}
	switch p.kind {
	case kString:
		switch s := v.(type) {
		case string:
			// Most functions look at the whole text.
			return v, ev.steps(len(s) >> 8)
		case value.Markup:
			return string(s), nil
		}
	case kDateTime:
		return asUTC(v), nil
	case kIterable, kIterableNotSet:
		if v != nil {
			return ev.limitIterable(v)
		}
	case kLambda, kLambdaCtx, kLambdaMethod, kLambdaMethodCtx:
		return ev.newLambda(a, f), nil
	case kLazyRule:
		r := a.n.(*ruleNode)
		return &lazyRule{key: &lambda{ev: ev, n: r.key, frame: f}, val: &lambda{ev: ev, n: r.val, frame: f}}, nil
	case kExpr, kCallExpr:
		return exprValue{a.n}, nil
	}
	return v, nil
}

// limitIterable applies limitIterators: sized collections are checked at once,
// others as they run. What is not sized comes out as an iterator.
func (ev *evaluation) limitIterable(v any) (any, error) {
	limit := ev.eng.opts.LimitIterators
	if n, ok := sizeOf(v); ok {
		if limit >= 0 && n > limit {
			return nil, tooLarge(limit)
		}
		return v, nil
	}
	if l, ok := v.(*lazy); ok && limit < 0 {
		return l, nil
	}
	return newLazyOnce(ev, func() (iteration, error) {
		it, err := rawIterate(v)
		if err != nil || limit < 0 {
			return it, err
		}
		n := 0
		return func() (any, bool, error) {
			x, ok, err := it()
			if ok && n >= limit {
				return nil, false, tooLarge(limit)
			}
			n++
			return x, ok, err
		}, nil
	}), nil
}

func tooLarge(limit int) error {
	return value.Errorf(classTooLarge, "Collection length exceeds %d elements", limit)
}

// sizeOf is the length of sequences, mappings and sets.
func sizeOf(v any) (int, bool) {
	if items, ok := seqItems(v); ok {
		return len(items), true
	}
	if d, ok := mapping(v); ok {
		return d.Len(), true
	}
	switch v := v.(type) {
	case *value.Set:
		return v.Len(), true
	case *view:
		return v.len(), v.kind != viewValues
	case value.Bytes:
		return len(v), true
	case *value.Range:
		n, err := v.Length()
		return n, err == nil
	}
	return 0, false
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
