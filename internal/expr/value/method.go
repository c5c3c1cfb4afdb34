package value

import (
	"fmt"
	"math/big"
	"slices"
)

// call is one method call: the receiver and its checked arguments.
type call struct {
	b    *Budget
	name string
	self any
	args []any // positional ones, or all in the order of the parameters
	kw   *Kwargs
}

// absent stands for a parameter that was not given.
type absent struct{}

// given returns argument i; ok is false when it was left out.
func (c *call) given(i int) (any, bool) {
	if i >= len(c.args) {
		return nil, false
	}
	if _, no := c.args[i].(absent); no {
		return nil, false
	}
	return c.args[i], true
}

// or returns argument i, or def when it was left out.
func (c *call) or(i int, def any) any {
	if v, ok := c.given(i); ok {
		return v
	}
	return def
}

// argType names v's type as argument errors do.
func argType(v any) string {
	if v == nil {
		return "None"
	}
	return TypeName(v)
}

// cInt returns argument i as a C int.
func (c *call) cInt(i int, def int64) (int64, error) {
	v, ok := c.given(i)
	if !ok {
		return def, nil
	}
	n, err := AsIndex(v)
	if err == nil && n != int64(int32(n)) {
		err = OverflowErrorf("Python int too large to convert to C int")
	}
	return n, err
}

// size returns argument i as a Py_ssize_t.
func (c *call) size(i int, def int64) (int64, error) {
	v, ok := c.given(i)
	if !ok {
		return def, nil
	}
	return asSize(v)
}

// argStyle is one of CPython's ways of parsing arguments, which differ in the
// text of their errors.
type argStyle uint8

const (
	styleNone     argStyle = iota // METH_NOARGS
	styleOne                      // METH_O
	styleUnpack                   // _PyArg_CheckPositional
	styleParse                    // PyArg_ParseTuple
	styleKeywords                 // Argument Clinic with keywords
	styleAny                      // *args, **kwargs
	styleVariadic                 // *args
)

type methodFunc func(c *call) (any, error)

// method describes a built-in method.
type method struct {
	style    argStyle
	min, max int
	names    []string // parameter names (styleKeywords)
	fn       methodFunc
}

func noArgs(fn methodFunc) *method   { return &method{style: styleNone, fn: fn} }
func oneArg(fn methodFunc) *method   { return &method{style: styleOne, fn: fn} }
func anyArgs(fn methodFunc) *method  { return &method{style: styleAny, fn: fn} }
func variadic(fn methodFunc) *method { return &method{style: styleVariadic, fn: fn} }

func unpack(least, most int, fn methodFunc) *method {
	return &method{style: styleUnpack, min: least, max: most, fn: fn}
}

func parsed(least, most int, fn methodFunc) *method {
	return &method{style: styleParse, min: least, max: most, fn: fn}
}

// keywords makes a method whose parameters can be given by name; the first
// required ones must be given.
func keywords(required int, fn methodFunc, names ...string) *method {
	return &method{style: styleKeywords, min: required, max: len(names), names: names, fn: fn}
}

func (m *method) call(b *Budget, self any, name string, args []any, kw *Kwargs) (any, error) {
	c := call{b: b, name: name, self: self, args: args, kw: kw}
	if err := b.Step(1); err != nil {
		return nil, err
	}
	if err := m.check(&c); err != nil {
		return nil, err
	}
	return m.fn(&c)
}

func plural(n int) string {
	if n == 1 {
		return "argument"
	}
	return "arguments"
}

// shortType is a type's name as it stands before a method's name.
func shortType(v any) string {
	switch v.(type) {
	case DateTime:
		return "datetime"
	case Date:
		return "date"
	case TimeSpan:
		return "timedelta"
	case Markup:
		return "str"
	}
	return TypeName(v)
}

