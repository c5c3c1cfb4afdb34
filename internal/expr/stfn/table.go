package stfn

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// Call is what a function may use besides its arguments.
type Call struct {
	Ctx    context.Context // for look-ups of Env
	Env    *expr.Env
	Budget *value.Budget
	// Frozen: the language shows lists of the context as tuples (YAQL); it
	// decides the wording of some errors only.
	Frozen bool
}

// Func is one function of the table.
type Func struct {
	// Names: the first is the proper one, the others are aliases in workflows.
	Names []string
	// Params in order. Languages bind positional and keyword arguments to
	// them and pass exactly len(Params) values; a missing optional one is its
	// default. With Variadic, all positional arguments come first and Params
	// are keyword only.
	Params   []Param
	Variadic bool
	// Context: the function reads the workflow context. In Jinja such
	// functions work as globals only.
	Context bool
	// Where the function exists.
	Workflow bool // in Orquesta's expressions, both languages
	Template bool // as filter in StackStorm's templates
	Call     func(c *Call, args []any) (any, error)
}

// Orquesta reports whether the function is Orquesta's own, and not one that
// StackStorm adds.
func (f *Func) Orquesta() bool {
	return f.Workflow && !f.Template && f.Names[0] != "task" && f.Names[0] != "st2kv"
}

// Param is a parameter.
type Param struct {
	Name     string
	Optional bool
	Default  any
}

// Unset is the default of parameters whose absence differs from null.
var Unset value.Object = unset{}

type unset struct{}

func (unset) TypeName() string { return "unset" }

func req(name string) Param          { return Param{Name: name} }
func opt(name string, def any) Param { return Param{Name: name, Optional: true, Default: def} }

// Table lists all functions. The slice is fresh; its entries are shared and
// must not be changed.
func Table() []*Func { return append([]*Func(nil), table...) }

// Lookup finds a function by any of its names.
func Lookup(name string) (*Func, bool) {
	for _, f := range table {
		for _, n := range f.Names {
			if n == name {
				return f, true
			}
		}
	}
	return nil, false
}

func names(n ...string) []string { return n }

