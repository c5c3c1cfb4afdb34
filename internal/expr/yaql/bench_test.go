package yaql_test

import (
	"fmt"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// records makes a list of n dicts as workflows pass them around.
func records(n int) *value.List {
	l := &value.List{}
	for i := range n {
		l.Items = append(l.Items, value.DictOf("a", int64(i%7), "b", fmt.Sprintf("host%d", i), "c", value.NewList(int64(i))))
	}
	return l
}

// The expressions are those whose cost in the original is known: 112 µs for
// the first, 3,754 µs with the long list in the context, 1,845 and 136,981 µs
// for the queries.
func BenchmarkEval(b *testing.B) {
	benchmarks := []struct {
		name, text string
		vars       *value.Dict
	}{
		{"name", "<% ctx().name %>", value.DictOf("name", "Bob")},
		{"name_long_list_beside", "<% ctx().name %>", value.DictOf("big", records(1000), "name", "Bob")},
		{"var", "<% ctx(name) %>", value.DictOf("name", "Bob")},
		{"path", "<% ctx().a.b.c %>", value.DictOf("a", value.DictOf("b", value.DictOf("c", int64(1))))},
		{"get", "<% ctx().get(name) %>", value.DictOf("name", "Bob")},
		{"result", "<% result().stdout %>", value.DictOf("__current_task", value.DictOf("id", "t", "route", int64(0), "result", value.DictOf("stdout", "x")))},
		{"text", "Hello <% ctx().name %>, you are <% ctx().n %>", value.DictOf("name", "Bob", "n", int64(5))},
		{"arith", "<% ctx(n) * 2 + 1 > 10 and ctx(name) != null %>", value.DictOf("name", "Bob", "n", int64(5))},
		{"upper", "<% ctx(name).toUpper() %>", value.DictOf("name", "Bob")},
		{"query10", "<% ctx(x).where($.a > 1).select($.b) %>", value.DictOf("x", records(10))},
		{"query1000", "<% ctx(x).where($.a > 1).select($.b) %>", value.DictOf("x", records(1000))},
		{"attribute1000", "<% ctx(x).b %>", value.DictOf("x", records(1000))},
		{"group1000", "<% ctx(x).groupBy($.a, $.b) %>", value.DictOf("x", records(1000))},
		{"order1000", "<% ctx(x).orderBy($.b).select($.b) %>", value.DictOf("x", records(1000))},
		{"methods1000", "<% ctx(x).select($.b.toUpper() + '.example.com') %>", value.DictOf("x", records(1000))},
		{"pass1000", "<% ctx(x) %>", value.DictOf("x", records(1000))},
	}
	eng := yaql.New(yaql.Options{})
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			p, err := eng.Compile(bm.text)
			if err != nil {
				b.Fatal(err)
			}
			env := &expr.Env{Vars: expr.DictVars(bm.vars)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(b.Context(), env, expr.DefaultLimits.Budget(b.Context())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	eng := yaql.New(yaql.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := eng.Compile("<% ctx(x).where($.a > 1).select($.b) %>"); err != nil {
			b.Fatal(err)
		}
	}
}
