package expr_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// hostile are texts made to hurt: each must end with an error, soon and
// within its memory.
func hostile() []string {
	deep := func(open, mid, close string, n int) string {
		return strings.Repeat(open, n) + mid + strings.Repeat(close, n)
	}
	laughs := `a: &a [x, x, x, x, x, x, x, x, x]\n`
	for i := range 10 {
		c, n := 'a'+rune(i), 'b'+rune(i)
		laughs += fmt.Sprintf(`%c: &%c [%s]\n`, n, n, strings.TrimSuffix(strings.Repeat("*"+string(c)+", ", 9), ", "))
	}
	texts := []string{
		// Laughs: loading them is cheap, printing them is not.
		`<% str(yaml_parse("` + laughs + `")) %>`,
		`{{ from_yaml_string("` + laughs + `") | string }}`,
		`{{ from_yaml_string("` + laughs + `") | to_json_string }}`,
		// Catastrophic regular expressions.
		`<% regex_match('` + strings.Repeat("a", 60) + `!', '(a+)+\\1$') %>`,
		`{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regex_search('(?:(a|aa)+)+\\1{3}z') }}`,
		`<% '` + strings.Repeat("ab", 60) + `' =~ '^(?=((a|b)*)+c).*(\\w+\\s?)+\\b\\1$' %>`,
		// Endless or enormous sequences.
		`<% sequence().len() %>`,
		`<% sequence().toList() %>`,
		`<% [1].cycle().sum() %>`,
		`<% generate(0, true, $ + 1) %>`,
		`<% 1.repeat().toList() %>`,
		`<% range(10000000000).sum() %>`,
		`<% range(100000).select(range(100000)).len() + range(100000).selectMany(range(100000)).len() %>`,
		`<% list(range(3000)).join(list(range(3000)), true, $1 * $2).len() * sequence().len() %>`,
		`{{ range(99999999999) | list }}`,
		`{% for i in range(90000) %}{% for j in range(90000) %}{{ i }}{% endfor %}{% endfor %}`,
		`{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}`,
		`{{ lipsum(n=100000000) }}`,
		`{% for x in [[[]]] recursive %}{{ loop([x]) }}{% endfor %}`,
		// Numbers.
		`<% pow(9, pow(9, 9)) %>`,
		`<% pow(10, 100000000) %>`,
		`<% shiftBitsLeft(1, 100000000000) %>`,
		`<% pow(7, 3000000) mod 11 + pow(3, 90000000) %>`,
		`{{ 9 ** (9 ** 9) }}`,
		`{{ 10 ** 10000000000 }}`,
		`{{ (10 ** 5000) | string }}`,
		// Strings.
		`<% 'x' * 100000000000 %>`,
		`<% ('x' * 100000000).replace('x', 'y' * 10000) %>`,
		`<% list('x' * 1000000).join('y' * 100000) + 'x'.join(range(1000000000).select(str($))) %>`,
		`<% format('{0:1000000000000}', 1) %>`,
		`{{ 'x' * 100000000000 }}`,
		`{{ '%1000000000000d' % 1 }}`,
		`{{ '{:1000000000000}'.format(1) }}`,
		`{{ '{0:{1}}'.format(1, 99999999999) }}`,
		`{{ 'x' | center(100000000000) }}`,
		`{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}`,
		`{{ 'x' | indent(1000000000000, true) }}`,
		`{{ 'ab'.ljust(100000000000) }}`,
		`{{ 'a\tb'.expandtabs(100000000000) }}`,
		`{{ [0] * 100000000000 }}`,
		`{% set ns = namespace(s='x') %}{% for i in range(90) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}`,
		`{% set l = [] %}{% for i in range(90) %}{% if l.append(l) %}{% endif %}{% endfor %}{% for i in range(99999) %}{{ l.extend(l) }}{% endfor %}`,
		// Walks out of the sandbox.
		`{{ ''.__class__.__mro__[1].__subclasses__() }}`,
		`{{ ctx.__globals__ }}`,
		`{{ ctx().__class__.__base__ }}`,
		`{{ (1).__class__ }}`,
		`{{ [].append.__self__.__class__ }}`,
		`{{ '{0.__class__.__mro__}'.format(1) }}`,
		`{{ '{x.__class__}'.format(x=ctx) }}`,
		`{{ '{0[__class__]}'.format('x') }}`,
		`{{ ''['__class__'] }}`,
		`{{ '' | attr('__class__') }}`,
		`{{ ctx | attr('__code__') }}`,
		`{{ ['__class__', '__x__'] | map('attr', '__class__') | list | first | attr('__mro__') }}`,
		`{{ cycler.__init__.__globals__ }}`,
		`{{ self.__init__ }}`,
		`<% 'x'.__class__ %>`,
		`<% ctx().__class__ %>`,
		`<% $.__class__.__mro__ %>`,
		`<% call('__import__', ['os'], {}) %>`,
		`<% '{0.__class__}'.format(1).__class__ %>`,
		// Deep nesting.
		`<% ` + deep("(", "1", ")", 20000) + ` %>`,
		`<% ` + deep("[", "1", "]", 20000) + ` %>`,
		`<% ` + deep("not ", "1", "", 20000) + ` %>`,
		`<% ` + deep("-", "1", "", 100000) + ` +%>`,
		`<% ` + deep("f(", "1", ")", 20000) + ` %>`,
		`<% 1` + strings.Repeat(".f()", 50000) + ` %>`,
		`<% 1` + strings.Repeat("[0]", 50000) + ` %>`,
		`{{ ` + deep("(", "1", ")", 20000) + ` }}`,
		`{{ ` + deep("[", "1", "]", 20000) + ` }}`,
		`{{ ` + deep("not ", "1", "", 20000) + ` +}}`,
		`{{ ` + deep("-", "1", "", 100000) + `| nope }}`,
		`{{ 1` + strings.Repeat("|nope", 50000) + ` }}`,
		`{{ x` + strings.Repeat(".y", 50000) + ` }}`,
		deep("{% if true %}", "{{ nope }}", "{% endif %}", 5000),
		deep("{% for x in [1] %}", "{{ nope }}", "{% endfor %}", 5000),
		`<% from_json_string('` + deep("[", "", "]", 50000) + `') %>`,
		`{{ from_json_string('` + deep("[", "", "]", 50000) + `') }}`,
		`{{ from_yaml_string('` + deep("[", "", "]", 50000) + `') }}`,
		`{{ ctx().self }}`,
		`<% ctx().self %>`,
		`{{ ctx().ping }}`,
		`<% ctx().ping %>`,
		`{{ jsonpath_query(ctx().deep, '` + strings.Repeat("$..", 40) + `x') | nope }}`,
		`<% def(f, f()) -> f() %>`,
		`<% let(f => 1) -> def(g, g() + g()) -> g() %>`,
	}
	return texts
}

