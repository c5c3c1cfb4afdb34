package jinja_test

import (
	"strings"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
)

// The names say what the original was measured with: Jinja's render of a small
// template 4.2 µs, orquesta's `{{ ctx().x | upper }}` 915 µs.

func BenchmarkRenderHello(b *testing.B) {
	benchTemplate(b, "Hello {{ name }}", value.DictOf("name", "Bob"))
}

func BenchmarkRenderPath(b *testing.B) {
	benchTemplate(b, "{{ a.b.c }}", value.DictOf("a", value.DictOf("b", value.DictOf("c", "x"))))
}

func BenchmarkRenderLoop(b *testing.B) {
	l := value.NewList()
	for i := range 100 {
		l.Items = append(l.Items, value.DictOf("name", "host", "n", int64(i)))
	}
	benchTemplate(b, "{% for h in hosts %}{{ loop.index }}: {{ h.name }}{{ h.n }}\n{% endfor %}", value.DictOf("hosts", l))
}

func benchTemplate(b *testing.B, text string, vars *value.Dict) {
	t, err := jinja.New().CompileTemplate(text, expr.TemplateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	benchProgram(b, t, vars)
}

func benchProgram(b *testing.B, p expr.Program, vars *value.Dict) {
	env := &expr.Env{Vars: expr.DictVars(vars)}
	limits := expr.DefaultLimits
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Eval(ctx, env, limits.Budget(ctx)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOrquestaUpper(b *testing.B) {
	benchStatement(b, "{{ ctx().x | upper }}", value.DictOf("x", "hello"))
}

// BenchmarkOrquestaBigContext must cost the same as a small context.
func BenchmarkOrquestaBigContext(b *testing.B) {
	vars := value.DictOf("x", "hello")
	l := value.NewList()
	for i := range 1000 {
		l.Items = append(l.Items, int64(i))
	}
	vars.SetStr("big", l)
	for i := range 100 {
		vars.SetStr("v"+strings.Repeat("x", i), int64(i))
	}
	benchStatement(b, "{{ ctx().x | upper }}", vars)
}

func BenchmarkOrquestaSelect(b *testing.B) {
	l := value.NewList()
	for i := range 1000 {
		l.Items = append(l.Items, value.DictOf("name", "host", "n", int64(i)))
	}
	benchStatement(b, "{{ ctx().hosts | selectattr('n', 'gt', 500) | map(attribute='name') | list | length }}", value.DictOf("hosts", l))
}

func benchStatement(b *testing.B, text string, vars *value.Dict) {
	p, err := jinja.New().Compile(text)
	if err != nil {
		b.Fatal(err)
	}
	benchProgram(b, p, vars)
}

func BenchmarkCompile(b *testing.B) {
	l := jinja.New()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.CompileTemplate("Hello {{ name | default('you') | upper }}{% if n > 3 %} again{% endif %}", expr.TemplateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
