package value

import (
	"context"
	"testing"
	"unicode/utf8"
)

// The fuzz targets hold: no panic, and nothing beyond a small budget.
func fuzzBudget() *Budget { return NewBudget(context.Background(), 1<<20, 1<<24, 100) }

func FuzzPrintf(f *testing.F) {
	for _, s := range []string{"%s %d", "%(a)s", "%5.2f%%", "%-*d", "%#x%c%r", "%99999999d", "%.9999f"} {
		f.Add(s)
	}
	args := []any{int64(65), "text", Tuple{int64(5), int64(3), 2.5}, DictOf("a", int64(1)), Tuple{}, nil}
	f.Fuzz(func(t *testing.T, format string) {
		for _, arg := range args {
			_, _ = Printf(fuzzBudget(), format, arg)
		}
	})
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"{} {0}", "{a[0].b!r:>{w}}", "{{}}", "{:{}{}}", "{0[a]}", "{:999999999}"} {
		f.Add(s)
	}
	kw := &Kwargs{}
	kw.Set("a", NewList(int64(1), "x"))
	kw.Set("w", int64(7))
	f.Fuzz(func(t *testing.T, format string) {
		_, _ = Format(fuzzBudget(), format, []any{int64(1), "x", DictOf("a", 2.5)}, kw, nil)
		_, _ = FormatMap(fuzzBudget(), format, DictOf("a", "x", "w", int64(3)), nil)
	})
}

func FuzzFormatSpec(f *testing.F) {
	for _, s := range []string{"010,.2f", "*^+#20_x", "\u00e9>6", ".3s", "%Y-%m-%d", "999999999d", "c"} {
		f.Add(s)
	}
	d, err := MakeDateTime(2020, 2, 29, 1, 2, 3, 4, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		for _, v := range []any{int64(-1234), 3.25, "h\u00e9", true, d, nil} {
			_, _ = FormatSpec(fuzzBudget(), v, spec)
		}
	})
}

func FuzzLoadJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,null,true,"\u00e9\ud83d\ude00"]}`, "[[[", `{"a":1,}`, "1e999", `"\ud83d"`, " -Infinity "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := LoadJSON(fuzzBudget(), text)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		out, err := DumpJSON(nil, v, JSONOptions{})
		if err != nil {
			t.Fatalf("%q was read but cannot be written: %v", text, err)
		}
		back, err := LoadJSON(nil, out)
		if err != nil {
			t.Fatalf("%q was written as %q, which is not read: %v", text, out, err)
		}
		if eq, err := SameOrEqual(nil, v, back); !eq || err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
	})
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"{'a': (1, [2.5, b'x']), 3: {4}}", "-1+2j", "'\\x41\\N{BULLET}'", "[x for x in y if z]", "lambda x: (yield)", "((((", "f'{x}'", "1 if a else b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Literal(fuzzBudget(), text)
		if err != nil {
			return
		}
		if _, err := Repr(nil, v); err != nil {
			t.Fatalf("%q was read but has no repr: %v", text, err)
		}
	})
}

func FuzzStrftime(f *testing.F) {
	f.Add("%Y-%m-%dT%H:%M:%S.%f%z %^a %-d %099d")
	f.Fuzz(func(t *testing.T, layout string) {
		d := Date{2024, 2, 29}.midnight()
		_, _ = d.Strftime(fuzzBudget(), layout)
	})
}