func TestHostileCatalogue(t *testing.T) {
	set := newSet(expr.Limits{Steps: 1_000_000, Bytes: 64 << 20})
	deep := value.NewList()
	for range 5000 {
		deep = value.NewList(deep)
	}
	env := vars("st2", value.DictOf("user", "u"), "deep", deep,
		"self", "<% ctx().self %>{{ ctx().self }}", "ping", "{{ ctx().pong }}<% ctx().pong %>", "pong", "{{ ctx().ping }}<% ctx().ping %>")
	for _, text := range hostile() {
		name := text
		if len(name) > 90 {
			name = name[:90] + "..."
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		v, err := set.Eval(t.Context(), text, env)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil {
			shown, _ := value.Repr(value.NewBudget(t.Context(), 10_000, 1<<20, 0), v)
			if len(shown) > 120 {
				shown = shown[:120]
			}
			t.Errorf("%s: no error, got %s", name, shown)
		} else if len(err.Error()) > 1<<20 {
			t.Errorf("%s: error of %d bytes", name, len(err.Error()))
		}
		if took > 10*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<30 {
			t.Errorf("%s: allocated %d MiB", name, grown>>20)
		}
		if testing.Verbose() {
			t.Logf("%8.1f ms %6d MiB  %s\n      %.160v", float64(took.Microseconds())/1000, (after.TotalAlloc-before.TotalAlloc)>>20, name, err)
		}
	}
}

// A limit shows as itself, so that a caller can tell it from a faulty expression.
func TestLimitsAreMatchable(t *testing.T) {
	set := newSet(expr.Limits{Steps: 100_000, Bytes: 1 << 20})
	for _, text := range []string{"<% sequence().len() %>", "{{ 'x' * 100000000 }}", "<% 'x' * 100000000 %>"} {
		if _, err := set.Eval(t.Context(), text, vars()); !errors.Is(err, value.ErrLimit) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
