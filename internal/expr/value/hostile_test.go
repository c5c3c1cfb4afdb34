package value

import (
	"context"
	"errors"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHostileOperationsStopWithinBudget runs what could take all memory or
// time. Each must fail with a limit (or Python's own refusal), quickly and
// without allocating much.
func TestHostileOperationsStopWithinBudget(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(1), 200)
	long := strings.Repeat("ab", 1000)
	doubled := func(levels int) any {
		v := any(NewList("x", "y"))
		for range levels {
			v = NewList(v, v)
		}
		return v
	}
	deep := func(levels int) *List {
		l := NewList()
		for range levels {
			l = NewList(l)
		}
		return l
	}
	cycle := NewList()
	cycle.Items = append(cycle.Items, cycle)
	other := NewList()
	other.Items = append(other.Items, other)
	tuples := Tuple{int64(1)}
	for range 60 {
		tuples = Tuple{tuples, tuples}
	}
	items := make([]any, 20000)
	for i := range items {
		items[i] = "x"
	}
	call := func(obj any, name string, args ...any) func(*Budget) (any, error) {
		return func(b *Budget) (any, error) { return CallMethod(b, obj, name, args, nil) }
	}
	op := func(op string, x, y any) func(*Budget) (any, error) {
		return func(b *Budget) (any, error) { return BinaryOp(b, op, x, y) }
	}
	text := func(s string, err error) (any, error) { return s, err }
	cases := map[string]func(*Budget) (any, error){
		"power":             op("**", int64(10), int64(1<<40)),
		"power of power":    op("**", huge, huge),
		"shift":             op("<<", int64(1), int64(1<<29)),
		"shift far":         op("<<", int64(1), int64(1<<60)),
		"repeat text":       op("*", "abc", int64(1<<40)),
		"repeat list":       op("*", NewList(int64(1)), int64(1<<30)),
		"repeat by big":     op("*", "abc", huge),
		"center":            call("x", "center", int64(1<<30)),
		"zfill":             call("x", "zfill", int64(1<<62)),
		"ljust":             call("x", "ljust", int64(1<<27), "\U0001f600"),
		"replace":           call(long, "replace", "", strings.Repeat(long, 8)),
		"join":              call(long, "join", &List{Items: items}),
		"expandtabs":        call(strings.Repeat("\t", 5000), "expandtabs", int64(1<<30)),
		"format width":      func(b *Budget) (any, error) { return text(FormatSpec(b, int64(1), "999999999d")) },
		"format precision":  func(b *Budget) (any, error) { return text(FormatSpec(b, 1.5, ".999999999f")) },
		"printf width":      op("%", "%999999999d", int64(1)),
		"printf precision":  op("%", "%.999999999d", int64(1)),
		"printf star":       op("%", "%*d", Tuple{int64(1 << 30), int64(1)}),
		"printf huge":       op("%", "%s", Tuple{doubled(40)}),
		"str.format":        call("{:{}}", "format", int64(1), int64(1<<30)),
		"billion laughs":    func(b *Budget) (any, error) { return text(Repr(b, doubled(60))) },
		"laughs as JSON":    func(b *Budget) (any, error) { return text(DumpJSON(b, doubled(60), JSONOptions{})) },
		"laughs compared":   func(b *Budget) (any, error) { return EqualIn(b, doubled(60), doubled(60)) },
		"laughs hashed":     func(*Budget) (any, error) { return Hash(tuples) },
		"deep equal":        func(b *Budget) (any, error) { return EqualIn(b, deep(100000), deep(100000)) },
		"deep repr":         func(b *Budget) (any, error) { return text(Repr(b, deep(100000))) },
		"deep JSON":         func(b *Budget) (any, error) { return LoadJSON(b, strings.Repeat("[", 100000)) },
		"deep literal":      func(b *Budget) (any, error) { return Literal(b, strings.Repeat("(", 100000)) },
		"deep minus":        func(b *Budget) (any, error) { return Literal(b, strings.Repeat("-", 100000)+"1") },
		"deep not":          func(b *Budget) (any, error) { return Literal(b, strings.Repeat("not ", 100000)+"1") },
		"deep lambda":       func(b *Budget) (any, error) { return Literal(b, strings.Repeat("lambda: ", 100000)+"1") },
		"deep power":        func(b *Budget) (any, error) { return Literal(b, strings.Repeat("1**", 100000)+"1") },
		"deep else":         func(b *Budget) (any, error) { return Literal(b, strings.Repeat("1 if 1 else ", 100000)+"1") },
		"cycle equal":       func(b *Budget) (any, error) { return EqualIn(b, cycle, other) },
		"cycle JSON":        func(b *Budget) (any, error) { return text(DumpJSON(b, cycle, JSONOptions{})) },
		"digits to int":     func(b *Budget) (any, error) { return ParseInt(b, strings.Repeat("9", 1<<20), 10) },
		"int to digits":     func(b *Budget) (any, error) { return text(Str(b, new(big.Int).Lsh(big.NewInt(1), 1<<20))) },
		"literal digits":    func(b *Budget) (any, error) { return Literal(b, strings.Repeat("9", 1<<20)) },
		"to_bytes":          call(int64(1), "to_bytes", int64(1<<40), "big"),
		"endless iterator":  func(b *Budget) (any, error) { return Collect(b, endless()) },
		"endless set":       func(b *Budget) (any, error) { return MakeSet(b, endless()) },
		"endless sum":       func(b *Budget) (any, error) { return Sum(b, endless(), int64(0)) },
		"endless search":    func(b *Budget) (any, error) { return Contains(b, endless(), "no") },
		"long range listed": func(b *Budget) (any, error) { return Sorted(b, &Range{Stop: 1 << 40, Step: 1}, nil, false) },
		"strftime width":    func(b *Budget) (any, error) { return text(Date{2020, 1, 1}.midnight().Strftime(b, "%999999999d")) },
		"indent": func(b *Budget) (any, error) {
			var o JSONOptions
			if err := o.IndentOf(int64(60000)); err != nil {
				return nil, err
			}
			return text(DumpJSON(b, deep(900), o))
		},
		"pow mod": func(b *Budget) (any, error) {
			m := new(big.Int).Lsh(big.NewInt(1), 1<<18)
			return PowMod(b, m, m, new(big.Int).Sub(m, big.NewInt(1)))
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := run(NewBudget(t.Context(), 2_000_000, 16<<20, 0))
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("no error")
			}
			if !errors.Is(err, ErrLimit) && !IsClass(err, "ValueError", "OverflowError", "RecursionError", "MemoryError", "SyntaxError") {
				t.Errorf("error %v", err)
			}
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 256<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
		})
	}
}

