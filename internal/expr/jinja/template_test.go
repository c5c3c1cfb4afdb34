package jinja_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
)

// render renders text with vars; an error comes back as "Class: message".
func render(t *testing.T, text string, o expr.TemplateOptions, vars *value.Dict) string {
	t.Helper()
	tpl, err := jinja.New().CompileTemplate(text, o)
	if err != nil {
		return describe(t, err)
	}
	v, err := tpl.Eval(t.Context(), &expr.Env{Vars: expr.DictVars(vars)}, expr.Limits{}.Budget(t.Context()))
	if err != nil {
		return describe(t, err)
	}
	return v.(string)
}

func describe(t *testing.T, err error) string {
	t.Helper()
	var e *expr.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is no *expr.Error: %v", err)
	}
	return e.Class + ": " + e.Message
}

func testVars() *value.Dict {
	return value.DictOf(
		"host", value.DictOf("name", "web01", "cpus", int64(4), "tags", value.NewList("prod", "Edge")),
		"hosts", value.NewList(
			value.DictOf("name", "web01", "site", "east", "load", 0.5),
			value.DictOf("name", "db01", "site", "west", "load", 2.25),
			value.DictOf("name", "web02", "site", "east", "load", 1.0)),
		"count", int64(3), "ratio", 0.1, "nothing", nil, "yes", true, "text", "tea & cake",
	)
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"attribute", "{{ host.name }}", "web01"},
		{"dict method wins over key", "{{ {'items': 1}.items is callable }}", "True"},
		{"item wins over method", "{{ {'items': 1}['items'] }}", "1"},
		{"missing attribute", "{{ host.rack }}", "UndefinedError: 'dict object' has no attribute 'rack'"},
		{"missing name", "{{ rack }}", "UndefinedError: 'rack' is undefined"},
		{"default", "{{ host.rack | default('none') }}", "none"},
		{"default looks at the last step only", "{{ host.rack.row | default('none') }}", "UndefinedError: 'dict object' has no attribute 'rack'"},
		{"else-less condition is empty", "[{{ 'x' if not yes }}]", "[]"},
		{"python text", "{{ [yes, nothing, ratio, 'it\\'s', (1,)] }}", `[True, None, 0.1, "it's", (1,)]`},
		{"big integers", "{{ 2 ** 70 }}", "1180591620717411303424"},
		{"power is left-associative", "{{ 2 ** 3 ** 2 }}", "64"},
		{"unary minus binds first", "{{ -2 ** 2 }}", "4"},
		{"chained comparison", "{{ 1 < count <= 3 }}", "True"},
		{"tilde converts", "{{ count ~ '/' ~ nothing }}", "3/None"},
		{"plus does not", "{{ 'a' + 1 }}", `TypeError: can only concatenate str (not "int") to str`},
		{"set in if stays", "{% set a = 1 %}{% if yes %}{% set a = 2 %}{% endif %}{{ a }}", "2"},
		{"set in for is lost", "{% set a = 1 %}{% for i in [1] %}{% set a = 2 %}{% endfor %}{{ a }}", "1"},
		{"namespace carries state", "{% set n = namespace(s=0) %}{% for h in hosts %}{% set n.s = n.s + h.load %}{% endfor %}{{ n.s }}", "3.75"},
		{"loop variables", "{% for h in hosts %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}", "1/3,2/3,3/3"},
		{"loop filter counts what passes", "{% for h in hosts if h.site == 'east' %}{{ loop.index }}{{ h.name }} {% endfor %}", "1web01 2web02 "},
		{"loop else", "{% for h in hosts if h.load > 9 %}x{% else %}idle{% endfor %}", "idle"},
		{"recursion", "{% for n in [[1, [2]], [3]] recursive %}{{ loop(n) if n is iterable else n }}{% endfor %}", "123"},
		{"macro sees later names", "{% macro m() %}{{ late }}{% endmacro %}{% set late = 'x' %}{{ m() }}", "x"},
		{"macro does not see locals", "{% macro m() %}{{ h }}{% endmacro %}{% for h in [1] %}{{ m() }}{% endfor %}", "UndefinedError: 'h' is undefined"},
		{"macro arguments", "{% macro m(a, b=a) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}", "12(3,){'k': 4}"},
		{"macro refuses", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "TypeError: macro 'm' takes not more than 1 argument(s)"},
		{"call block", "{% macro m() %}<{{ caller('in') }}>{% endmacro %}{% call(x) m() %}{{ x }}{{ host.name }}{% endcall %}", "<inweb01>"},
		{"filter block", "{% filter upper | replace('E', '3') %}{{ host.name }}{% endfilter %}", "W3B01"},
		{"set block with filter", "{% set x | trim | length %}  four {% endset %}{{ x }}", "4"},
		{"block and self", "{% block b %}[{{ count }}]{% endblock %}{{ self.b() }}", "[3][3]"},
		{"autoescape", "{% autoescape true %}{{ text }}{{ text | safe }}{% endautoescape %}", "tea &amp; caketea & cake"},
		{"groupby", "{% for s in hosts | groupby('site') %}{{ s.grouper }}={{ s.list | length }};{% endfor %}", "east=2;west=1;"},
		{"sort by attribute", "{{ hosts | sort(attribute='load', reverse=true) | map(attribute='name') | join(' ') }}", "db01 web02 web01"},
		{"select by test", "{{ hosts | selectattr('load', 'gt', 0.7) | map(attribute='name') | list }}", "['db01', 'web02']"},
		{"case is ignored", "{{ ['b', 'A', 'c'] | sort | join }}{{ ['x', 'X'] | unique | list }}", "Abc['x']"},
		{"tojson is safe for html", "{{ {'b': '<', 'a': \"'\"} | tojson }}", `{"a": "\u0027", "b": "\u003c"}`},
		{"st2 in test", "{{ 'prod' is in(host.tags) }}", "True"},
		{"unknown filter", "{{ text | shout }}", "TemplateAssertionError: No filter named 'shout'."},
		{"unknown filter in an untaken branch", "{% if not yes %}{{ text | shout }}{% endif %}ok", "ok"},
		{"filter arguments", "{{ text | trim(1, 2) }}", "TypeError: do_trim() takes from 1 to 2 positional arguments but 3 were given"},
		{"filter keyword", "{{ text | trim(blanks=1) }}", "TypeError: do_trim() got an unexpected keyword argument 'blanks'"},
		{"sandbox", "{{ text.__class__ }}", "SecurityError: access to attribute '__class__' of 'str' object is unsafe."},
		{"sandbox in format", "{{ '{0.__class__}'.format(text) }}", "SecurityError: access to attribute '__class__' of 'str' object is unsafe."},
		{"underscore keys are data", "{{ {'_x': 1}._x }}", "1"},
		{"range limit", "{{ range(100001) }}", "OverflowError: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."},
		{"no loader", "{% include 'x' %}", "TypeError: no loader for this environment specified"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render(t, c.in, expr.TemplateOptions{}, testVars()); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
			}
		})
	}
}

