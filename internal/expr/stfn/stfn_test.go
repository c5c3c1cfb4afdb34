package stfn

import (
	"math/big"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// call runs a function of the table with all optional arguments at default.
func call(t *testing.T, c *Call, name string, args ...any) (any, error) {
	t.Helper()
	f, ok := Lookup(name)
	if !ok {
		t.Fatalf("no function %s", name)
	}
	for i := len(args); i < len(f.Params) && !f.Variadic; i++ {
		if !f.Params[i].Optional {
			t.Fatalf("%s needs %s", name, f.Params[i].Name)
		}
		args = append(args, f.Params[i].Default)
	}
	if f.Variadic {
		args = append(args, f.Params[0].Default)
	}
	return f.Call(c, args)
}

func TestFunctions(t *testing.T) {
	huge, _ := new(big.Int).SetString("-100000000000000000000", 10)
	for _, c := range []struct {
		name string
		args []any
		want string // repr, or "Class: message"
	}{
		{"version_compare", []any{"1.0.0-alpha.1", "1.0.0-alpha.beta"}, "-1"},
		{"version_compare", []any{"1.0.0-rc.1", "1.0.0"}, "-1"},
		{"version_compare", []any{"1.0.0+a", "1.0.0+b"}, "0"},
		{"version_compare", []any{"1.0.0-2", "1.0.0-11"}, "-1"},
		{"version_compare", []any{"99999999999999999999.0.0", "100000000000000000000.0.0"}, "-1"},
		{"version_compare", []any{"1.2.3\n", "1.2.3"}, "0"},
		{"version_compare", []any{"v1.2.3", "1.2.3"}, "ValueError: v1.2.3 is not valid SemVer string"},
		{"version_compare", []any{"01.2.3", "1.2.3"}, "ValueError: 01.2.3 is not valid SemVer string"},
		{"version_compare", []any{int64(1), "1.2.3"}, "TypeError: not expecting type '<class 'int'>'"},
		{"version_match", []any{"1.2.3", ">=1.2.0"}, "True"},
		{"version_match", []any{"1.2.3", "!=1.2.3"}, "False"},
		{"version_match", []any{"1.2.3", "~1.2"}, "ValueError: match_expr parameter should be in format <op><ver>, where <op> is one of ['<', '>', '==', '<=', '>=', '!=']. You provided: '~1.2'"},
		{"version_bump_minor", []any{"1.9.3-rc+b"}, "'1.10.0'"},
		{"version_strip_patch", []any{"1.2.3"}, "'1.2'"},
		{"to_human_time_from_seconds", []any{int64(0)}, "'0s'"},
		{"to_human_time_from_seconds", []any{0.5}, "'0.5μs'"},
		{"to_human_time_from_seconds", []any{61.5}, "'1m2s'"},
		{"to_human_time_from_seconds", []any{int64(86400)}, "'1d0h0m0s'"},
		{"to_human_time_from_seconds", []any{int64(31536000)}, "'1y0d0h0m0s'"},
		{"to_human_time_from_seconds", []any{int64(40 * 86400)}, "'9d0h0m0s'"},
		{"to_human_time_from_seconds", []any{true}, "'1s'"},
		{"to_human_time_from_seconds", []any{huge}, "'-100000000000000000000μs'"},
		{"to_human_time_from_seconds", []any{int64(1e12)}, "OverflowError: date value out of range"},
		{"to_human_time_from_seconds", []any{"5"}, "AssertionError"},
		{"regex_match", []any{"abc", "b"}, "False"},
		{"regex_search", []any{int64(123), "2"}, "True"},
		{"regex_replace", []any{"abc", "(b)", `[\1]`}, "'a[b]c'"},
		{"regex_substring", []any{"a1b22", `(\d)(\d)`}, "('2', '2')"},
		{"regex_substring", []any{"abc", `\d`}, "IndexError: list index out of range"},
		{"basename", []any{"/a/b/"}, "''"},
		{"dirname", []any{"/a/b/"}, "'/a/b'"},
		{"dirname", []any{"//"}, "'//'"},
		{"dirname", []any{"a"}, "''"},
		{"basename", []any{nil}, "TypeError: expected str, bytes or os.PathLike object, not NoneType"},
		{"use_none", []any{nil}, "'" + NoneMagic + "'"},
		{"use_none", []any{int64(0)}, "0"},
		{"json_escape", []any{`a"b`}, `'a\\"b'`},
		{"to_json_string", []any{value.NewList(int64(1), "é")}, `'[1,"\\u00e9"]'`},
		{"to_complex", []any{value.NewList(int64(1), int64(2))}, "'[1, 2]'"},
		{"from_json_string", []any{"NaN"}, "JSONDecodeError: unexpected character: line 1 column 1 (char 0)"},
		{"from_json_string", []any{`["NaN"]`}, "['NaN']"},
		{"json", []any{int64(1)}, "TypeError: Given object is not typeof string."},
		{"yaml_parse", []any{"a: yes\nb: 1:30"}, "{'a': True, 'b': 90}"},
		{"to_yaml_string", []any{value.DictOf("b", "yes", "a", nil)}, `"a: null\nb: 'yes'\n"`},
		{"jsonpath_query", []any{value.DictOf("a", int64(1)), "b"}, "None"},
		{"zip", []any{value.NewList(int64(1), int64(2)), nil}, "[(1, None), (2, None)]"},
		{"zip", []any{"one"}, "'one'"},
		{"zip", nil, "[]"},
	} {
		v, err := call(t, &Call{Ctx: t.Context()}, c.name, append([]any(nil), c.args...)...)
		got := ""
		if err != nil {
			got = err.Error()
		} else if got, err = value.Repr(nil, v); err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s(%v): got %s, want %s", c.name, c.args, got, c.want)
		}
	}
}

