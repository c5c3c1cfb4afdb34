package value

import "math/big"

// List is Python's list: mutable, with identity.
type List struct{ Items []any }

// NewList makes a list of its arguments.
func NewList(items ...any) *List { return &List{Items: items} }

// Tuple is Python's tuple. Its elements are never changed after creation. Two
// tuples cannot be compared with ==; use Equal or Is.
type Tuple []any

// Bytes is Python's bytes.
type Bytes string

// Markup is a string marked as safe HTML (MarkupSafe's Markup).
type Markup string

// ellipsis is Python's Ellipsis, which literals can produce.
type ellipsis struct{}

// Ellipsis is the value of the literal "...".
var Ellipsis Object = ellipsis{}

func (ellipsis) TypeName() string          { return "ellipsis" }
func (ellipsis) ReprText() (string, error) { return "Ellipsis", nil }

// TypeName returns the name of v's Python class without module.
func TypeName(v any) string {
	switch x := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List:
		return "list"
	case Tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *Set:
		if x.Frozen {
			return "frozenset"
		}
		return "set"
	case Bytes:
		return "bytes"
	case Markup:
		return "Markup"
	case DateTime:
		return "datetime.datetime"
	case Date:
		return "datetime.date"
	case TimeSpan:
		return "datetime.timedelta"
	case Object:
		return x.TypeName()
	}
	return "object"
}

// TypePath returns v's class with its module, as type(v) prints it for classes
// outside builtins ("datetime.datetime", "markupsafe.Markup").
func TypePath(v any) string {
	if _, ok := v.(Markup); ok {
		return "markupsafe.Markup"
	}
	return TypeName(v)
}

// IsInt reports whether v is an int, bool excluded.
func IsInt(v any) bool {
	switch v.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

// IsNumber reports whether v is an int or a float, bool excluded.
func IsNumber(v any) bool {
	switch v.(type) {
	case int64, float64, *big.Int:
		return true
	}
	return false
}

// IsString reports whether v is a str, Markup included.
func IsString(v any) bool {
	switch v.(type) {
	case string, Markup:
		return true
	}
	return false
}

// AsString returns the text of a str or Markup.
func AsString(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case Markup:
		return string(x), true
	}
	return "", false
}
