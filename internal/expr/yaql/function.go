package yaql

import (
	"fmt"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// function is one overload.
type function struct {
	name       string
	isFunction bool
	isMethod   bool
	noKwargs   bool // k => v arguments are data, not keyword arguments
	params     []*param
	star       *param // *args
	kwstar     *param // **kwargs
	impl       func(c *call) (any, error)
}

// param is one parameter. name is what keyword arguments call it.
type param struct {
	name       string
	kind       paramKind
	nullable   bool
	def        any
	hasDefault bool
}

// call is what an implementation gets: its arguments, checked and converted in
// the order of the parameters.
type call struct {
	ev    *evaluation
	fn    *function
	frame *frame // the context the call was written in
	args  []any
	rest  []any         // of *args
	kw    *value.Kwargs // of **kwargs
}

// child is the function's own context, for functions that bind variables.
func (c *call) child() *frame { return newFrame(c.frame) }

// lambda gives an argument of a lambda type; nil when it was left out.
func (c *call) lambda(i int) *lambda {
	l, _ := c.args[i].(*lambda)
	return l
}

// given reports whether an optional argument without default was passed.
func (c *call) given(i int) bool { return c.args[i] != any(noValue) }

// Forms in which a function may be called.
const (
	asFunction = 1 << iota
	asMethod
	withPairs // k => v are data
	extension = asFunction | asMethod
)

var kindNames = map[string]param{
	"any": {kind: kAny, nullable: true}, "any!": {kind: kAny}, "String": {kind: kString}, "int": {kind: kInt},
	"Integer": {kind: kInteger}, "Number": {kind: kNumber}, "bool": {kind: kBool}, "dict": {kind: kMapping},
	"set": {kind: kSet}, "DateTime": {kind: kDateTime}, "datetime": {kind: kDatetime}, "timespan": {kind: kTimespan},
	"regex": {kind: kRegex}, "null": {kind: kNull, nullable: true}, "tuple": {kind: kTuple},
	"Iterable": {kind: kIterable}, "IterableNotSet": {kind: kIterableNotSet}, "Iterator": {kind: kIteratorType},
	"Sequence": {kind: kSequence}, "Ordering": {kind: kOrdering}, "Context": {kind: kContext},
	"Callable": {kind: kCallable}, "Rule": {kind: kRule}, "Yaqlized": {kind: kYaqlized},
	"StringConst": {kind: kStringConst}, "Keyword": {kind: kKeyword},
	"Lambda": {kind: kLambda, nullable: true}, "LambdaCtx": {kind: kLambdaCtx, nullable: true},
	"LambdaMethod": {kind: kLambdaMethod, nullable: true}, "LambdaMethodCtx": {kind: kLambdaMethodCtx, nullable: true},
	"LazyRule": {kind: kLazyRule}, "Expr": {kind: kExpr}, "CallExpr": {kind: kCallExpr},
}

// library is one layer of functions.
type library struct {
	byName map[string][]*function
}

func newLibrary() *library { return &library{byName: make(map[string][]*function)} }

// add registers an overload under each of the names. The signature reads as in
// the language's documentation: "collection: Iterable, count: int = 1", "?"
// after a type for nullable, "*" and "**" before a name for variadics, a
// default of "-" for an optional argument without one.
func (l *library) add(names string, form int, signature string, impl func(c *call) (any, error)) {
	for name := range strings.FieldsSeq(names) {
		fn := &function{
			name: name, impl: impl,
			isFunction: form&asFunction != 0, isMethod: form&asMethod != 0, noKwargs: form&withPairs != 0,
		}
		for part := range strings.SplitSeq(signature, ",") {
			if part = strings.TrimSpace(part); part != "" {
				fn.addParam(part)
			}
		}
		l.byName[name] = append(l.byName[name], fn)
	}
}

func (fn *function) addParam(text string) {
	text, def, hasDefault := strings.Cut(text, "=")
	name, typ, _ := strings.Cut(text, ":")
	name, typ = strings.TrimSpace(name), strings.TrimSpace(typ)
	typ, nullable := strings.CutSuffix(typ, "?")
	p, ok := kindNames[typ]
	if !ok {
		panic(fmt.Sprintf("yaql: signature of %s: unknown type %q", fn.name, typ))
	}
	p.nullable = p.nullable || nullable
	if hasDefault {
		p.hasDefault = true
		p.def = defaultValue(strings.TrimSpace(def))
		p.nullable = p.nullable || p.def == nil
	}
	switch {
	case strings.HasPrefix(name, "**"):
		p.name = name[2:]
		fn.kwstar = &p
	case strings.HasPrefix(name, "*"):
		p.name = name[1:]
		fn.star = &p
	default:
		p.name = name
		fn.params = append(fn.params, &p)
	}
}

func defaultValue(text string) any {
	switch text {
	case "-":
		return noValue
	case "null":
		return nil
	case "true":
		return true
	case "false":
		return false
	case "zero":
		return value.TimeSpan(0)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return strings.Trim(text, "'")
}

// table is the resolved library of an engine: for each name the layers that
// know it, innermost first, apart for functions and methods.
type table struct {
	functions map[string][][]*function
	methods   map[string][][]*function
}

// buildTable stacks layers, innermost first. exclusive names of a layer hide
// all layers outside of it.
func buildTable(layers []*library, exclusive map[*library][]string) *table {
	t := &table{functions: make(map[string][][]*function), methods: make(map[string][][]*function)}
	hidden := make(map[string]bool)
	for _, l := range layers {
		for name, fns := range l.byName {
			if hidden[name] {
				continue
			}
			var fs, ms []*function
			for _, fn := range fns {
				if fn.isFunction {
					fs = append(fs, fn)
				}
				if fn.isMethod {
					ms = append(ms, fn)
				}
			}
			if fs != nil {
				t.functions[name] = append(t.functions[name], fs)
			}
			if ms != nil {
				t.methods[name] = append(t.methods[name], ms)
			}
		}
		for _, name := range exclusive[l] {
			hidden[name] = true
		}
	}
	return t
}

// lookup gives the layers that define name. Trailing underscores do not count:
// in the original they keep Python names apart.
func (t *table) lookup(name string, method bool) [][]*function {
	if method {
		return t.methods[trimName(name)]
	}
	return t.functions[trimName(name)]
}

func trimName(name string) string {
	if name != "" && name[len(name)-1] == '_' {
		return strings.TrimRight(name, "_")
	}
	return name
}
