package yaql

import (
	"squall/internal/expr/value"
)

// lambda is an argument that was not evaluated: an expression together with
// the context it was written in, or a plain value that acts as a constant.
type lambda struct {
	ev    *evaluation
	n     node
	v     any // when n is nil
	frame *frame

	// own is the frame of the last call, used again when the expression cannot
	// have kept it: a where() over a thousand elements makes one frame.
	own  *frame
	busy bool
}

// lazyRule is a k => v pair with both sides unevaluated.
type lazyRule struct{ key, val *lambda }

// newLambda makes the argument of a lambda parameter; nothing for null.
func (ev *evaluation) newLambda(a arg, f *frame) any {
	switch {
	case a.n != nil:
		return &lambda{ev: ev, n: a.n, frame: f}
	case a.v == nil:
		return nil
	}
	if fv, ok := a.v.(*lambdaValue); ok && fv.l.n != nil {
		return &lambda{ev: ev, n: fv.l.n, frame: f}
	}
	return &lambda{ev: ev, v: a.v, frame: f}
}

// call0 evaluates without arguments.
func (l *lambda) call0() (any, error) {
	if l == nil {
		return nil, errNotCallable
	}
	return l.in(newFrame(l.frame), nil, nil)
}

// errNotCallable is for a lambda that call() passed null for.
var errNotCallable = value.TypeErrorf("'NoneType' object is not callable")

// call1 evaluates with $1 (and $) bound.
func (l *lambda) call1(x any) (any, error) {
	if l == nil {
		return nil, errNotCallable
	}
	if l.n == nil {
		return l.constant([]any{x}, nil)
	}
	if !l.n.simple() || l.busy {
		return l.callN(x)
	}
	if l.own == nil {
		l.own = newFrame(l.frame)
		l.own.args = make([]any, 1)
	}
	l.own.args[0] = x
	l.busy = true
	v, err := l.n.eval(l.ev, l.own)
	l.busy = false
	return v, err
}

// callN evaluates with any number of arguments bound.
func (l *lambda) callN(args ...any) (any, error) {
	if l == nil {
		return nil, errNotCallable
	}
	f := newFrame(l.frame)
	f.args = args
	return l.in(f, args, nil)
}

// callKw also binds keyword arguments.
func (l *lambda) callKw(args []any, kw *value.Kwargs) (any, error) {
	if l == nil {
		return nil, errNotCallable
	}
	f := newFrame(l.frame)
	f.args = args
	for k, v := range kw.All() {
		f.set(k, v)
	}
	return l.in(f, args, kw)
}

// in evaluates in a given frame.
func (l *lambda) in(f *frame, args []any, kw *value.Kwargs) (any, error) {
	if l == nil {
		return nil, errNotCallable
	}
	if l.n == nil {
		return l.constant(args, kw)
	}
	if err := l.ev.enter(); err != nil {
		return nil, err
	}
	defer l.ev.leave()
	return l.n.eval(l.ev, f)
}

func (l *lambda) constant(args []any, kw *value.Kwargs) (any, error) {
	if c, ok := l.v.(value.Callable); ok {
		return c.Call(args, kw)
	}
	return l.v, nil
}

// test evaluates with one argument and takes the truth of the result.
func (l *lambda) test(x any) (bool, error) {
	v, err := l.call1(x)
	if err != nil {
		return false, err
	}
	return truth(v)
}

// lambdaValue is a lambda as a value, made by lambda() where delegates are on.
type lambdaValue struct{ l *lambda }

// TypeName implements value.Object.
func (*lambdaValue) TypeName() string { return "function" }

// Call implements value.Callable.
func (f *lambdaValue) Call(args []any, kw *value.Kwargs) (any, error) {
	return f.l.callKw(append([]any(nil), args...), kw)
}

var _ value.Callable = (*lambdaValue)(nil)
