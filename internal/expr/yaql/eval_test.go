package yaql_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

var noon = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// evalCore evaluates a bare expression on data and gives the repr of the
// result, or "! Class: message".
func evalCore(t *testing.T, o yaql.Options, src, data string) string {
	t.Helper()
	o.Core = true
	o.Now = func() time.Time { return noon }
	vars := value.NewDict(1)
	if data != "" {
		v, err := value.FromJSON([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		vars.SetStr("$", v)
	}
	p, err := yaql.New(o).CompileExpr(src)
	var v any
	if err == nil {
		v, err = p.Eval(t.Context(), &expr.Env{Vars: expr.DictVars(vars)}, expr.Limits{}.Budget(t.Context()))
	}
	if err != nil {
		var e *expr.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: error %T is not an *expr.Error", src, err)
		}
		return "! " + e.Class + ": " + e.Message
	}
	text, err := value.Repr(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type evalTest struct{ src, data, want string }

func runEval(t *testing.T, o yaql.Options, tests []evalTest) {
	t.Helper()
	for _, tt := range tests {
		if got := evalCore(t, o, tt.src, tt.data); got != tt.want {
			t.Errorf("%s on %s:\n got %s\nwant %s", tt.src, tt.data, got, tt.want)
		}
	}
}

func TestOverloads(t *testing.T) {
	t.Parallel()
	runEval(t, yaql.Options{}, []evalTest{
		// Literals are checked before anything is evaluated, other arguments after.
		{"null + nope()", "", `! NoMatchingFunctionException: No function "#operator_+" matches supplied arguments`},
		{"$ + nope()", "", `! NoFunctionRegisteredException: Unknown function "nope"`},
		{"[1].take(nope(), 2)", "", `! NoMatchingMethodException: No method "take" for receiver (1,) matches supplied arguments`},
		{"[1].take(a, nope())", "", `! NoMatchingMethodException: No method "take" for receiver (1,) matches supplied arguments`},
		{"5.take(nope())", "", `! NoMatchingMethodException: No method "take" for receiver 5 matches supplied arguments`},
		{"take([1], 1)", "", `! NoFunctionRegisteredException: Unknown function "take"`},
		{"concat()", "", `! AmbiguousFunctionException: Ambiguous function "concat"`},
		{"{}.get(1 => 2)", "", `! MappingTranslationException: Cannot convert mapping to keyword argument`},
		{"{a => 1}.get(default => 7, key => b)", "", "7"},
		{"{a => 1}.get(a, key => b)", "", `! NoMatchingMethodException: No method "get" for receiver {'a': 1} matches supplied arguments`},
		{"[3, 1].insert(0, 9)", "", "[9, 3, 1]"},
		{"{}.set(a => 1, b => 2)", "", "{'a': 1, 'b': 2}"},
		{"'abcd'.substring(true, 2)", "", "'bc'"},
		{"len_([1, 2])", "", "2"},
		{"range(1,, 3)", "", `! NoMatchingFunctionException: No function "range" matches supplied arguments`},
		{"'a b c'.split(, 1)", "", "['a', 'b c']"},
		{"f.len() + 'x'.len()", "", "2"},
		{"$.a.b", `{"a": 1}`, `! NoFunctionRegisteredException: Unknown function "#property#b"`},
		{"$.(a)", `{"a": 1}`, `! NoMatchingFunctionException: No function "#operator_." matches supplied arguments`},
		{"$?.a.b", `null`, `! NoFunctionRegisteredException: Unknown function "#property#b"`},
		{"def(plus, $1 + $2 + $by) -> plus(1, 2, by => 3)", "", "6"},
		{"def('#operator_+', 42) -> 1 + 1", "", "42"},
		{"def(str, 'x' + $) -> ['a', 'b'].join(',')", "", "'xa,xb'"},
		{"def(snake_case, $) -> snakeCase(5)", "", "5"},
		{"call(len, ['abc'], {})", "", "3"},
		{"call(toUpper, [], {}, 'x')", "", "'X'"},
	})
}

func TestFrozenInput(t *testing.T) {
	t.Parallel()
	runEval(t, yaql.Options{}, []evalTest{
		{"str($)", `[[1], {"a": [2]}]`, `"((1,), {'a': (2,)})"`},
		{"$.l = [1, 2]", `{"l": [1, 2]}`, "True"},
		{"$.l = '1 2'.split()", `{"l": ["1", "2"]}`, "False"},
		{"$.distinct()", `[{"a": [1]}, {"a": [1]}, {"a": [2]}]`, "[{'a': [1]}, {'a': [2]}]"},
		{"$.toDict($.k, $.v)[[1]]", `[{"k": [1], "v": "x"}]`, "'x'"},
		{"['a b'.split()].distinct()", "", "! TypeError: unhashable type: 'list'"},
		{"set({a => [1]}) = set($)", `{"a": [1]}`, "True"},
		{"$ + ['x']", `["y"]`, "['y', 'x']"},
		{"isSet($.keys()) and not isList($.values())", `{"a": 1}`, "True"},
		{"1 in $ and true in $ and not 2 in $", `[1.0]`, "True"},
	})
}

func TestLaziness(t *testing.T) {
	t.Parallel()
	runEval(t, yaql.Options{}, []evalTest{
		{"[5, 0].select(10 / $).first()", "", "2"},
		{"[5, 0].select(10 / $).len()", "", "! ZeroDivisionError: integer division or modulo by zero"},
		{"let(x => range(3)) -> [$x.sum(), $x.len()]", "", "[3, 0]"},
		{"let(x => range(3).memorize()) -> [$x.sum(), $x.len()]", "", "[3, 3]"},
		{"let(x => [2, 1].orderBy($)) -> [$x.first(), $x.count()]", "", "[1, 2]"},
		{"sequence().where($ mod 7 = 6).take(3)", "", "[6, 13, 20]"},
		{"[1, 2].cycle().zip(range(3))", "", "[[1, 0], [2, 1], [1, 2]]"},
		{"not range(0)", "", "False"},
		{"true or nope()", "", "True"},
		{"coalesce(null, 1, nope())", "", "1"},
		{"[[1, 2], [3]].select($.select($ + 1))", "", "[[2, 3], [4]]"},
		{"[1, 2].select(let(o => $) -> [10, 20].select($ * $o))", "", "[[10, 20], [20, 40]]"},
		{"generate(1, $ < 100, $ * 3, [$, -$])", "", "[[1, -1], [3, -3], [9, -9], [27, -27], [81, -81]]"},
		{"[[1, 2], [3, 4]].groupBy($[0] mod 2, $[1], $.sum())", "", "[[1, 6]]"},
		{"[].first()", "", "! StopIteration: "},
		{"[1, 2].join([2, 3], $1 = $2, $1)", "", "[2]"},
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	runEval(t, yaql.Options{LimitIterators: 3}, []evalTest{
		{"range(9).take(2)", "", "[0, 1]"},
		{"range(9)", "", "! CollectionTooLargeException: Collection length exceeds 3 elements"},
		{"$.len()", `[1, 2, 3, 4]`, "4"},
		{"$.first()", `[1, 2, 3, 4]`, "! CollectionTooLargeException: Collection length exceeds 3 elements"},
	})
	runEval(t, yaql.Options{KeepTuples: true}, []evalTest{
		{"[1, 'a b'.split()]", "", "(1, ['a', 'b'])"},
		{"$", `[[1]]`, "((1,),)"},
	})
	runEval(t, yaql.Options{Delegates: true}, []evalTest{
		{"let(f => lambda($1 * $2)) -> $f(6, 7)", "", "42"},
		{"5(1)", "", `! NoMatchingFunctionException: No function "#call" matches supplied arguments`},
	})
	runEval(t, yaql.Options{Legacy: true}, []evalTest{
		{"$.l[$.v > 1].len()", `{"l": [{"v": 1}, {"v": 2}, {"v": 3}]}`, "2"},
		{"dict(a => 1, b => 2).b", "", "2"},
		{"1 => 2 => 3", "", "(1, 2, 3)"},
		{"7.switch($ > 5 => big, true => small)", "", "'big'"},
		{"$.as($.a => x) -> $x", `{"a": 4}`, "4"},
	})
	runEval(t, yaql.Options{NoSets: true}, []evalTest{
		{"set(1)", "", `! NoFunctionRegisteredException: Unknown function "set"`},
	})
	runEval(t, yaql.Options{}, []evalTest{
		{"str(now())", "", "'2024-02-29 12:00:00+00:00'"},
		{"with(random(3, 3)) -> $", "", "3"},
	})
}

func TestDates(t *testing.T) {
	t.Parallel()
	tests := []evalTest{
		{"str(datetime('Thu, 25 Sep 2003 10:49:41 -0300'))", "", "'2003-09-25 10:49:41-03:00'"},
		{"str(datetime('2003-09-25T10:49:41.5Z'))", "", "'2003-09-25 10:49:41.500000+00:00'"},
		{"str(datetime('20030925T1049'))", "", "'2003-09-25 10:49:00+00:00'"},
		{"str(datetime('10h36m'))", "", "'2024-02-29 10:36:00+00:00'"},
		{"str(datetime('3rd of May 2001'))", "", "'2001-05-03 00:00:00+00:00'"},
		{"str(datetime('Mon 2:30pm'))", "", "'2024-03-04 14:30:00+00:00'"},
		{"str(datetime('Feb 2023'))", "", "'2023-02-28 00:00:00+00:00'"},
		{"str(datetime('25.09.03'))", "", "'2003-09-25 00:00:00+00:00'"},
		{"datetime('2003-09-25T10:49:41+02:00').format('%Z|%z|%Od|%Ey|%%Z|%')", "", "'|+0200|25|03|%Z|%'"},
		{"datetime(2003, 9, 25).format('%Z %j')", "", "'UTC 268'"},
		{"datetime('tomorrow')", "", "! ParserError: Unknown string format: tomorrow"},
		{"datetime('')", "", "! ParserError: String does not contain a date: "},
		{"datetime('2015-02-30')", "", "! ParserError: day is out of range for month: 2015-02-30"},
		{"str(datetime('30/Jan/24 23:59', '%d/%b/%y %H:%M'))", "", "'2024-01-30 23:59:00+00:00'"},
		{"str(datetime('2024 060 +0130', '%Y %j %z'))", "", "'2024-02-29 00:00:00+01:30'"},
		{"datetime('1 pm', '%I%p')", "", "! ValueError: time data '1 pm' does not match format '%I%p'"},
		{"datetime('12x', '%H')", "", "! ValueError: unconverted data remains: x"},
		{"datetime('12', '%Q')", "", "! ValueError: 'Q' is a bad directive in format '%Q'"},
		{"(datetime(2024, 3, 1) - datetime(2024, 2, 28)).days", "", "2.0"},
		{"str(timespan(hours => 1) * 2.5)", "", "'2:30:00'"},
		{"datetime(2024, 2, 29).replace(year => 2023)", "", "! ValueError: day is out of range for month"},
	}
	runEval(t, yaql.Options{}, tests)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	p, err := yaql.New(yaql.Options{Core: true}).CompileExpr("sequence().sum()")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Eval(ctx, nil, value.NewBudget(ctx, 0, 0, 0)); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
}
