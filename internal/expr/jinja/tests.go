package jinja

import (
	"math/big"

	"squall/internal/expr/value"
)

// predicate is a test of one value.
func predicate(name string, fn func(v any) bool) *builtin {
	return define(name, "value", none, func(_ *frame, a arglist) (any, error) { return fn(a.v[0]), nil })
}

// operatorTest is a test that is one of Python's comparison operators.
func operatorTest(name, op string) *builtin {
	return define(name, "a b", none, func(f *frame, a arglist) (any, error) {
		return compare(f.m.b, op, a.v[0], a.v[1])
	}).native()
}

// remainderTest compares the remainder of a division.
func remainderTest(name string, by, want int64) *builtin {
	return define(name, "value", none, func(f *frame, a arglist) (any, error) {
		r, err := value.Mod(f.m.b, a.v[0], by)
		if err != nil {
			return nil, err
		}
		return value.EqualIn(f.m.b, r, want)
	})
}

// caseTest asks a str method about the text of a value.
func caseTest(name, method string) *builtin {
	return define(name, "value", none, func(f *frame, a arglist) (any, error) {
		s, err := f.m.plainStr(a.v[0])
		if err != nil {
			return nil, err
		}
		return value.CallMethod(f.m.b, s, method, nil, nil)
	})
}

// memberTest asks whether a name is in a table of the environment.
func memberTest(name string, table func(e *environment) map[string]*builtin) *builtin {
	return define(name, "value", none, func(f *frame, a arglist) (any, error) {
		if _, err := value.Hash(a.v[0]); err != nil {
			return nil, err
		}
		s, ok := plainString(a.v[0])
		return ok && table(f.m.env)[s] != nil, nil
	}).passed()
}

// builtinTests are Jinja's own tests by name.
var builtinTests = map[string]*builtin{
	"odd":  remainderTest("test_odd", 2, 1),
	"even": remainderTest("test_even", 2, 0),
	"divisibleby": define("test_divisibleby", "value num", none, func(f *frame, a arglist) (any, error) {
		r, err := value.Mod(f.m.b, a.v[0], a.v[1])
		if err != nil {
			return nil, err
		}
		return value.EqualIn(f.m.b, r, int64(0))
	}),
	"defined":   predicate("test_defined", func(v any) bool { return !isUndefined(v) }),
	"undefined": predicate("test_undefined", isUndefined),
	"filter":    memberTest("test_filter", func(e *environment) map[string]*builtin { return e.filters }),
	"test":      memberTest("test_test", func(e *environment) map[string]*builtin { return e.tests }),
	"none":      predicate("test_none", func(v any) bool { return v == nil }),
	"boolean":   predicate("test_boolean", isBool),
	"false":     predicate("test_false", func(v any) bool { b, ok := v.(bool); return ok && !b }),
	"true":      predicate("test_true", func(v any) bool { b, ok := v.(bool); return ok && b }),
	"integer":   predicate("test_integer", value.IsInt),
	"float":     predicate("test_float", func(v any) bool { _, ok := v.(float64); return ok }),
	"lower":     caseTest("test_lower", "islower"),
	"upper":     caseTest("test_upper", "isupper"),
	"string":    predicate("test_string", value.IsString),
	"mapping":   predicate("test_mapping", func(v any) bool { _, ok := v.(*value.Dict); return ok }),
	"number":    predicate("test_number", isNumber),
	"sequence":  predicate("test_sequence", isSequence),
	"iterable":  define("test_iterable", "value", none, iterableTest),
	"callable":  define("callable", "obj", none, func(_ *frame, a arglist) (any, error) { _, ok := a.v[0].(value.Callable); return ok, nil }).native(),
	"sameas": define("test_sameas", "value other", none, func(_ *frame, a arglist) (any, error) {
		return value.Is(a.v[0], a.v[1]), nil
	}),
	"escaped": predicate("test_escaped", isHTML),
	"in":      inTest("test_in", "value seq"),

	"==":          operatorTest("eq", "=="),
	"eq":          operatorTest("eq", "=="),
	"equalto":     operatorTest("eq", "=="),
	"!=":          operatorTest("ne", "!="),
	"ne":          operatorTest("ne", "!="),
	">":           operatorTest("gt", ">"),
	"gt":          operatorTest("gt", ">"),
	"greaterthan": operatorTest("gt", ">"),
	">=":          operatorTest("ge", ">="),
	"ge":          operatorTest("ge", ">="),
	"<":           operatorTest("lt", "<"),
	"lt":          operatorTest("lt", "<"),
	"lessthan":    operatorTest("lt", "<"),
	"<=":          operatorTest("le", "<="),
	"le":          operatorTest("le", "<="),
}

func inTest(name, params string) *builtin {
	return define(name, params, none, func(f *frame, a arglist) (any, error) {
		return contains(f.m.b, a.v[1], a.v[0])
	})
}

func isUndefined(v any) bool {
	_, ok := v.(*undefined)
	return ok
}

func isBool(v any) bool {
	_, ok := v.(bool)
	return ok
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64, bool, *big.Int:
		return true
	}
	return false
}

// isSequence is what has a length and can be indexed; dicts count.
func isSequence(v any) bool {
	switch o := v.(type) {
	case *value.List, value.Tuple, *value.Dict, string, value.Markup, value.Bytes:
		return true
	case value.Itemer:
		l, ok := o.(value.Lengther)
		if !ok {
			return false
		}
		_, err := l.Length()
		return err == nil
	}
	return false
}

func iterableTest(_ *frame, a arglist) (any, error) {
	_, err := value.Iter(a.v[0])
	if value.IsClass(err, "TypeError") {
		return false, nil
	}
	return err == nil, err
}
