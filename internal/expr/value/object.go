package value

import "fmt"

// Object is a value that is not one of the built-in representations: an
// undefined name, a loop variable, a regular expression, a datastore lookup.
// What it can do beyond having a type is told by the optional interfaces below.
type Object interface {
	// TypeName is the Python class name used in messages.
	TypeName() string
}

// Callable is a function, macro or bound method.
type Callable interface {
	Object
	// Call may be called any number of times. args must not be kept.
	Call(args []any, kwargs *Kwargs) (any, error)
}

// Optional interfaces of Object. The second result of lookups says whether the
// object knows an answer; an error is a Python exception.
type (
	// Attrer has attributes (obj.name).
	Attrer interface {
		Attr(name string) (any, bool, error)
	}
	// Itemer has items (obj[key]).
	Itemer interface {
		Item(key any) (any, bool, error)
	}
	// Strer has its own str().
	Strer interface{ StrText() (string, error) }
	// Reprer has its own repr().
	Reprer interface{ ReprText() (string, error) }
	// Truther has its own truth value.
	Truther interface{ Truth() (bool, error) }
	// Iterable can be iterated.
	Iterable interface{ Iter() (Iterator, error) }
	// Lengther has a len().
	Lengther interface{ Length() (int, error) }
	// Equaler decides ==; known is false for Python's NotImplemented.
	Equaler interface {
		EqualTo(other any) (eq, known bool, err error)
	}
	// Hasher can be a dict key. Equal objects must have equal hashes.
	Hasher interface{ HashCode() (uint64, error) }
	// Comparer decides < <= > >= for itself on the left side.
	Comparer interface {
		CompareTo(op string, other any) (result, known bool, err error)
	}
	// BinaryOperator decides arithmetic; reflected means the object is the right
	// operand. op is the Python symbol, such as "+" or "//".
	BinaryOperator interface {
		BinaryOp(op string, other any, reflected bool) (result any, known bool, err error)
	}
	// UnaryOperator decides unary "-", "+", "~" and "abs".
	UnaryOperator interface {
		UnaryOp(op string) (result any, known bool, err error)
	}
	// Container decides "x in obj".
	Container interface{ Contains(v any) (bool, error) }
	// Inter converts to int; the result is an int64 or *big.Int.
	Inter interface{ IntValue() (any, error) }
	// Floater converts to float.
	Floater interface{ FloatValue() (float64, error) }
	// SpecFormatter has its own format(obj, spec).
	SpecFormatter interface {
		FormatText(b *Budget, spec string) (string, error)
	}
	// HTMLer has a safe HTML form (Python's __html__).
	HTMLer interface{ HTML() (string, error) }
)

// Func is a Callable made of a Go function.
type Func struct {
	Name string
	Type string // TypeName; empty means "builtin_function_or_method"
	Fn   func(args []any, kwargs *Kwargs) (any, error)
}

// TypeName implements Object.
func (f *Func) TypeName() string {
	if f.Type != "" {
		return f.Type
	}
	return "builtin_function_or_method"
}

// Call implements Callable.
func (f *Func) Call(args []any, kwargs *Kwargs) (any, error) { return f.Fn(args, kwargs) }

// ReprText implements Reprer.
func (f *Func) ReprText() (string, error) { return fmt.Sprintf("<built-in function %s>", f.Name), nil }

// Interface guards.
var (
	_ Callable       = (*Func)(nil)
	_ Callable       = (*boundMethod)(nil)
	_ Iterable       = (*DictView)(nil)
	_ Container      = (*DictView)(nil)
	_ Iterable       = (*Range)(nil)
	_ Itemer         = (*Range)(nil)
	_ Iterator       = (*SliceIter)(nil)
	_ Iterator       = (*FuncIter)(nil)
	_ Hasher         = Zone{}
	_ BinaryOperator = Complex(0)
)
