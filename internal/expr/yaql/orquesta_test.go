package yaql_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

func evalText(t *testing.T, text string, env *expr.Env) (any, error) {
	t.Helper()
	p, err := yaql.New(yaql.Options{}).Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return p.Eval(t.Context(), env, expr.Limits{}.Budget(t.Context()))
}

func TestText(t *testing.T) {
	t.Parallel()
	vars := value.DictOf(
		"name", "Bob", "n", int64(7), "none", nil, "l", value.NewList("it's", 1.5),
		"again", "<% ctx().name %>!", "quote", "<% 'x' %>", "__hidden", int64(1),
	)
	tests := []struct{ text, want string }{
		{"plain", "'plain'"},
		{"<% ctx().n %>", "7"},
		{" <% ctx().n %>", "' 7'"},
		{"<% ctx().n %>/<% ctx().n + 1 %>", "'7/8'"},
		{"<% ctx().l %> <% ctx(none) %>", `'["it\'s", 1.5] None'`},
		{"<% ctx().again %>", "'Bob!'"},
		{"x <% ctx().quote %>", "'x x'"},
		{"<%\nctx().n %>", "'<%\\nctx().n %>'"},
		{"<% 'a %> b' %>", "! Unable to evaluate expression '<% 'a %>'. YaqlLexicalException: Lexical error: illegal character ''' at position 0"},
		{"a <% ctx().nope %>", "! Unable to resolve key 'nope' in expression '<% ctx().nope %>' from context."},
		{"<% ctx(nope) %>", `! Unable to evaluate expression '<% ctx(nope) %>'. VariableUndefinedError: The variable "nope" is undefined.`},
		{"<% ctx('__hidden') %>", `! Unable to evaluate expression '<% ctx('__hidden') %>'. VariableInaccessibleError: The variable "__hidden" is for internal use and inaccessible.`},
		{"<% ctx()['__hidden'] %>", "! Unable to resolve key '__hidden' in expression '<% ctx()['__hidden'] %>' from context."},
		{"<% ctx().get('__hidden') %>", "None"},
		{"<% ctx().keys().contains(name) %>", "True"},
		{"<% int('a') %>", "! Unable to evaluate expression '<% int('a') %>'. ValueError: invalid literal for int() with base 10: 'a"},
		{"<% ctx().l[2] %>", "! Unable to evaluate expression '<% ctx().l[2] %>'. IndexError: tuple index out of range"},
		{"<% let(a => ctx(n)) -> ctx(l).select([$a, $]) %>", `[[7, "it's"], [7, 1.5]]`},
		{"<% def(ctx, 5) -> ctx().name %>", `! Unable to evaluate expression '<% def(ctx, 5) -> ctx().name %>'. NoFunctionRegisteredException: Unknown function "#property#name"`},
		{"<% $ %><% $name %><% $__vars.name %>", "'NoneNoneBob'"},
		{"<% to_json_string([ctx(n), {a => null}], sortKeys => true) %>", "! Unable to evaluate expression '<% to_json_string([ctx(n), {a => null}], sortKeys => true) %>'. TypeError: Object of type FrozenDict is not JSON serializable"},
		{"<% to_json_string({a => [1, null]}) %>", `'{"a": [1,null]}'`},
		{"<% str(json('[1]')) + str([1]) %>", "'[1](1,)'"},
		{"<% zip([1, 2], [3], pad => x) %>", "[[1, 3], [2, 'x']]"},
	}
	for _, tt := range tests {
		v, err := evalText(t, tt.text, &expr.Env{Vars: expr.DictVars(vars)})
		var got string
		if err != nil {
			got = "! " + err.Error()
		} else if got, err = value.Repr(nil, v); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestErrorPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, mark string }{
		{"a: <% ctx().x.y %>", "a: <% ctx().x.y %>\n             ^"},
		{"a\nb <% 1 + + %> c", "b <% 1 + + %> c\n          ^"},
		{"<% [1].select(foo($)).len() %>", "<% [1].select(foo($)).len() %>\n              ^"},
	}
	for _, tt := range tests {
		_, err := evalText(t, tt.text, &expr.Env{Vars: expr.DictVars(value.DictOf("x", int64(1)))})
		var e *expr.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: got %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.mark, e.Mark()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

// narrowVars fails the test when anything but the one name is looked at.
type narrowVars struct {
	t    *testing.T
	name string
}

func (v narrowVars) Lookup(name string) (any, bool) {
	if name != v.name {
		v.t.Errorf("looked at %q", name)
	}
	return "seen", true
}

func (v narrowVars) Names() iter.Seq[string] {
	v.t.Error("asked for all names")
	return func(func(string) bool) {}
}

func TestTouchesOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<% ctx().a %>", "<% ctx(a) %>", "<% ctx().get(a) %>", "<% ctx('a').toUpper() %>"} {
		if _, err := evalText(t, text, &expr.Env{Vars: narrowVars{t, "a"}}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

type store struct{}

func (store) Get(_ context.Context, k expr.KeyRef) (string, bool, error) {
	return k.Scope + ":" + k.User + ":" + k.Name, k.Name != "gone", nil
}

func TestDataBornText(t *testing.T) {
	t.Parallel()
	env := &expr.Env{Store: store{}, Vars: expr.DictVars(value.DictOf(
		"st2", value.DictOf("user", "ann"), "evil", "<% st2kv('system.secret') %>"))}
	if v, err := evalText(t, "<% st2kv('system.a') + ' ' + st2kv(b) + ' ' + st2kv(gone, default => '-') %>", env); v != "system::a user:ann:b -" || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
	if v, err := evalText(t, "<% ctx().evil %>", env); err == nil {
		t.Errorf("an expression from data read the datastore: %v", v)
	}
	env.Options.NoReevaluate = true
	if v, err := evalText(t, "<% ctx().evil %>", env); v != "<% st2kv('system.secret') %>" || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	got := yaql.New(yaql.Options{}).Validate("<% ok() %> <% 1 + %>\n<% nope( %>")
	want := []expr.Problem{
		{Type: "yaql", Expression: "<% 1 + %>", Message: "Parse error: unexpected end of statement", Pos: expr.Pos{Line: 1, Column: 18}},
		{Type: "yaql", Expression: "<% nope( %>", Message: "Parse error: unexpected end of statement", Pos: expr.Pos{Line: 2, Column: 9}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExtractVars(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
	}{
		{"<% ctx().a.b + ctx(c)['d'] %> <% ctx('e') = ctx(\"f\") %>", []string{"a", "c", "e", "f"}},
		{"<% ctx().get(a) %>", nil},
		{"<% 'ctx().in_quotes' %>", []string{"in_quotes"}},
		{"<% xctx().a + ctx ().b %> ctx().c", nil},
		{"<% ctx().a-b.c %>", []string{"a"}},
		{"<% ctx(a).ctx().b %>", []string{"b", "a"}},
		{"<% ctx().f(1).g %>", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, yaql.New(yaql.Options{}).ExtractVars(tt.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}
