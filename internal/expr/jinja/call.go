package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// builtin is a filter, test or global function.
type builtin struct {
	signatureOf
	typ     string // Python type when used as a value; empty means "function"
	context bool   // reads the template's context: never evaluated when compiling
	fn      func(f *frame, a arglist) (any, error)
}

// arglist are the arguments of a builtin after binding.
type arglist struct {
	v    []any         // one per declared parameter
	rest []any         // *args
	kw   *value.Kwargs // **kwargs
}

// signatureOf is the signature of a Python function, for binding arguments and
// for the wording of the errors when they do not fit.
type signatureOf struct {
	name     string
	params   []string
	required int   // leading params without default
	defaults []any // of params[required:]
	hidden   int   // parameters in front that the caller does not pass, but Python counts
	varargs  bool
	varkw    bool
	posonly  bool // a C function without keyword arguments
}

// bind arranges arguments by the signature.
func (s *signatureOf) bind(args []any, kw *value.Kwargs) (arglist, error) {
	n := len(s.params)
	if kw.Len() == 0 && len(args) == n {
		return arglist{v: args}, nil
	}
	if s.posonly {
		return s.bindC(args, kw)
	}
	a := arglist{v: make([]any, n)}
	for i := range n {
		if i < len(args) {
			a.v[i] = args[i]
		} else {
			a.v[i] = missing
		}
	}
	if s.varkw {
		a.kw = &value.Kwargs{}
	}
	for name, v := range kw.All() {
		i := indexOf(s.params, name)
		switch {
		case i >= 0 && !isMissing(a.v[i]):
			return a, value.TypeErrorf("%s() got multiple values for argument '%s'", s.name, name)
		case i >= 0:
			a.v[i] = v
		case s.varkw:
			a.kw.Set(name, v)
		default:
			return a, value.TypeErrorf("%s() got an unexpected keyword argument '%s'", s.name, name)
		}
	}
	if len(args) > n {
		if !s.varargs {
			return a, s.tooMany(len(args))
		}
		a.rest = args[n:]
	}
	var absent []string
	for i := range n {
		if !isMissing(a.v[i]) {
			continue
		}
		if i < s.required {
			absent = append(absent, "'"+s.params[i]+"'")
			continue
		}
		a.v[i] = s.defaults[i-s.required]
	}
	if len(absent) > 0 {
		return a, s.tooFew(absent)
	}
	return a, nil
}

func (s *signatureOf) bindC(args []any, kw *value.Kwargs) (arglist, error) {
	if kw.Len() > 0 {
		return arglist{}, value.TypeErrorf("%s() takes no keyword arguments", s.name)
	}
	if len(s.params) == 1 {
		return arglist{}, value.TypeErrorf("%s() takes exactly one argument (%d given)", s.name, len(args))
	}
	return arglist{}, value.TypeErrorf("%s expected %d arguments, got %d", s.name, len(s.params), len(args))
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

func (s *signatureOf) tooMany(given int) error {
	most, least := len(s.params)+s.hidden, s.required+s.hidden
	given += s.hidden
	takes := itoa(most) + " positional argument"
	if most != least {
		takes = "from " + itoa(least) + " to " + takes
	}
	if most != 1 {
		takes += "s"
	}
	were := "were"
	if given == 1 {
		were = "was"
	}
	return value.TypeErrorf("%s() takes %s but %d %s given", s.name, takes, given, were)
}

func (s *signatureOf) tooFew(absent []string) error {
	list, plural := absent[0], ""
	switch n := len(absent); {
	case n == 2:
		list, plural = absent[0]+" and "+absent[1], "s"
	case n > 2:
		list, plural = strings.Join(absent[:n-1], ", ")+", and "+absent[n-1], "s"
	}
	return value.TypeErrorf("%s() missing %d required positional argument%s: %s", s.name, len(absent), plural, list)
}

func (d *builtin) call(f *frame, args []any, kw *value.Kwargs) (any, error) {
	a, err := d.bind(args, kw)
	if err != nil {
		return nil, err
	}
	return d.fn(f, a)
}

// function is a builtin as a value: what the name "range" stands for. It is
// comparable, so that two lookups of one name give the same object.
type function struct {
	m   *machine
	def *builtin
}

func (fn function) TypeName() string {
	if fn.def.typ != "" {
		return fn.def.typ
	}
	return "function"
}

func (fn function) ReprText() (string, error) {
	switch fn.TypeName() {
	case "type":
		return "<class '" + fn.def.name + "'>", nil
	case "builtin_function_or_method":
		return "<built-in function " + fn.def.name + ">", nil
	}
	return "<function " + fn.def.name + ">", nil
}

// Call is a call from outside a template's own call expressions.
func (fn function) Call(args []any, kw *value.Kwargs) (any, error) {
	return fn.def.call(fn.m.newFrame(0, nil, &tcontext{m: fn.m, parent: globalsOnly{}}), args, kw)
}

// call calls any value.
func (m *machine) call(f *frame, fn any, args []any, kw *value.Kwargs) (any, error) {
	switch fn := fn.(type) {
	case function:
		return fn.def.call(f, args, kw)
	case *macro:
		return fn.call(args, kw, f.tc.autoescape)
	case value.Callable:
		return fn.Call(args, kw)
	}
	return nil, value.TypeErrorf("'%s' object is not callable", value.TypeName(fn))
}

// callNamed calls a filter or test by its name, as map and select do.
func (m *machine) callNamed(f *frame, table map[string]*builtin, kind string, name any, item any, args []any, kw *value.Kwargs) (any, error) {
	key, ok := plainString(name)
	def := table[key]
	if !ok || def == nil {
		if _, err := value.Hash(name); err != nil {
			return nil, err
		}
		msg := "No " + kind + " named " + reprAny(name) + "."
		if u, ok := name.(*undefined); ok {
			msg += " (" + u.message() + "; did you forget to quote the callable name?)"
		}
		return nil, value.Errorf(classRuntime, "%s", msg)
	}
	all := make([]any, 0, 1+len(args))
	return def.call(f, append(append(all, item), args...), kw)
}
