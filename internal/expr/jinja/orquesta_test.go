package jinja_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
)

// native evaluates a workflow text; an error comes back as its message.
func native(t *testing.T, text string, env *expr.Env) any {
	t.Helper()
	p, err := jinja.New().Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Eval(t.Context(), env, expr.Limits{}.Budget(t.Context()))
	if err != nil {
		var e *expr.Error
		if !errors.As(err, &e) || e.Class != expr.ClassJinja {
			t.Fatalf("%s: %v is no %s", text, err, expr.ClassJinja)
		}
		return e.Message
	}
	return v
}

func TestWorkflowTexts(t *testing.T) {
	vars := testVars()
	vars.SetStr("more", "{{ ctx().count }} of {{ ctx('more2') }}")
	vars.SetStr("more2", "{{ ctx().host.name }}")
	vars.SetStr("tag", "{% if true %}shown{% endif %}")
	vars.SetStr("__secret", "x")
	env := &expr.Env{Vars: expr.DictVars(vars)}
	for _, c := range []struct {
		name, in string
		want     any
	}{
		{"native value", "{{ ctx().host.cpus }}", int64(4)},
		{"native null", "{{ ctx().nothing }}", nil},
		{"native tuple", "{{ (1, 'a') }}", value.Tuple{int64(1), "a"}},
		{"generators are listed", "{{ ctx().hosts | map(attribute='load') }}", value.NewList(0.5, 2.25, 1.0)},
		{"text around it", "cpus: {{ ctx().host.cpus }}", "cpus: 4"},
		{"several", "{{ ctx().count }}{{ ctx('ratio') }}", "30.1"},
		{"blocks give text", "{% if ctx().yes %}{{ ctx().count }}{% endif %}", "3"},
		{"results are evaluated again", "{{ ctx().more }}", "3 of web01"},
		{"results with blocks too", "<{{ ctx().tag }}>", "<shown>"},
		{"raw stays", "{% raw %}{{ ctx().count }}{% endraw %} {{ ctx().count }}", "{{ ctx().count }} 3"},
		{"a brace ends early", "{{ {'a': {'b': 1}} }}", "Unable to evaluate expression '{{ {'a': {'b': 1}}'. TemplateSyntaxError: unexpected end of template, expected ','."},
		{"unresolved", "{{ ctx().rack }} and {{ rack }}", "There are unresolved variables: ctx().rack, rack"},
		{"no such variable", "{{ ctx('rack') }}", `Unable to evaluate expression '{{ ctx('rack') }}'. VariableUndefinedError: The variable "rack" is undefined.`},
		{"internal variable", "{{ ctx().__secret }}", "There are unresolved variables: ctx().__secret"},
		{"line of the first token", "{{ ! }}", "Unable to evaluate expression '{{ ! }}'. TemplateSyntaxError: unexpected char '!' at 0\n  line 1"},
		{"runtime error", "{{ ctx().count / 0 }}", "Unable to evaluate expression '{{ ctx().count / 0 }}'. ZeroDivisionError: division by zero"},
		{"error in a block", "{% if ctx().rack %}{% endif %}", "Unable to evaluate expression '{% if ctx().rack %}{% endif %}'. UndefinedError: 'dict object' has no attribute 'rack'"},
		{"dict methods of ctx()", "{{ ctx().get('count') }}", int64(3)},
		{"item of ctx()", "{{ ctx()['count'] }}", int64(3)},
		{"filters of workflows", "{{ {'a': 1} | json_dump }}", `{"a": 1}`},
		{"functions of workflows", "{{ json('[1]') }}", value.NewList(int64(1))},
		{"context function as filter", "{{ 'x' | task_status }}", "Unable to evaluate expression '{{ 'x' | task_status }}'. TypeError: task_status_() missing 1 required positional argument: 'task_id'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := native(t, c.in, env)
			if !value.Equal(got, c.want) || value.TypeName(got) != value.TypeName(c.want) {
				t.Errorf("%s\n got %v\nwant %v", c.in, got, c.want)
			}
		})
	}
}

// TestResultFunction: Jinja compiles an expression as an assignment to
// "result", which must not hide the function of that name.
func TestResultFunction(t *testing.T) {
	vars := value.DictOf(expr.VarCurrentTask, value.DictOf("id", "t1", "route", int64(0), "result", value.DictOf("code", int64(7))))
	if got := native(t, "{{ result().code + 1 }}", &expr.Env{Vars: expr.DictVars(vars)}); got != int64(8) {
		t.Errorf("got %v", got)
	}
}

// TestDataBornText: a text that came out of data is evaluated, but sees no
// datastore; one setting turns the evaluation off.
func TestDataBornText(t *testing.T) {
	vars := value.DictOf("input", "{{ st2kv('system.key') }}", "sum", "{{ 1 + 1 }}", "st2", value.DictOf("user", "ann"))
	env := &expr.Env{Vars: expr.DictVars(vars), Store: store{"system::key": "value"}}
	if got := native(t, "{{ st2kv('system.key') }}", env); got != "value" {
		t.Errorf("own expression: got %v", got)
	}
	if got, ok := native(t, "{{ ctx().input }}", env).(string); !ok || got == "value" {
		t.Errorf("data-born expression read the datastore: %v", got)
	}
	if got := native(t, "{{ ctx().sum }}", env); got != int64(2) {
		t.Errorf("data-born expression: got %v", got)
	}
	env.Options.NoReevaluate = true
	if got := native(t, "{{ ctx().sum }}", env); got != "{{ 1 + 1 }}" {
		t.Errorf("without evaluating again: got %v", got)
	}
	if got := native(t, "{{ ctx().sum }}{{ ctx().none }}", env); got != "There are unresolved variables: ctx().none" {
		t.Errorf("without evaluating again: got %v", got)
	}
}

func TestValidate(t *testing.T) {
	lang := jinja.New()
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"{{ ctx().a | nope }} {{ b }}", nil},
		{"{{ 1 + }}", []string{"unexpected 'end of print statement'"}},
		{"x {{ 1 + }} {{ 2 * }}", []string{"unexpected 'end of print statement'", "unexpected 'end of template'", "unexpected 'end of template'"}},
		{"{% if a %}", []string{"Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'."}},
	} {
		var got []string
		for _, p := range lang.Validate(c.in) {
			got = append(got, p.Message)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.in, d)
		}
	}
}

func TestExtractVars(t *testing.T) {
	lang := jinja.New()
	for in, want := range map[string][]string{
		"{{ ctx().a.b }} {{ ctx(c) }} {{ ctx('d') }}{{ ctx(\"e\").f }}": {"e", "d", "a", "c"},
		"{{ ctx().get('a') }}":                     nil,
		"{{ ctx().a + ctx().a }}":                  {"a"},
		"{{ myctx().a }}":                          nil,
		"{% if ctx().a %}{{ item(x) }}{% endif %}": nil,
	} {
		if d := cmp.Diff(want, lang.ExtractVars(in)); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}
