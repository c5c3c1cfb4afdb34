package jinja_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
)

// seeds are templates that exercise every construct, and those of the corpus
// when it is there.
func seeds(f *testing.F) {
	for _, s := range []string{
		"", "{{ a }}", "{% for x in l recursive %}{{ loop(x) }}{% endfor %}", "{% macro m(a, b=1) %}{{ varargs }}{% endmacro %}{{ m(1) }}",
		"{% set a, b = l %}{% set n.x %}y{% endset %}", "{% raw %}{{{% endraw %}", "{%- if a -%}b{%+ endif +%}", "{{ 'x' * 99999999 }}",
		"{{ (((((1))))) }}", "{{ a.b['c'][1:2]|d(1) is defined }}", "{% call(x) m() %}{{ x }}{% endcall %}", "{{ l|groupby('a')|map(attribute='list')|list }}",
		"{% autoescape true %}{{ '<' ~ l|join('&') }}{% endautoescape %}", "{% block a %}{{ super() }}{{ self.a() }}{% endblock %}",
		"{{ '%*d' % (1000000000, 1) }}", "{{ '{:>{w}}'.format(1, w=999999999) }}", "{{ range(99999)|batch(2)|list }}",
		"{{ ''|center(9999999999) }}", "{{ lipsum(99999999) }}", "{{ 9**9**9 }}", "{{ 1 << 3 }}", "{{ s|wordwrap(1)|urlize|pprint }}",
	} {
		f.Add(s)
	}
	root := corpusRoot()
	if root == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(root, "jinja", "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var cases []struct{ Template any }
		if err := json.Unmarshal(data, &cases); err != nil {
			f.Fatal(err)
		}
		for _, c := range cases {
			if s, ok := c.Template.(string); ok {
				f.Add(s)
			}
		}
	}
}

// FuzzParse: no text makes the parser or compiler panic, and a template either
// compiles or fails with an error that has a class.
func FuzzParse(f *testing.F) {
	seeds(f)
	lang := jinja.New()
	f.Fuzz(func(t *testing.T, text string) {
		lang.Validate(text)
		lang.ExtractVars(text)
		if _, err := lang.CompileTemplate(text, expr.TemplateOptions{AllowUndefined: true}); err != nil {
			var e *expr.Error
			if !errors.As(err, &e) || e.Class == "" {
				t.Fatalf("%q: error without class: %v", text, err)
			}
		}
	})
}

// fuzzLimits are small so that hostile inputs end quickly.
var fuzzLimits = expr.Limits{Steps: 100_000, Bytes: 16 << 20, Depth: 60}

func fuzzVars() *value.Dict {
	return value.DictOf("a", "text", "n", int64(7), "f", 2.5, "l", value.NewList(int64(3), int64(1), value.NewList("x")),
		"d", value.DictOf("a", int64(1), "items", "own"), "none", nil, "s", "one two <three> http://x.org", "e", value.NewList())
}

// FuzzRender: no template and no workflow text makes the evaluator panic or
// outlive its quota.
func FuzzRender(f *testing.F) {
	seeds(f)
	lang := jinja.New()
	f.Fuzz(func(t *testing.T, text string) {
		env := &expr.Env{Vars: expr.DictVars(fuzzVars())}
		ctx, cancel := context.WithTimeout(t.Context(), hang/2)
		defer cancel()
		start := time.Now()
		tpl, err := lang.CompileTemplate(text, expr.TemplateOptions{AllowUndefined: true})
		if err == nil {
			_, _ = tpl.Eval(ctx, env, fuzzLimits.Budget(ctx))
		}
		if p, err := lang.Compile(text); err == nil {
			_, _ = p.Eval(ctx, env, fuzzLimits.Budget(ctx))
		}
		if d := time.Since(start); d > hang {
			t.Fatalf("%q took %s", text, d)
		}
	})
}
