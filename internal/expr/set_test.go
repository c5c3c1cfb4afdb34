package expr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

func newSet(l expr.Limits) *expr.Set {
	return expr.NewSet(l, yaql.New(yaql.Options{}), jinja.New())
}

func vars(pairs ...any) *expr.Env {
	return &expr.Env{Vars: expr.DictVars(value.DictOf(pairs...))}
}

func wantRepr(t *testing.T, v any, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatalf("want %s, got error %v", want, err)
	}
	got, err := value.Repr(nil, v)
	if err != nil || got != want {
		t.Errorf("want %s, got %s (%v)", want, got, err)
	}
}

func TestEvalWalksNestedValues(t *testing.T) {
	set := newSet(expr.Limits{})
	in := value.DictOf(
		"<% ctx().name %>", "{{ ctx().n }}",
		"list", value.NewList("<% ctx().n + 1 %>", int64(5), nil, "plain", value.DictOf("deep", "n=<% ctx().n %>")),
	)
	v, err := set.Eval(t.Context(), in, vars("name", "Bob", "n", int64(7)))
	wantRepr(t, v, err, `{'Bob': 7, 'list': [8, 5, None, 'plain', {'deep': 'n=7'}]}`)
}

func TestFirstLanguageByNameWins(t *testing.T) {
	set := newSet(expr.Limits{})
	v, err := set.Eval(t.Context(), "<% ctx().n %> {{ ctx().n }}", vars("n", int64(7)))
	wantRepr(t, v, err, `'<% ctx().n %> 7'`)
	problems := set.Validate("<% ctx().n %> {{ ctx().n }}")
	if len(problems) != 1 || problems[0].Type != "" || problems[0].Message != "Expression with multiple types is not supported." {
		t.Errorf("got %+v", problems)
	}
}

func TestValidateAndExtractVars(t *testing.T) {
	set := newSet(expr.Limits{})
	in := value.DictOf("a", "<% 1 +/ 2 %>", "b", value.NewList("{{ ctx().y }}", "<% ctx(x) %>", "<% ctx(x) %>"))
	problems := set.Validate(in)
	if len(problems) != 1 || problems[0].Type != "yaql" || problems[0].Expression != "<% 1 +/ 2 %>" {
		t.Errorf("got %+v", problems)
	}
	refs := set.ExtractVars(in)
	if got := fmt.Sprint(refs); got != "[{yaql <% ctx(x) %> x} {jinja {{ ctx().y }} y}]" {
		t.Errorf("got %s", got)
	}
}

func TestErrorsMarkTheirPlace(t *testing.T) {
	set := newSet(expr.Limits{})
	_, err := set.Eval(t.Context(), "first line\nx <% ctx().n + %>", vars("n", int64(1)))
	var e *expr.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Class != expr.ClassYAQL || e.Expression != "<% ctx().n + %>" || e.Pos.Line != 2 {
		t.Errorf("got %+v", e)
	}
	mark := strings.Split(e.Mark(), "\n")
	if len(mark) != 2 || mark[0] != "x <% ctx().n + %>" || !strings.HasSuffix(mark[1], "^") {
		t.Errorf("mark: %q", mark)
	}
}

func TestLongTextsAreRefused(t *testing.T) {
	set := newSet(expr.Limits{TextLen: 100})
	if _, err := set.Eval(t.Context(), "<% 1 %>"+strings.Repeat("x", 100), nil); err == nil {
		t.Error("no error for a long text with an expression")
	}
	long := strings.Repeat("x", 1000)
	if v, err := set.Eval(t.Context(), long, nil); err != nil || v != long {
		t.Errorf("a long text without expression must pass: %v", err)
	}
}

func TestCancelledContextStopsEvaluation(t *testing.T) {
	set := newSet(expr.Limits{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the run was cancelled"))
	for _, text := range []string{
		"<% range(100000000).select($ * $).sum() %>",
		"{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}",
	} {
		_, err := set.Eval(ctx, text, vars())
		if err == nil || !strings.Contains(err.Error(), "the run was cancelled") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestVarsAreLazy(t *testing.T) {
	set := newSet(expr.Limits{})
	for _, text := range []string{"<% ctx().name %>", "<% ctx(name) %>", "{{ ctx().name }}", "{{ ctx('name') }}"} {
		v := &countingVars{values: map[string]any{"name": "Bob", "big": nil}}
		got, err := set.Eval(t.Context(), text, &expr.Env{Vars: v})
		if err != nil || got != "Bob" {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
		if v.asked["big"] > 0 {
			t.Errorf("%s looked at a variable it does not name", text)
		}
	}
}

func TestLayerVars(t *testing.T) {
	l := expr.LayerVars(expr.DictVars(value.DictOf("a", int64(1))), nil, expr.DictVars(value.DictOf("a", int64(2), "b", int64(3))))
	if v, _ := l.Lookup("a"); v != int64(1) {
		t.Errorf("a = %v", v)
	}
	var names []string
	for n := range l.Names() {
		names = append(names, n)
	}
	if got := strings.Join(names, ","); got != "a,b" {
		t.Errorf("names: %s", got)
	}
}

func TestEvalConcurrently(t *testing.T) {
	set := newSet(expr.Limits{})
	done := make(chan error)
	for g := range 4 {
		go func() {
			var err error
			for i := range 200 {
				n := int64(i * g)
				var v any
				v, err = set.Eval(t.Context(), fmt.Sprintf("<%% ctx().n + %d %%>", i%7), vars("n", n))
				if err == nil && v != n+int64(i%7) {
					err = fmt.Errorf("got %v", v)
				}
				if err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
