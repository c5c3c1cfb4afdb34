package rule

import (
	"slices"
	"strings"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// searchName is the operator that applies criteria to the items of a list.
const searchName = "search"

// operator is a way to compare.
type operator struct {
	eval func(c *comparison) (bool, error)
	// regex makes a regular expression of a pattern, for operators that use one.
	regex  func(pattern string) (*pyre.Regex, error)
	search bool
}

// comparison is one use of an operator.
type comparison struct {
	m              *matching
	value, pattern any
	regex          *preparedRegex
}

// preparedRegex is a regular expression compiled beforehand.
type preparedRegex struct {
	text string
	re   *pyre.Regex
	err  error
}

// operatorNames are all names in StackStorm's order, which its messages show.
var operatorNames = []string{
	"matchwildcard", "matchregex", "regex", "iregex", "eq", "equals", "neq", "nequals", "ieq", "iequals",
	"contains", "icontains", "ncontains", "incontains", "startswith", "istartswith", "endswith", "iendswith",
	"lt", "lessthan", "gt", "greaterthan", "td_lt", "timediff_lt", "td_gt", "timediff_gt", "exists", "nexists",
	"inside", "in", "ninside", "nin", searchName,
}

// OperatorNames lists the operators of criteria.
func OperatorNames() []string { return slices.Clone(operatorNames) }

var operators = makeOperators()

func makeOperators() map[string]*operator {
	table := map[string]*operator{
		"matchwildcard": textMatch(compileWildcard, (*pyre.Regex).Search),
		"matchregex":    textMatch(compileWith(pyre.DotAll), (*pyre.Regex).Match),
		"regex":         textMatch(compileWith(0), (*pyre.Regex).Search),
		"iregex":        textMatch(compileWith(pyre.IgnoreCase), (*pyre.Regex).Search),

		"equals":  {eval: unlessNull(equals)},
		"nequals": {eval: not(equals)}, // the only comparison with null (st2)
		"iequals": {eval: unlessNull(lowered(func(v, p string) bool { return v == p }))},

		"contains":   {eval: unlessNull(contains)},
		"ncontains":  {eval: unlessNull(not(contains))},
		"icontains":  {eval: unlessNull(lowered(strings.Contains))},
		"incontains": {eval: unlessNull(lowered(func(v, p string) bool { return !strings.Contains(v, p) }))},
		"inside":     {eval: unlessNull(inside)},
		"ninside":    {eval: unlessNull(not(inside))},

		"startswith":  {eval: unlessNull(cased("startswith", strings.HasPrefix))},
		"endswith":    {eval: unlessNull(cased("endswith", strings.HasSuffix))},
		"istartswith": {eval: unlessNull(lowered(strings.HasPrefix))},
		"iendswith":   {eval: unlessNull(lowered(strings.HasSuffix))},

		"lessthan":    {eval: unlessNull(ordered("<"))},
		"greaterthan": {eval: unlessNull(ordered(">"))},
		"timediff_lt": {eval: unlessNull(aged("<"))},
		"timediff_gt": {eval: unlessNull(aged(">"))},

		"exists":   {eval: func(c *comparison) (bool, error) { return c.value != nil, nil }},
		"nexists":  {eval: func(c *comparison) (bool, error) { return c.value == nil, nil }},
		searchName: {search: true},
	}
	for short, long := range map[string]string{
		"eq": "equals", "neq": "nequals", "ieq": "iequals", "lt": "lessthan", "gt": "greaterthan",
		"td_lt": "timediff_lt", "td_gt": "timediff_gt", "in": "inside", "nin": "ninside",
	} {
		table[short] = table[long]
	}
	return table
}

// findOperator looks an operator up the way the rules engine does: without
// regard to case, where validation is strict.
func findOperator(name any) (*operator, error) {
	text, ok := value.AsString(name)
	if !ok {
		return nil, value.AttributeErrorf("'%s' object has no attribute 'lower'", value.TypeName(name))
	}
	text = value.Lower(text)
	op := operators[text]
	if op == nil {
		return nil, value.Errorf("Exception", "Invalid operator: %s", text)
	}
	return op, nil
}

type evalFunc = func(c *comparison) (bool, error)

// unlessNull: a null pattern is false, whatever the value (st2).
func unlessNull(f evalFunc) evalFunc {
	return func(c *comparison) (bool, error) {
		if c.pattern == nil {
			return false, nil
		}
		return f(c)
	}
}

func not(f evalFunc) evalFunc {
	return func(c *comparison) (bool, error) {
		yes, err := f(c)
		return !yes && err == nil, err
	}
}

func equals(c *comparison) (bool, error)   { return value.EqualIn(c.m.b, c.value, c.pattern) }
func contains(c *comparison) (bool, error) { return value.Contains(c.m.b, c.value, c.pattern) }
func inside(c *comparison) (bool, error)   { return value.Contains(c.m.b, c.pattern, c.value) }

func ordered(op string) evalFunc {
	return func(c *comparison) (bool, error) { return value.Compare(c.m.b, op, c.value, c.pattern) }
}

// lowered compares lower-cased texts; nothing else has lower case.
func lowered(f func(v, p string) bool) evalFunc {
	return func(c *comparison) (bool, error) {
		v, err := c.lower(c.value)
		if err != nil {
			return false, err
		}
		p, err := c.lower(c.pattern)
		if err != nil {
			return false, err
		}
		return f(v, p), c.m.b.Step(int64(len(v)))
	}
}

func (c *comparison) lower(v any) (string, error) {
	text, ok := value.AsString(v)
	if !ok {
		return "", value.AttributeErrorf("'%s' object has no attribute 'lower'", value.TypeName(v))
	}
	return value.Lower(text), c.m.b.Alloc(int64(len(text)))
}

func cased(method string, f func(v, p string) bool) evalFunc {
	return func(c *comparison) (bool, error) {
		v, ok := value.AsString(c.value)
		if !ok {
			return false, value.AttributeErrorf("'%s' object has no attribute '%s'", value.TypeName(c.value), method)
		}
		p, ok := value.AsString(c.pattern)
		if !ok {
			return false, value.TypeErrorf("%s first arg must be str or a tuple of str, not %s", method, value.TypeName(c.pattern))
		}
		return f(v, p), nil
	}
}

// textMatch makes an operator of a kind of pattern and a way to apply it.
func textMatch(compile func(string) (*pyre.Regex, error), apply func(*pyre.Regex, *value.Budget, string) (*pyre.Match, error)) *operator {
	eval := func(c *comparison) (bool, error) {
		p, ok := value.AsString(c.pattern)
		if !ok {
			return false, value.TypeErrorf("first argument must be string or compiled pattern")
		}
		re, err := c.regex.re, c.regex.err
		if re == nil && err == nil || c.regex.text != p {
			re, err = compile(p)
		}
		if err != nil {
			return false, err
		}
		v, ok := value.AsString(c.value)
		if !ok {
			return false, value.TypeErrorf("expected string or bytes-like object, got '%s'", value.TypeName(c.value))
		}
		if err := c.m.b.Step(int64(len(v)) + 1); err != nil {
			return false, err
		}
		match, err := apply(re, c.m.b, v)
		return match != nil, err
	}
	return &operator{eval: unlessNull(eval), regex: compile}
}

func compileWith(flags pyre.Flags) func(string) (*pyre.Regex, error) {
	return func(pattern string) (*pyre.Regex, error) { return pyre.Compile(pattern, flags) }
}
