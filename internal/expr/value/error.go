package value

import (
	"errors"
	"fmt"
)

// Error is a Python exception as a Go error.
type Error struct {
	Class string // Python class name without module, such as "TypeError"
	Msg   string // what str(exception) gives in Python
	Line  int    // line of the template or expression, 0 when unknown
	Err   error  // underlying Go error, if any
}

// Error returns "Class: message", the last line of a Python traceback.
func (e *Error) Error() string {
	if e.Msg == "" {
		return e.Class
	}
	return e.Class + ": " + e.Msg
}

// Unwrap returns the underlying Go error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of any class.
func Errorf(class, format string, args ...any) *Error {
	return &Error{Class: class, Msg: fmt.Sprintf(format, args...)}
}

// TypeErrorf makes a TypeError.
func TypeErrorf(format string, args ...any) *Error { return Errorf("TypeError", format, args...) }

// ValueErrorf makes a ValueError.
func ValueErrorf(format string, args ...any) *Error { return Errorf("ValueError", format, args...) }

// IndexErrorf makes an IndexError.
func IndexErrorf(format string, args ...any) *Error { return Errorf("IndexError", format, args...) }

// AttributeErrorf makes an AttributeError.
func AttributeErrorf(format string, args ...any) *Error {
	return Errorf("AttributeError", format, args...)
}

// OverflowErrorf makes an OverflowError.
func OverflowErrorf(format string, args ...any) *Error {
	return Errorf("OverflowError", format, args...)
}

// ZeroDivisionErrorf makes a ZeroDivisionError.
func ZeroDivisionErrorf(format string, args ...any) *Error {
	return Errorf("ZeroDivisionError", format, args...)
}

// RecursionErrorf makes a RecursionError; it matches ErrLimit.
func RecursionErrorf(format string, args ...any) *Error {
	e := Errorf("RecursionError", format, args...)
	e.Err = ErrLimit
	return e
}

// KeyError makes the KeyError Python raises for a missing key: its text is the
// key's repr.
func KeyError(key any) *Error {
	text, err := Repr(nil, key)
	if err != nil {
		text = "<" + TypeName(key) + ">"
	}
	return &Error{Class: "KeyError", Msg: text}
}

// ClassOf returns the Python class of the first *Error in err's chain, or "".
func ClassOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

// MessageOf returns Python's str(exception) for the first *Error in err's
// chain, and err.Error() for any other error.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Msg
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// IsClass reports whether err is a Python exception of one of the classes.
// Python's own inheritance among them is honoured: LookupError matches KeyError
// and IndexError, ArithmeticError matches ZeroDivisionError and OverflowError,
// ValueError matches the Unicode and JSON decoding errors.
func IsClass(err error, classes ...string) bool {
	have := ClassOf(err)
	if have == "" {
		return false
	}
	for _, want := range classes {
		if have == want || baseClass[have] == want || want == "Exception" {
			return true
		}
	}
	return false
}

var baseClass = map[string]string{
	"KeyError":           "LookupError",
	"IndexError":         "LookupError",
	"ZeroDivisionError":  "ArithmeticError",
	"OverflowError":      "ArithmeticError",
	"UnicodeDecodeError": "ValueError",
	"UnicodeEncodeError": "ValueError",
	"JSONDecodeError":    "ValueError",
	"RecursionError":     "RuntimeError",
}
