package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// define makes a builtin that is a Python function: params are its parameters
// by name, the last len(defaults) of them optional.
func define(name, params string, defaults []any, fn func(f *frame, a arglist) (any, error)) *builtin {
	d := &builtin{fn: fn}
	d.name = name
	d.params = strings.Fields(params)
	d.required = len(d.params) - len(defaults)
	d.defaults = defaults
	return d
}

// passed marks a builtin that Python calls with the environment or context in
// front of its arguments, which shows in the counts of error messages.
func (d *builtin) passed() *builtin {
	d.hidden = 1
	return d
}

// contextual marks a builtin that takes the template's context; such filters
// are never evaluated when compiling.
func (d *builtin) contextual() *builtin {
	d.context = true
	return d.passed()
}

// variadic lets a builtin take further positional and keyword arguments.
func (d *builtin) variadic(kw bool) *builtin {
	d.varargs, d.varkw = true, kw
	return d
}

// native marks a builtin that is a C function: no keyword arguments.
func (d *builtin) native() *builtin {
	d.posonly = true
	d.typ = "builtin_function_or_method"
	return d
}

// class marks a builtin that is a Python class.
func (d *builtin) class() *builtin {
	d.typ = "type"
	return d
}

// none is the empty list of defaults.
var none []any

func defaults(v ...any) []any { return v }

// generator makes a Python generator out of a Go function. start runs when the
// first item is asked for, as a generator's body does.
func generator(start func() (next func() (any, bool, error), err error)) any {
	var next func() (any, bool, error)
	return &value.FuncIter{Fn: func() (any, bool, error) {
		if next == nil {
			var err error
			if next, err = start(); err != nil {
				return nil, false, err
			}
			if next == nil {
				next = func() (any, bool, error) { return nil, false, nil }
			}
		}
		return next()
	}}
}

// stepping charges each item of an iterator. Generators made of generators cost
// stack when they run, so each counts as a level.
func (m *machine) stepping(it value.Iterator) func() (any, bool, error) {
	return func() (any, bool, error) {
		if err := m.b.Step(1); err != nil {
			return nil, false, err
		}
		if err := m.b.Enter(); err != nil {
			return nil, false, err
		}
		v, ok, err := it.Next()
		m.b.Leave()
		return v, ok, err
	}
}
