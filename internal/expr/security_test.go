package expr_test

import (
	"strings"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// An expression in a workflow may read the datastore; the same text arriving
// inside data may not, though it is evaluated, as StackStorm does.
func TestDataBornExpressionsSeeNoDatastore(t *testing.T) {
	set := newSet(expr.Limits{})
	user := value.DictOf("user", "stanley")
	for _, c := range []struct{ text, evil string }{
		{"<% ctx().data %>", "<% st2kv('system.password') %>"},
		{"<% ctx().data %>", "<% st2kv('system.password', decrypt => true) %>"},
		{"<% ctx().data %>", "<% st2kv('system.password', default => 'x') %>"},
		{"{{ ctx().data }}", "{{ st2kv('system.password') }}"},
		{"{{ ctx().data }}", "{{ st2kv('system.password', decrypt=true) }}"},
		{"v: {{ ctx().data }}", "{% if true %}{{ st2kv('system.password') }}{% endif %}"},
		{"{% if true %}{{ ctx().data }}{% endif %}", "{{ st2kv('system.password') }}"},
		{"{% raw %}x{% endraw %}{{ ctx().data }}", "{{ st2kv('system.password') }}"},
	} {
		store := &secretStore{}
		env := &expr.Env{Vars: expr.DictVars(value.DictOf("st2", user, "data", c.evil)), Store: store}
		v, err := set.Eval(t.Context(), c.text, env)
		if err == nil {
			if text, _ := value.Str(nil, v); strings.Contains(text, "hunter2") {
				t.Errorf("%s with data %s leaked: %s", c.text, c.evil, text)
			}
		}
		if len(store.reads) > 0 {
			t.Errorf("%s with data %s read %v", c.text, c.evil, store.reads)
		}
	}
}

func TestWorkflowExpressionsReadTheDatastore(t *testing.T) {
	set := newSet(expr.Limits{})
	for _, text := range []string{"<% st2kv('system.password') %>", "{{ st2kv('system.password') }}", "{{ st2kv('system.' ~ 'password') }}"} {
		env := &expr.Env{Vars: expr.DictVars(value.DictOf("st2", value.DictOf("user", "stanley"))), Store: &secretStore{}}
		if v, err := set.Eval(t.Context(), text, env); err != nil || v != "hunter2" {
			t.Errorf("%s: got %v, %v", text, v, err)
		}
	}
}

func TestReevaluation(t *testing.T) {
	set := newSet(expr.Limits{})
	data := value.DictOf("y", "<% 1 + 1 %>", "j", "{{ 1 + 1 }}")
	for _, c := range []struct{ text, on, off string }{
		{"<% ctx().y %>", "2", "'<% 1 + 1 %>'"},
		{"{{ ctx().j }}", "2", "'{{ 1 + 1 }}'"},
		{"a<% ctx().y %>", "'a2'", "'a<% 1 + 1 %>'"},
		{"a{{ ctx().j }}", "'a2'", "'a{{ 1 + 1 }}'"},
	} {
		v, err := set.Eval(t.Context(), c.text, &expr.Env{Vars: expr.DictVars(data)})
		wantRepr(t, v, err, c.on)
		v, err = set.Eval(t.Context(), c.text, &expr.Env{Vars: expr.DictVars(data), Options: expr.Options{NoReevaluate: true}})
		wantRepr(t, v, err, c.off)
	}
}

func TestForData(t *testing.T) {
	env := &expr.Env{Store: &secretStore{}, User: "u"}
	d := env.ForData()
	if d.Store != nil || !d.DataBorn() || env.DataBorn() || env.Store == nil || d.ForData() != d {
		t.Errorf("got %+v from %+v", d, env)
	}
	if n := (*expr.Env)(nil).ForData(); !n.DataBorn() {
		t.Error("nil Env")
	}
}