func (m *method) check(c *call) error {
	n := len(c.args)
	switch m.style {
	case styleAny:
		return nil
	case styleKeywords:
		return m.bind(c)
	}
	if c.kw.Len() > 0 {
		if m.style == styleVariadic || m.style == styleParse {
			return TypeErrorf("%s() takes no keyword arguments", c.name)
		}
		return TypeErrorf("%s.%s() takes no keyword arguments", shortType(c.self), c.name)
	}
	switch m.style {
	case styleNone:
		if n > 0 {
			return TypeErrorf("%s.%s() takes no arguments (%d given)", shortType(c.self), c.name, n)
		}
	case styleOne:
		if n != 1 {
			return TypeErrorf("%s.%s() takes exactly one argument (%d given)", shortType(c.self), c.name, n)
		}
	case styleUnpack:
		switch {
		case n >= m.min && n <= m.max:
		case m.min == m.max:
			return TypeErrorf("%s expected %d %s, got %d", c.name, m.min, plural(m.min), n)
		case n < m.min:
			return TypeErrorf("%s expected at least %d %s, got %d", c.name, m.min, plural(m.min), n)
		default:
			return TypeErrorf("%s expected at most %d %s, got %d", c.name, m.max, plural(m.max), n)
		}
	case styleParse:
		switch {
		case n >= m.min && n <= m.max:
		case m.min == m.max:
			return TypeErrorf("%s() takes exactly %d %s (%d given)", c.name, m.min, plural(m.min), n)
		case n < m.min:
			return TypeErrorf("%s() takes at least %d %s (%d given)", c.name, m.min, plural(m.min), n)
		default:
			return TypeErrorf("%s() takes at most %d %s (%d given)", c.name, m.max, plural(m.max), n)
		}
	}
	return nil
}

// bind puts keyword arguments into their places.
func (m *method) bind(c *call) error {
	n := len(c.args)
	if n+c.kw.Len() > m.max {
		return TypeErrorf("%s() takes at most %d %s (%d given)", c.name, m.max, plural(m.max), n+c.kw.Len())
	}
	if c.kw.Len() == 0 && n >= m.min {
		return nil
	}
	args := make([]any, m.max)
	copy(args, c.args)
	for i := n; i < m.max; i++ {
		v, ok := c.kw.Get(m.names[i])
		switch {
		case ok:
			args[i] = v
		case i < m.min:
			return TypeErrorf("%s() missing required argument '%s' (pos %d)", c.name, m.names[i], i+1)
		default:
			args[i] = absent{}
		}
	}
	for name := range c.kw.All() {
		switch i := slices.Index(m.names, name); {
		case i < 0:
			return TypeErrorf("'%s' is an invalid keyword argument for %s()", name, c.name)
		case i < n:
			return TypeErrorf("argument for %s() given by name ('%s') and position (%d)", c.name, name, i+1)
		}
	}
	c.args = args
	return nil
}

// lookupMethod finds a built-in method of self's type.
func lookupMethod(self any, name string) *method {
	switch v := self.(type) {
	case string:
		if m := strMethods[name]; m != nil {
			return m
		}
		return formatMethod(self, name)
	case *Dict:
		return dictMethods[name]
	case *List:
		return listMethods[name]
	case Markup:
		if m := markupMethods[name]; m != nil {
			return m
		}
		if m := strMethods[name]; m != nil {
			return m
		}
		return formatMethod(self, name)
	case Tuple:
		return tupleMethods[name]
	case int64, *big.Int, bool:
		return intMethods[name]
	case float64:
		return floatMethods[name]
	case *Set:
		return setMethod(v, name)
	case Bytes:
		return bytesMethods[name]
	case DateTime:
		return datetimeMethods[name]
	case Date:
		return dateMethods[name]
	case TimeSpan:
		return timedeltaMethods[name]
	case *DictView:
		return viewMethods[name]
	case *Range:
		return rangeMethods[name]
	}
	return nil
}

// boundMethod is a built-in method together with its receiver.
type boundMethod struct {
	b    *Budget
	self any
	name string
	m    *method
}

// TypeName implements Object.
func (*boundMethod) TypeName() string { return "builtin_function_or_method" }

// Call implements Callable.
func (f *boundMethod) Call(args []any, kw *Kwargs) (any, error) {
	return f.m.call(f.b, f.self, f.name, args, kw)
}

