package pyre

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"squall/internal/expr/value"
)

func TestCatastrophicPatternsEndInTheBudget(t *testing.T) {
	for _, c := range []struct{ pattern, text string }{
		{`(a+)+\1$`, strings.Repeat("a", 40) + "b"},
		{`(?=(a*)*b)c`, strings.Repeat("a", 40)},
		{`(x+x+)+y\b`, strings.Repeat("x", 60)},
		{`(?:(?:(a|aa)+)+)+(?!a)\1z`, strings.Repeat("a", 60)},
	} {
		re, err := Compile(c.pattern, 0)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = re.Search(value.NewBudget(t.Context(), 3_000_000, 64<<20, 0), c.text)
		if !errors.Is(err, value.ErrLimit) {
			t.Errorf("%s: want the limit's error, got %v", c.pattern, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: took %s", c.pattern, d)
		}
	}
}

func TestCatastrophicForPythonIsLinearHere(t *testing.T) {
	re, err := Compile(`^(a+)+$`, 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := re.Search(value.NewBudget(t.Context(), 10_000, 1<<20, 0), strings.Repeat("a", 5000)+"b")
	if m != nil || err != nil {
		t.Errorf("got %v, %v; want no match and no error", m, err)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	_, err := Compile(strings.Repeat("(", 5000)+strings.Repeat(")", 5000), 0)
	if value.ClassOf(err) != "RecursionError" {
		t.Errorf("got %v, want a RecursionError", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	for i := range 3 * cacheSize {
		if _, err := Compile(fmt.Sprintf("a%db", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(cache.young) + len(cache.old); n > cacheSize {
		t.Errorf("cache holds %d patterns, bound is %d", n, cacheSize)
	}
}

func TestEscape(t *testing.T) {
	if got, want := Escape("a.b c-1_é\n"), "a\\.b\\ c\\-1_é\\\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIndexesAreCodePoints(t *testing.T) {
	re, err := Compile(`(?P<w>✓+)\b|ü`, 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := re.Search(nil, "äöü")
	if err != nil || m == nil || m.Start(0) != 2 || m.End(0) != 3 || m.Start(1) != -1 || m.Has(1) {
		t.Errorf("got %+v, %v", m, err)
	}
	if g, ok := re.GroupIndex("w"); !ok || g != 1 || re.GroupName(1) != "w" {
		t.Errorf("group w: %d, %v", g, ok)
	}
}

func FuzzCompileAndSearch(f *testing.F) {
	for _, p := range []string{`a*`, `(a|b)+?c`, `(?<=a)b`, `(?P<x>\w+)(?P=x)`, `(?(1)a|b)`, `[^\d\s]{2,3}`, `(?i)ß`, `\N{DIGIT ONE}`} {
		f.Add(p, "abc aab", `\1<\g<0>>`)
	}
	f.Fuzz(func(t *testing.T, pattern, text, repl string) {
		re, err := Compile(pattern, 0)
		if err != nil {
			return
		}
		b := value.NewBudget(t.Context(), 200_000, 16<<20, 0)
		if _, err := re.FindAll(b, text); err != nil {
			return
		}
		_, _, _ = re.Sub(b, text, repl, 0)
	})
}

func BenchmarkSearchLinear(b *testing.B) {
	benchmarkSearch(b, `^v(\d+\.)?(\d+\.)?(\*|\d+)$`, "v1.22.333")
}
func BenchmarkSearchBackref(b *testing.B) {
	benchmarkSearch(b, `\b(\w+)\s+\1\b`, "the quick brown fox fox jumps")
}

func benchmarkSearch(b *testing.B, pattern, text string) {
	b.ReportAllocs()
	for b.Loop() {
		re, err := Compile(pattern, 0)
		if err != nil {
			b.Fatal(err)
		}
		if m, err := re.Search(nil, text); m == nil || err != nil {
			b.Fatal(m, err)
		}
	}
}