// workflow is a context with two routes: task1 and task2 on the first, task3
// on the second, which came from it.
func workflow(current string, route int64) *expr.Env {
	entry := func(id string, route int64, status string) *value.Dict {
		return value.DictOf("id", id, "route", route, "status", status)
	}
	state := value.DictOf(
		"tasks", value.DictOf("task1__r0", int64(0), "task2__r0", int64(1), "task3__r1", int64(2)),
		"sequence", value.NewList(entry("task1", 0, "succeeded"), entry("task2", 0, "failed"), entry("task3", 1, "running")),
		"routes", value.NewList(value.NewList(), value.NewList("task1__t0")),
	)
	return &expr.Env{Vars: expr.DictVars(value.DictOf(
		"x", int64(1), "st2", value.DictOf("user", "stanley"),
		expr.VarState, state, expr.VarCurrentTask, value.DictOf("id", current, "route", route, "result", "r"),
		expr.VarCurrentItem, value.DictOf("host", "web"),
	))}
}

func TestWorkflowFunctions(t *testing.T) {
	for _, c := range []struct {
		name string
		args []any
		want string
	}{
		{"ctx", nil, "{'x': 1, 'st2': {'user': 'stanley'}}"},
		{"ctx", []any{"x"}, "1"},
		{"ctx", []any{"y"}, `VariableUndefinedError: The variable "y" is undefined.`},
		{"ctx", []any{expr.VarState}, `VariableInaccessibleError: The variable "__state" is for internal use and inaccessible.`},
		{"item", nil, "{'host': 'web'}"},
		{"item", []any{"host"}, "'web'"},
		{"item", []any{"nope"}, `ExpressionEvaluationException: Item does not have key "nope".`},
		{"result", nil, "'r'"},
		{"succeeded", nil, "False"},
		{"failed", nil, "True"},
		{"completed", nil, "True"},
		{"task_status", []any{"task3"}, "'null'"},
		{"task_status", []any{"task3", int64(1)}, "'running'"},
		{"task_status", []any{"task1", int64(1)}, "'succeeded'"},
		{"task_status", []any{"task1", int64(7)}, "IndexError: list index out of range"},
		{"task", []any{"nope"}, `ExpressionEvaluationException: Unable to find task execution for "nope".`},
		{"task", []any{"task1"}, "KeyError: 'workflow_execution_id'"},
		{"st2kv", []any{int64(5)}, "TypeError: Given key is not typeof string."},
		{"st2kv", []any{"system.k"}, `ExpressionEvaluationException: The key "k" does not exist in the StackStorm datastore.`},
		{"st2kv", []any{"k"}, `ExpressionEvaluationException: The key "stanley:k" does not exist in the StackStorm datastore.`},
		{"st2kv", []any{"k", nil}, "None"},
	} {
		v, err := call(t, &Call{Ctx: t.Context(), Env: workflow("task2", 0)}, c.name, append([]any(nil), c.args...)...)
		got := ""
		if err != nil {
			got = err.Error()
		} else if got, err = value.Repr(nil, v); err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s(%v): got %s, want %s", c.name, c.args, got, c.want)
		}
	}
}

func TestEveryFunctionIsSomewhere(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Table() {
		if !f.Workflow && !f.Template {
			t.Errorf("%v exists nowhere", f.Names)
		}
		for _, n := range f.Names {
			if seen[n] {
				t.Errorf("%s is there twice", n)
			}
			seen[n] = true
		}
	}
}