// ReprText implements Reprer, without the address Python shows.
func (f *boundMethod) ReprText() (string, error) {
	return fmt.Sprintf("<built-in method %s of %s object>", f.name, TypeName(f.self)), nil
}

// EqualTo implements Equaler: bound methods are equal when both parts are.
func (f *boundMethod) EqualTo(other any) (bool, bool, error) {
	o, ok := other.(*boundMethod)
	return ok && o.m == f.m && o.name == f.name && Is(o.self, f.self), ok, nil
}

// HashCode implements Hasher.
func (f *boundMethod) HashCode() (uint64, error) { return Hash(f.name) }

// Receiver returns the object a built-in method is bound to and the method's
// name, for callers that must treat some methods specially (a sandbox
// intercepts str.format).
func Receiver(f any) (self any, name string, ok bool) {
	m, ok := f.(*boundMethod)
	if !ok {
		return nil, "", false
	}
	return m.self, m.name, true
}

// Method returns the built-in method of obj called name, bound to obj and to
// the budget its calls will be charged to.
func Method(b *Budget, obj any, name string) (Callable, bool) {
	m := lookupMethod(obj, name)
	if m == nil {
		return nil, false
	}
	return &boundMethod{b: b, self: obj, name: name, m: m}, true
}

// HasMethod reports whether obj's built-in type has a method called name.
func HasMethod(obj any, name string) bool { return lookupMethod(obj, name) != nil }

// CallMethod calls obj.name(args, kw) without making a bound method first. For
// an Attrer the attribute is called.
func CallMethod(b *Budget, obj any, name string, args []any, kw *Kwargs) (any, error) {
	if m := lookupMethod(obj, name); m != nil {
		return m.call(b, obj, name, args, kw)
	}
	f, err := GetAttr(b, obj, name)
	if err != nil {
		return nil, err
	}
	return Call(f, args, kw)
}

// Call calls f, or fails with Python's TypeError when it is not callable.
func Call(f any, args []any, kw *Kwargs) (any, error) {
	if c, ok := f.(Callable); ok {
		return c.Call(args, kw)
	}
	return nil, TypeErrorf("'%s' object is not callable", TypeName(f))
}

// Attr returns the attribute obj.name: a built-in method or data attribute, or
// what an Attrer answers.
func Attr(b *Budget, obj any, name string) (any, bool, error) {
	if o, ok := obj.(Attrer); ok {
		return o.Attr(name)
	}
	if m := lookupMethod(obj, name); m != nil {
		return &boundMethod{b: b, self: obj, name: name, m: m}, true, nil
	}
	v, ok := dataAttr(obj, name)
	return v, ok, nil
}

// GetAttr is Attr with Python's AttributeError.
func GetAttr(b *Budget, obj any, name string) (any, error) {
	v, ok, err := Attr(b, obj, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, AttributeErrorf("'%s' object has no attribute '%s'", TypeName(obj), name)
	}
	return v, nil
}

// dataAttr returns the attributes of built-in types that are not methods.
func dataAttr(obj any, name string) (any, bool) {
	switch x := obj.(type) {
	case int64, *big.Int, bool:
		switch name {
		case "real", "numerator":
			v, err := Pos(x)
			return v, err == nil
		case "imag":
			return int64(0), true
		case "denominator":
			return int64(1), true
		}
	case float64:
		switch name {
		case "real":
			return x, true
		case "imag":
			return 0.0, true
		}
	case DateTime:
		return x.field(name)
	case Date:
		return x.field(name)
	case TimeSpan:
		return x.field(name)
	case *Range:
		switch name {
		case "start":
			return x.Start, true
		case "stop":
			return x.Stop, true
		case "step":
			return x.Step, true
		}
	case *SliceKey:
		switch name {
		case "start":
			return x.Start, true
		case "stop":
			return x.Stop, true
		case "step":
			return x.Step, true
		}
	case *DictView:
		if name == "mapping" {
			return x.Dict, true
		}
	}
	return nil, false
}
