package param

import (
	"context"
	"strings"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// oneKey is a datastore with the key "k" in both scopes.
type oneKey struct{}

func (oneKey) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	return "value of " + key.Scope, key.Name == "k", nil
}

func schemaOf(pairs ...any) *value.Dict { return value.DictOf(pairs...) }

func entryOf(typeName string, pairs ...any) *value.Dict {
	return value.DictOf(append([]any{"type", typeName}, pairs...)...)
}

func show(t *testing.T, v any, err error) string {
	t.Helper()
	if err != nil {
		return err.Error()
	}
	text, err := value.Repr(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRenderLive(t *testing.T) {
	schema := schemaOf(
		"a", entryOf("string"), "b", entryOf("integer", "default", int64(3)), "c", entryOf("string", "default", "{{ a }}-{{ b }}"),
		"list", entryOf("array"), "fixed", entryOf("string", "default", "locked", "immutable", true),
	)
	for _, c := range []struct {
		given *value.Dict
		want  string
	}{
		{value.DictOf("a", "x"), "{'a': 'x', 'c': 'x-3'}"},
		{value.DictOf("a", "{{ b }}", "b", "7"), "{'a': '7', 'b': 7, 'c': '7-7'}"},
		{value.DictOf("a", "{{ a }}"), "ParamException: Cyclic dependency found in the following variables: a. Likely the variable is referencing itself"},
		{value.DictOf("a", "{{ b }}", "b", "{{ a }}"), "ParamException: Cyclic dependency found in the following variables: a. Likely the variable is referencing itself"},
		{value.DictOf("a", "{{ nope }}"), `ParamException: Dependency unsatisfied in variable "nope"`},
		{value.DictOf("a", "{{ broken"), "{'a': '{{ broken', 'c': '{{ broken-3'}"},
		{value.DictOf("a", "{{ b | nope }}"), `ParamException: Failed to render parameter "a": No filter named 'nope'.`},
		{value.DictOf("a", "x", "list", value.NewList("{{b}}", "{{ b }}")), "{'a': 'x', 'list': [3, '3'], 'c': 'x-3'}"},
		{value.DictOf("a", "x", "fixed", "{{ 'mine' }}"), "{'a': 'x', 'fixed': 'locked', 'c': 'x-3'}"},
		{value.DictOf("a", "{{ action_context.user }}"), "{'a': 'bob', 'c': 'bob-3'}"},
	} {
		v, err := RenderLive(t.Context(), templates(), Rendering{Runner: value.NewDict(0), Action: schema, Given: c.given, Context: value.DictOf("user", "bob")})
		if got := show(t, v, err); got != c.want {
			t.Errorf("%s: got %s, want %s", show(t, c.given, nil), got, c.want)
		}
	}
}

// A default is written by the pack's author and may read the datastore; a
// template in a request may only when the caller says so.
func TestGivenDataDoesNotReadTheDatastore(t *testing.T) {
	r := Rendering{
		Runner: value.NewDict(0), Given: value.DictOf("a", "{{ st2kv.system.k }}"),
		Action: schemaOf("a", entryOf("string"), "b", entryOf("string", "default", "{{ st2kv.user.k }}")),
		Env:    &expr.Env{Store: oneKey{}, User: "bob"},
	}
	v, err := RenderLive(t.Context(), templates(), r)
	if got := show(t, v, err); got != "{'a': 'value of system', 'b': 'value of user'}" {
		t.Errorf("trusted: got %s", got)
	}
	r.GivenIsData = true
	v, err = RenderLive(t.Context(), templates(), r)
	if got := show(t, v, err); err == nil || strings.Contains(got, "value of") {
		t.Errorf("data: got %s", got)
	}
	r.Given = value.DictOf("a", "plain")
	v, err = RenderLive(t.Context(), templates(), r)
	if got := show(t, v, err); got != "{'a': 'plain', 'b': 'value of user'}" {
		t.Errorf("default: got %s", got)
	}
}

func TestRenderFinal(t *testing.T) {
	r := Rendering{
		Runner: schemaOf("cmd", entryOf("string", "default", "echo {{ a }}"), "timeout", entryOf("integer", "default", "60")),
		Action: schemaOf("a", entryOf("string"), "timeout", entryOf("integer")),
		Given:  value.DictOf("a", "{{ x }}", "stray", int64(1)),
	}
	runner, action, err := RenderFinal(t.Context(), templates(), r)
	if got := show(t, value.NewList(runner, action), err); got != "[{'timeout': 60, 'cmd': 'echo {{ x }}'}, {'a': '{{ x }}'}]" {
		t.Errorf("got %s", got)
	}
}

func TestRenderValues(t *testing.T) {
	context := value.DictOf("n", int64(7), "l", value.NewList(int64(1)))
	mapping := value.DictOf("a", "{{ n }}", "b", int64(5), "c", value.NewList("{{ n }}", nil), "d", "{{ __context.n }}")
	v, err := RenderValues(t.Context(), templates(), mapping, context, nil, expr.TemplateOptions{})
	if got := show(t, v, err); got != "{'a': '7', 'b': 5, 'c': ['7', None], 'd': '7'}" {
		t.Errorf("got %s", got)
	}
	if v, err := RenderValues(t.Context(), templates(), mapping, value.NewDict(0), nil, expr.TemplateOptions{}); err != nil || v != mapping {
		t.Errorf("empty context: %v, %v", v, err)
	}
}

func TestCast(t *testing.T) {
	for _, c := range []struct {
		v        any
		typeName string
		want     string
	}{
		{" 5 ", "integer", "5"}, {5.9, "integer", "5"}, {"5", "number", "5.0"}, {"true", "boolean", "True"}, {"1", "boolean", "1"},
		{"(1, 2)", "array", "(1, 2)"}, {`{"a": null}`, "object", "{'a': None}"}, {nil, "integer", "None"}, {"x", "", "'x'"},
		{int64(5), "string", `ValueError: Value "5" must either be a string or None. Got "int".`},
		{"%*****__%NONE%__*****%", "string", "None"},
	} {
		v, err := Cast(nil, c.v, c.typeName)
		if got := show(t, v, err); got != c.want {
			t.Errorf("%v as %s: got %s, want %s", c.v, c.typeName, got, c.want)
		}
	}
}
