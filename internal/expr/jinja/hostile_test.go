package jinja_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
)

// hang is when a test calls it a hang. The quotas end each case within a
// fraction of a second of computing; the rest is for busy machines.
const hang = time.Minute

// TestHostile: whatever a template does, it ends with an error within its
// quota and in a short time.
func TestHostile(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"doubling", "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(64) %}{% set n.s = n.s ~ n.s %}{% endfor %}"},
		{"doubling lists", "{% set n = namespace(s=[1, 2]) %}{% for i in range(64) %}{% set n.s = n.s + n.s %}{% endfor %}"},
		{"repetition", "{{ 'x' * 1000000000000 }}"},
		{"list repetition", "{{ ([0] * 100000000) | length }}"},
		{"power tower", "{{ 9 ** (9 ** (9 ** 9)) }}"},
		{"center", "{{ 'x' | center(99999999999) }}"},
		{"indent", "{{ 'x\ny' | indent(9999999999) }}"},
		{"join", "{{ range(100000) | join('x' * 1000000) }}"},
		{"printf width", "{{ '%999999999999d' % 1 }}"},
		{"format width", "{{ '{:999999999999}'.format(1) }}"},
		{"nested loops", strings.Repeat("{% for i in range(100000) %}", 5) + "x" + strings.Repeat("{% endfor %}", 5)},
		{"macro recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"},
		{"loop recursion", "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
		{"self recursion", "{% block a %}{{ self.a() }}{% endblock %}"},
		{"growing list", "{% set l = [1] %}{% for i in l %}{% set _ = l.append(i) %}{% endfor %}"},
		{"lipsum", "{{ lipsum(1000000000) }}"},
		{"batch fill", "{{ [1] | batch(100000000000, 0) | list }}"},
		{"slices", "{{ [1] | slice(100000000000) | list }}"},
		{"deep generators", "{% set n = namespace(g=[1]) %}{% for i in range(100000) %}{% set n.g = n.g | map('string') %}{% endfor %}{{ n.g | list }}"},
		{"deep lists", "{% set n = namespace(l=[]) %}{% for i in range(100000) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}"},
		{"deep namespaces", "{% set n = namespace(l=1) %}{% for i in range(100000) %}{% set n.l = namespace(a=n.l) %}{% endfor %}{{ n.l }}"},
		{"deep parentheses", "{{ " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) + " }}"},
		{"deep negation", "{{ " + strings.Repeat("-", 100000) + "1 }}"},
		{"deep blocks", strings.Repeat("{% if a %}", 100000)},
		{"long chain", "{{ 1" + strings.Repeat(" + 1", 100000) + " }}"},
		{"long postfix", "{{ a" + strings.Repeat(".b", 100000) + " }}"},
		{"long filters", "{{ a" + strings.Repeat("|e", 100000) + " }}"},
		{"many names and branches", manyBranches()},
		{"self inclusion", "{% include 'again' %}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			tpl, err := jinja.New().CompileTemplate(c.in, expr.TemplateOptions{AllowUndefined: true,
				Templates: map[string]string{"again": "{% include 'again' %}"}})
			if err == nil {
				_, err = tpl.Eval(t.Context(), &expr.Env{}, expr.Limits{Steps: 500_000, Bytes: 16 << 20}.Budget(t.Context()))
			}
			var e *expr.Error
			if !errors.As(err, &e) || e.Message == "" {
				t.Fatalf("no clear error: %v", err)
			}
			if d := time.Since(start); d > hang {
				t.Errorf("took %s to fail with %v", d, err)
			}
		})
	}
}

func manyBranches() string {
	var b strings.Builder
	for i := range 20000 {
		b.WriteString("{% if a %}{% set v" + strings.Repeat("x", i%97) + string(rune('a'+i%26)) + " = 1 %}{% endif %}")
	}
	return b.String() + "{{ 1 / 0 }}"
}

// TestLongTextsAreScannedOnce: looking for expressions is linear in the text.
func TestLongTextsAreScannedOnce(t *testing.T) {
	lang := jinja.New()
	start := time.Now()
	for _, text := range []string{
		strings.Repeat("{{", 1<<19), strings.Repeat("{{", 1<<19) + "\n}}", strings.Repeat("{{ a\n", 1<<17),
		strings.Repeat("{%", 1<<19) + "\n%}", strings.Repeat("{% raw", 1<<16),
	} {
		if lang.Detects(text) {
			t.Errorf("found an expression in %.20q...", text)
		}
	}
	if d := time.Since(start); d > hang {
		t.Errorf("took %s", d)
	}
}

// TestCancel: an evaluation ends soon after its context.
func TestCancel(t *testing.T) {
	tpl, err := jinja.New().CompileTemplate("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", expr.TemplateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = tpl.Eval(ctx, &expr.Env{}, value.NewBudget(ctx, 0, 0, 0))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > hang {
		t.Errorf("took %s", d)
	}
}