func endless() Iterator {
	n := int64(0)
	return &FuncIter{Fn: func() (any, bool, error) {
		n++
		return n, true, nil
	}}
}

func TestBudgetStopsWhenItsContextEnds(t *testing.T) {
	cause := errors.New("the workflow was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	b := NewBudget(ctx, 0, 0, 0)
	if err := b.Step(5000); err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	var err error
	for range pollEvery + 1 {
		if err = b.Step(1); err != nil {
			break
		}
	}
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause of the cancellation", err)
	}
	if err := b.Step(1); err == nil {
		t.Error("a stopped budget goes on")
	}
}

func TestBudgetCountsStepsBytesAndDepth(t *testing.T) {
	b := NewBudget(t.Context(), 100, 1000, 2)
	if err := b.Step(100); err != nil {
		t.Errorf("the last step: %v", err)
	}
	if err := b.Step(1); !errors.Is(err, ErrLimit) {
		// The step limit is below the polling interval and must still hold.
		t.Errorf("one step too many: %v", err)
	}
	b = NewBudget(t.Context(), 0, 1000, 2)
	if err := b.Alloc(1000); err != nil {
		t.Errorf("the last byte: %v", err)
	}
	if err := b.Alloc(1); ClassOf(err) != "MemoryError" {
		t.Errorf("one byte too many: %v", err)
	}
	for range 2 {
		if err := b.Enter(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Enter(); ClassOf(err) != "RecursionError" {
		t.Errorf("one level too deep: %v", err)
	}
	b.Leave()
	if err := b.Enter(); err != nil {
		t.Errorf("after leaving: %v", err)
	}
}
