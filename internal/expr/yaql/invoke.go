package yaql

import (
	"slices"

	"squall/internal/expr/value"
)

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