var table = []*Func{
	{Names: names("from_json_string", "json_parse"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return FromJSONString(c.Budget, a[0]) }},
	{Names: names("to_json_string", "json_dump"),
		Params:   []Param{req("value"), opt("indent", nil), opt("sort_keys", false), opt("separators", value.Tuple{",", ": "})},
		Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return ToJSONString(c.Budget, a[0], a[1], a[2], a[3]) }},
	{Names: names("from_yaml_string", "yaml_parse"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return FromYAMLString(c.Budget, a[0]) }},
	{Names: names("to_yaml_string", "yaml_dump"), Params: []Param{req("value"), opt("indent", nil), opt("allow_unicode", true)},
		Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return ToYAMLString(c.Budget, a[0], a[1], a[2]) }},
	{Names: names("json_escape"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return JSONEscape(c.Budget, a[0]) }},
	{Names: names("to_complex"), Params: []Param{req("value")}, Template: true,
		Call: func(c *Call, a []any) (any, error) { return ToComplex(c.Budget, a[0]) }},
	{Names: names("jsonpath_query"), Params: []Param{req("value"), req("query")}, Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return JSONPathQuery(c.Budget, a[0], a[1], c.Frozen) }},
	{Names: names("use_none"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return UseNone(a[0]), nil }},

	{Names: names("regex_match"), Params: []Param{req("value"), req("pattern"), opt("ignorecase", false)}, Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return RegexMatch(c.Budget, a[0], a[1], a[2]) }},
	{Names: names("regex_search"), Params: []Param{req("value"), req("pattern"), opt("ignorecase", false)}, Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return RegexSearch(c.Budget, a[0], a[1], a[2]) }},
	{Names: names("regex_replace"), Params: []Param{req("value"), req("pattern"), req("replacement"), opt("ignorecase", false)},
		Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return RegexReplace(c.Budget, a[0], a[1], a[2], a[3]) }},
	{Names: names("regex_substring"),
		Params:   []Param{req("value"), req("pattern"), opt("result_index", int64(0)), opt("ignorecase", false)},
		Workflow: true, Template: true,
		Call: func(c *Call, a []any) (any, error) { return RegexSubstring(c.Budget, a[0], a[1], a[2], a[3]) }},

	{Names: names("to_human_time_from_seconds"), Params: []Param{req("seconds")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return HumanTime(a[0]) }},

	{Names: names("version_compare"), Params: []Param{req("value"), req("pattern")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return VersionCompare(a[0], a[1]) }},
	{Names: names("version_more_than"), Params: []Param{req("value"), req("pattern")}, Workflow: true, Template: true,
		Call: versionTest(func(n int64) bool { return n > 0 })},
	{Names: names("version_less_than"), Params: []Param{req("value"), req("pattern")}, Workflow: true, Template: true,
		Call: versionTest(func(n int64) bool { return n < 0 })},
	{Names: names("version_equal"), Params: []Param{req("value"), req("pattern")}, Workflow: true, Template: true,
		Call: versionTest(func(n int64) bool { return n == 0 })},
	{Names: names("version_match"), Params: []Param{req("value"), req("pattern")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return VersionMatch(a[0], a[1]) }},
	{Names: names("version_bump_major"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return VersionBump(a[0], Major) }},
	{Names: names("version_bump_minor"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return VersionBump(a[0], Minor) }},
	{Names: names("version_bump_patch"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return VersionBump(a[0], Patch) }},
	{Names: names("version_strip_patch"), Params: []Param{req("value")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return VersionStripPatch(a[0]) }},

	{Names: names("basename"), Params: []Param{req("path")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return Basename(a[0]) }},
	{Names: names("dirname"), Params: []Param{req("path")}, Workflow: true, Template: true,
		Call: func(_ *Call, a []any) (any, error) { return Dirname(a[0]) }},

	{Names: names("json"), Params: []Param{req("s")}, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return JSON(c.Budget, a[0]) }},
	{Names: names("zip"), Params: []Param{opt("pad", nil)}, Variadic: true, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return Zip(c.Budget, a[:len(a)-1], a[len(a)-1]) }},

	{Names: names("ctx"), Params: []Param{opt("key", nil)}, Context: true, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return Ctx(c.Env, a[0]) }},
	{Names: names("item"), Params: []Param{opt("key", nil)}, Context: true, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return Item(c.Env, a[0]) }},
	{Names: names("result"), Context: true, Workflow: true,
		Call: func(c *Call, _ []any) (any, error) { return Result(c.Env) }},
	{Names: names("task"), Params: []Param{opt("task_id", nil), opt("route", nil)}, Context: true, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return Task(c, a[0], a[1]) }},
	{Names: names("task_status"), Params: []Param{req("task_id"), opt("route", nil)}, Context: true, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return TaskStatus(c, a[0], a[1]) }},
	{Names: names("succeeded"), Context: true, Workflow: true,
		Call: func(c *Call, _ []any) (any, error) { return currentStatusIn(c, "succeeded") }},
	{Names: names("failed"), Context: true, Workflow: true,
		Call: func(c *Call, _ []any) (any, error) { return currentStatusIn(c, "failed") }},
	{Names: names("completed"), Context: true, Workflow: true,
		Call: func(c *Call, _ []any) (any, error) {
			return currentStatusIn(c, "succeeded", "failed", "expired", "timeout", "abandoned", "canceled")
		}},
	{Names: names("st2kv"), Params: []Param{req("key"), opt("default", Unset), opt("decrypt", false)}, Context: true, Workflow: true,
		Call: func(c *Call, a []any) (any, error) { return St2kv(c, a[0], a[1], a[2]) }},
}
