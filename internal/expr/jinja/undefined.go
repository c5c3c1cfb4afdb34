package jinja

import (
	"squall/internal/expr/value"
)

const (
	classUndefined = "UndefinedError"
	classSecurity  = "SecurityError"
	classRuntime   = "TemplateRuntimeError"
	classFilterArg = "FilterArgumentError"
	classNotFound  = "TemplateNotFound"
)

// undefined is the value of a name, attribute or item that does not exist.
// Plain it prints as nothing and is false; strict it fails in those cases too.
// What remains is passing it around and asking whether it is defined.
type undefined struct {
	strict bool
	unsafe bool // using it is a SecurityError
	hasObj bool
	hint   string
	obj    any    // where the lookup failed, with hasObj
	name   any    // what was looked for
	typ    string // what messages call obj, if it is not plain from its type
}

func (u *undefined) message() string {
	switch name, isText := plainString(u.name); {
	case u.hint != "":
		return u.hint
	case !u.hasObj:
		return reprAny(u.name) + " is undefined"
	case !isText:
		return u.objType() + " has no element " + reprAny(u.name)
	default:
		return value.StrRepr(u.objType()) + " has no attribute " + value.StrRepr(name)
	}
}

func (u *undefined) objType() string {
	if u.typ != "" {
		return u.typ
	}
	return objectTypeRepr(u.obj)
}

// fail is the error of using the value.
func (u *undefined) fail() error {
	class := classUndefined
	if u.unsafe {
		class = classSecurity
	}
	return &value.Error{Class: class, Msg: u.message()}
}

func (u *undefined) TypeName() string {
	if u.strict {
		return "StrictUndefined"
	}
	return "Undefined"
}

func (u *undefined) typePath() string { return "jinja2.runtime." + u.TypeName() }

func (u *undefined) StrText() (string, error) {
	if u.strict {
		return "", u.fail()
	}
	return "", nil
}

func (u *undefined) ReprText() (string, error) { return "Undefined", nil }

func (u *undefined) Truth() (bool, error) {
	if u.strict {
		return false, u.fail()
	}
	return false, nil
}

func (u *undefined) Iter() (value.Iterator, error) {
	if u.strict {
		return nil, u.fail()
	}
	return &value.FuncIter{Fn: func() (any, bool, error) { return nil, false, nil }}, nil
}

func (u *undefined) Length() (int, error) {
	if u.strict {
		return 0, u.fail()
	}
	return 0, nil
}

func (u *undefined) EqualTo(other any) (eq, known bool, err error) {
	if u.strict {
		return false, true, u.fail()
	}
	o, ok := other.(*undefined)
	return ok && o.strict == u.strict, true, nil
}

func (u *undefined) HashCode() (uint64, error) {
	if u.strict {
		return 0, u.fail()
	}
	return 0x756e646566, nil
}

func (u *undefined) Contains(any) (bool, error) {
	if u.strict {
		return false, u.fail()
	}
	return false, nil
}

func (u *undefined) CompareTo(string, any) (result, known bool, err error) {
	return false, true, u.fail()
}

func (u *undefined) BinaryOp(string, any, bool) (result any, known bool, err error) {
	return nil, true, u.fail()
}

func (u *undefined) UnaryOp(op string) (result any, known bool, err error) {
	if op != "-" && op != "+" {
		return nil, false, nil
	}
	return nil, true, u.fail()
}

func (u *undefined) IntValue() (any, error)                 { return nil, u.fail() }
func (u *undefined) FloatValue() (float64, error)           { return 0, u.fail() }
func (u *undefined) Item(any) (any, bool, error)            { return nil, false, u.fail() }
func (u *undefined) Call([]any, *value.Kwargs) (any, error) { return nil, u.fail() }

// Attr fails for all names but Python's own special ones, which it does not have.
func (u *undefined) Attr(name string) (any, bool, error) {
	if isDunder(name) {
		return nil, false, nil
	}
	return nil, false, u.fail()
}

func isDunder(name string) bool {
	return len(name) >= 4 && name[:2] == "__" && name[len(name)-2:] == "__"
}

// Interface guards
var (
	_ value.Callable       = (*undefined)(nil)
	_ value.Attrer         = (*undefined)(nil)
	_ value.Itemer         = (*undefined)(nil)
	_ value.Strer          = (*undefined)(nil)
	_ value.Reprer         = (*undefined)(nil)
	_ value.Truther        = (*undefined)(nil)
	_ value.Iterable       = (*undefined)(nil)
	_ value.Lengther       = (*undefined)(nil)
	_ value.Equaler        = (*undefined)(nil)
	_ value.Hasher         = (*undefined)(nil)
	_ value.Comparer       = (*undefined)(nil)
	_ value.BinaryOperator = (*undefined)(nil)
	_ value.UnaryOperator  = (*undefined)(nil)
	_ value.Container      = (*undefined)(nil)
	_ value.Inter          = (*undefined)(nil)
	_ value.Floater        = (*undefined)(nil)
)

// typePather is implemented by objects whose class is outside Python's builtins.
type typePather interface{ typePath() string }

// objectTypeRepr names an object in "... has no attribute" messages.
func objectTypeRepr(v any) string {
	switch o := v.(type) {
	case nil:
		return "None"
	case typePather:
		return o.typePath() + " object"
	}
	return value.TypePath(v) + " object"
}

// plainString is the text of a str or Markup.
func plainString(v any) (string, bool) { return value.AsString(v) }

// reprAny is repr() for messages: it never fails.
func reprAny(v any) string {
	s, err := value.Repr(nil, v)
	if err != nil {
		return "<" + value.TypeName(v) + " object>"
	}
	return s
}

func errNoLoader() error { return value.TypeErrorf("no loader for this environment specified") }

func errTemplateNotFound(name any) error {
	s, err := value.Str(nil, name)
	if err != nil {
		return err
	}
	return value.Errorf(classNotFound, "%s", s)
}
