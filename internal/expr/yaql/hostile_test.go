package yaql_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// hostile are expressions that want more than they may have.
var hostile = []string{
	"sequence().toList()",
	"sequence().len()",
	"1.repeat().sum()",
	"[1].cycle().last()",
	"generate(1, true, $)",
	"generate(1, true, $ * 1000000007).last()",
	"generateMany(1, [$, $], decycle => false).len()",
	"sequence().where(false).first()",
	"sequence().join([1], false, 1)",
	"range(1000000000).toList()",
	"range(1000000000).toSet()",
	"[0] * 1000000000",
	"'x' * 100000000000",
	"('x' * 10000000).toCharArray()",
	"'x' * 1000000 + sequence().select('x' * 100000).sum()",
	"pow(10, pow(10, 10))",
	"shiftBitsLeft(1, 100000000000)",
	"range(100000).aggregate($1 * 1000000007 * $1, 3)",
	"range(1000000).aggregate([$1], 1)",
	"range(1000000).aggregate({a => $1}, 1)",
	"range(1000000).aggregate([$1, $1], 1) = 1",
	"str(range(60).aggregate([$1, $1], 1))",
	"range(60).aggregate([$1, $1], 1) = range(60).aggregate([$1, $1], 1)",
	"set(range(60).aggregate([$1, $1], 1))",
	"range(60).aggregate([$1, $1], 1)",
	"range(60).aggregate({a => $1, b => $1}, 1)",
	"set(range(60).aggregate({a => $1, b => $1}, 1))",
	"range(1000000).aggregate($1.where(true), [1])",
	"range(1000000).aggregate($1.orderBy($), [1]).len()",
	"range(1000000).aggregate($1 -> let(y => 1), let(x => 0)) -> range(1000000).select($zzz).len()",
	"def(f, f($)) -> f(1)",
	"def(f, [f($), f($)]) -> f(1)",
	"def(f, $.select(f([$, $]))) -> f([1])",
	"def(f, let(x => $) -> f($x)) -> f(1)",
	"let(x => range(1000000).toList()) -> range(1000000).select($x = $x + [1]).last()",
	"let(x => range(300000).toList()) -> range(1000000).select({$x => 1}).last()",
	"let(x => range(1000000).toList()) -> range(1000000).select($x.toSet().len()).last()",
	"let(x => range(1000000).toDict($)) -> range(1000000).select($x.keys().first()).last()",
	"let(x => 'aé' * 10000000) -> range(10000000).select($x.len()).last()",
	"('a' * 50000) =~ '(?=(a+)+b)c'",
	"regex('(x+x+)+y\\\\1').replace('x' * 1000, 'z')",
	"regex('').replace('a' * 1000000, 'b' * 1000000)",
	"('a' * 1000000).replace('a', 'b' * 1000000)",
	"sequence().select([$]).flatten().len()",
	"sequence().selectMany([$]).distinct().len()",
	"range(100000000).groupBy($ mod 3)",
	"range(100000000).orderBy(-$).first()",
	"sequence().slice(1000000000).first()",
	"sequence().memorize().len()",
	"range(1000000).zip(sequence(), sequence()).toList().toList().len() + sequence().len()",
	"sequence().unpack() -> 1",
	"sequence().accumulate($1 + $2).last()",
	"datetime(2024, 1, 1).format('%c' * 100000000)",
	"timespan(days => 1) * 1e300",
}

func TestHostile(t *testing.T) {
	t.Parallel()
	limits := expr.Limits{Steps: 300_000, Bytes: 32 << 20}
	eng := yaql.New(yaql.Options{Core: true})
	for _, src := range hostile {
		t.Run(src, func(t *testing.T) {
			p, err := eng.CompileExpr(src)
			if err != nil {
				return // refused by the parser is as good
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err = p.Eval(t.Context(), nil, limits.Budget(t.Context()))
			if err == nil {
				t.Error("ended without an error")
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %s, error %v", d, err)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
				t.Errorf("allocated %d MiB", used>>20)
			}
		})
	}
}

func TestManyExpressions(t *testing.T) {
	t.Parallel()
	eng := yaql.New(yaql.Options{})
	if _, err := eng.Compile(strings.Repeat("<%1%>", 100_000)); !errors.Is(err, value.ErrLimit) {
		t.Errorf("100,000 expressions: got %v, want a limit", err)
	}
	p, err := eng.Compile(strings.Repeat("<%1%>", 9000) + strings.Repeat("x", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Eval(t.Context(), nil, expr.Limits{Steps: 1_000_000}.Budget(t.Context())); !errors.Is(err, value.ErrLimit) {
		t.Errorf("a long text: got %v, want a limit", err)
	}
}

func TestReevaluationEnds(t *testing.T) {
	t.Parallel()
	p, err := yaql.New(yaql.Options{}).Compile("<% ctx().a %>")
	if err != nil {
		t.Fatal(err)
	}
	vars := value.DictOf("a", "<% ctx().b %> <% ctx().b %>", "b", "<% ctx().a %> <% ctx().a %>")
	_, err = p.Eval(t.Context(), &expr.Env{Vars: expr.DictVars(vars)}, expr.Limits{}.Budget(t.Context()))
	if !errors.Is(err, value.ErrLimit) {
		t.Errorf("got %v, want a limit", err)
	}
	if n := len(err.Error()); n > 100_000 {
		t.Errorf("the message has %d bytes", n)
	}
}