func TestRenderPlainUndefined(t *testing.T) {
	for in, want := range map[string]string{
		"[{{ rack }}]":                         "[]",
		"{% if rack %}y{% else %}n{% endif %}": "n",
		"{{ rack.row }}":                       "UndefinedError: 'rack' is undefined",
		"{{ rack + 1 }}":                       "UndefinedError: 'rack' is undefined",
		"{{ [rack] }}":                         "[Undefined]",
		"{{ rack == host.rack }}":              "True",
		"{{ rack | list }}":                    "[]",
	} {
		if got := render(t, in, expr.TemplateOptions{AllowUndefined: true}, testVars()); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestWhitespace(t *testing.T) {
	const text = "a\n  {% if yes %}\n  b\n  {%- endif %}\n  {# gone #}\nc {{- count -}}  \n d\n"
	for _, c := range []struct {
		o    expr.TemplateOptions
		want string
	}{
		{expr.TemplateOptions{}, "a\n  bc3d"},
		{expr.TemplateOptions{NoTrimBlocks: true}, "a\n\n  b\n\nc3d"},
		{expr.TemplateOptions{NoLstripBlocks: true}, "a\n    b  c3d"},
		{expr.TemplateOptions{NoTrimBlocks: true, NoLstripBlocks: true}, "a\n  \n  b\n  \nc3d"},
	} {
		if got := render(t, text, c.o, testVars()); got != c.want {
			t.Errorf("%+v\n got %q\nwant %q", c.o, got, c.want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		in, want string
		line     int
	}{
		{"{{ }}", "Expected an expression, got 'end of print statement'", 1},
		{"a\n{{ b", "unexpected end of template, expected 'end of print statement'.", 2},
		{"{% for a of b %}", "expected token 'in', got 'of'", 1},
		{"x\n\n{% endif %}", "Encountered unknown tag 'endif'.", 3},
		{"{% if a %}{% endfor %}", "Encountered unknown tag 'endfor'. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.", 1},
		{"{% for a in b %}{% if a %}{% endfor %}", "Encountered unknown tag 'endfor'. You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.", 1},
		{"{{ (1] }}", "unexpected ']', expected ')'", 1},
		{"{{ 'a }}", "unexpected char \"'\" at 3", 1},
		{"{{ é! }}", "unexpected char '!' at 4", 1},
		{"{% set none = 1 %}", "can't assign to 'const'", 1},
		{"{% block a-b %}", "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.", 1},
		{"{{ f(a=1, 2) }}", "invalid syntax for function call expression", 1},
		{"{{ a is b is c }}", "You cannot chain multiple tests with is", 1},
	} {
		_, err := jinja.New().CompileTemplate(c.in, expr.TemplateOptions{})
		var e *expr.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no *expr.Error: %v", c.in, err)
			continue
		}
		if e.Class != "TemplateSyntaxError" || e.Message != c.want || e.Pos.Line != c.line {
			t.Errorf("%s\n got line %d %s: %s\nwant line %d %s", c.in, e.Pos.Line, e.Class, e.Message, c.line, c.want)
		}
	}
}

func TestInheritance(t *testing.T) {
	o := expr.TemplateOptions{Templates: map[string]string{
		"page": "<{% block title %}page{% endblock %}|{% block body %}{% endblock %}>",
		"site": "{% extends 'page' %}{% block title %}site {{ super() }}{% endblock %}",
		"lib":  "{% set colour = 'red' %}{% macro bold(x) %}*{{ x }}*{% endmacro %}{% macro who() %}{{ user | default('nobody') }}{% endmacro %}",
		"part": "({{ user | default('nobody') }}{{ local | default('') }})",
		"bad":  "{% if %}",
	}}
	vars := value.DictOf("user", "ann")
	for in, want := range map[string]string{
		"{% extends 'site' %}{% block title %}mine {{ super() }}{% endblock %}{% block body %}{{ user }}{% endblock %}": "<mine site page|ann>",
		"{% extends 'page' %}lost{% set x = 1 %}{% block body %}{{ x }}{% endblock %}":                                  "<page|1>",
		"{% import 'lib' as l %}{{ l.bold(l.colour) }}{{ l.who() }}":                                                    "*red*nobody",
		"{% from 'lib' import who with context %}{{ who() }}":                                                           "ann",
		"{% from 'lib' import nope %}{{ nope }}":                                                                        "UndefinedError: the template 'lib' (imported on line 1) does not export the requested name 'nope'",
		"{% set local = '!' %}{% include 'part' %}{% include 'part' without context %}":                                 "(ann!)(nobody)",
		"{% include ['x', 'part'] %}{% include 'x' ignore missing %}":                                                   "(ann)",
		"{% include ['x', 'y'] %}":                           "TemplatesNotFound: none of the templates given were found: x, y",
		"{% extends 'zz' %}":                                 "TemplateNotFound: zz",
		"{% include 'bad' %}":                                "TemplateSyntaxError: Expected an expression, got 'end of statement block'",
		"{% for i in [1] %}{% extends 'page' %}{% endfor %}": "TemplateAssertionError: cannot use extend from a non top-level scope",
	} {
		if got := render(t, in, o, vars); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestUndeclared(t *testing.T) {
	tpl, err := jinja.New().CompileTemplate(
		"{% set a = b %}{{ a.x }}{{ range(n) }}{% for i in list if i in ok %}{{ i }}{{ loop.index }}{% endfor %}{% macro m(p, q=d) %}{{ p }}{{ z }}{% endmacro %}{{ st2kv.system.k }}",
		expr.TemplateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"b", "d", "list", "n", "ok", "st2kv", "z"}
	if d := cmp.Diff(want, tpl.Undeclared()); d != "" {
		t.Error(d)
	}
}

// store is a datastore for tests; secrets are decrypted by a prefix.
type store map[string]string

func (s store) Get(_ context.Context, k expr.KeyRef) (string, bool, error) {
	v, ok := s[k.Scope+":"+k.User+":"+k.Name]
	if plain, secret := strings.CutPrefix(v, "secret:"); secret && k.Decrypt {
		v = plain
	}
	return v, ok, nil
}

func TestDatastoreLookups(t *testing.T) {
	env := &expr.Env{Vars: expr.DictVars(testVars()), User: "ann",
		Store: store{"system::a.b": "deep", "system::n": "41", "user:ann:a": "hers", "system::pw": "secret:42"}}
	lang := jinja.New()
	for in, want := range map[string]string{
		"{{ st2kv.system.a.b }}|{{ st2kv.system['a']['b'] }}": "deep|deep",
		"{{ st2kv.user.a }}":                   "hers",
		"[{{ st2kv.system.none }}]":            "[]",
		"{{ st2kv.system.none is defined }}":   "True",
		"{{ st2kv.system.n | int + 1 }}":       "42",
		"{{ st2kv.system.pw }}":                "secret:42",
		"{{ st2kv.system.pw | decrypt_kv }}":   "42",
		"{{ st2kv.system.none | decrypt_kv }}": `ValueError: Referenced datastore item "st2kv.system.none" doesn't exist or it contains an empty string`,
		"{{ st2kv.system.n + 1 }}":             "TypeError: unsupported operand type(s) for +: 'KeyValueLookup' and 'int'",
		"{{ st2kv.system._x }}":                "SecurityError: access to attribute '_x' of 'KeyValueLookup' object is unsafe.",
	} {
		tpl, err := lang.CompileTemplate(in, expr.TemplateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tpl.Eval(t.Context(), env, nil)
		if err != nil {
			got = describe(t, err)
		}
		if got != want {
			t.Errorf("%s\n got %v\nwant %v", in, got, want)
		}
		if _, err := tpl.Eval(t.Context(), env.ForData(), nil); err == nil {
			t.Errorf("%s: text from data reaches the datastore", in)
		}
	}
}

// TestConcurrentUse runs shared programs from several goroutines; it shows
// something under the race detector only.
func TestConcurrentUse(t *testing.T) {
	lang := jinja.New()
	tpl, err := lang.CompileTemplate("{% from 'm' import f %}{% for h in hosts | sort(attribute='name') %}{{ f(h.name) }}{% endfor %}",
		expr.TemplateOptions{Templates: map[string]string{"m": "{% macro f(x) %}<{{ x | upper }}>{% endmacro %}"}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				v, err := tpl.Eval(t.Context(), &expr.Env{Vars: expr.DictVars(testVars())}, nil)
				if err != nil || v != "<DB01><WEB01><WEB02>" {
					t.Errorf("got %v, %v", v, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
