package pyyaml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"squall/internal/expr/value"
)

// laughs is the billion laughs with the given number of levels.
func laughs(levels int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i <= levels; i++ {
		ref := strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 8)
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i, i, ref, i-1)
	}
	return b.String()
}

func TestBillionLaughs(t *testing.T) {
	b := value.NewBudget(t.Context(), 5_000_000, 16<<20, 0)
	v, err := SafeLoad(b, laughs(12))
	if err != nil {
		t.Fatalf("loading shares the lists and must work: %v", err)
	}
	if _, err := SafeDump(b, v, DumpOptions{}); err != nil {
		t.Errorf("dumping writes aliases and must work: %v", err)
	}
	if _, err := value.Str(b, v); !errors.Is(err, value.ErrLimit) {
		t.Errorf("printing must end at the limit, got %v", err)
	}
}

func TestMergeLaughs(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: 1, y: 2}\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&b, "a%d: &a%d {<<: [*a%d, *a%d, *a%d]}\n", i, i, i-1, i-1, i-1)
	}
	_, err := SafeLoad(value.NewBudget(t.Context(), 5_000_000, 64<<20, 0), b.String())
	if value.ClassOf(err) != "MemoryError" {
		t.Errorf("got %v, want a MemoryError", err)
	}
}

func TestDeepNesting(t *testing.T) {
	for _, src := range []string{strings.Repeat("[", 5000), strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		strings.Repeat("- ", 5000) + "x", strings.Repeat("{a: ", 2000) + strings.Repeat("}", 2000)} {
		if _, err := SafeLoad(value.NewBudget(t.Context(), 5_000_000, 64<<20, 0), src); err == nil {
			t.Errorf("%.20s...: no error", src)
		}
	}
}

func TestProblemsHavePlaces(t *testing.T) {
	n, problems := Parse(nil, "name: x\nrunner: 'a'\nname: y\nwhen: !odd 2\n")
	if n == nil || len(problems) != 2 {
		t.Fatalf("got %v, %v", n, problems)
	}
	if p := problems[0]; p.Line != 3 || p.Column != 1 || !p.Warning {
		t.Errorf("duplicate key: %+v", p)
	}
	if p := problems[1]; p.Line != 4 || p.Column != 7 || p.Warning {
		t.Errorf("unknown tag: %+v", p)
	}
	if v := n.Get("name"); v.Value != "y" || v.Line != 3 || v.Column != 7 {
		t.Errorf("name: %+v", v)
	}
	if _, problems := Parse(nil, "a: b: c\n"); len(problems) != 1 || problems[0].Mark != (Mark{1, 5}) {
		t.Errorf("syntax: %+v", problems)
	}
}

func FuzzLoadAndDump(f *testing.F) {
	for _, s := range []string{"a: [1, {b: c}]", "- &x a\n- *x", "a: |\n b", "<<: {a: 1}", "!!set {a}", "1:30", "'x''y'", "? a\n: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		b := value.NewBudget(t.Context(), 300_000, 32<<20, 0)
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("%q took %s", src, d)
			}
		}()
		v, err := SafeLoad(b, src)
		if err != nil {
			return
		}
		text, err := SafeDump(b, v, DumpOptions{AllowUnicode: true})
		if err != nil {
			return
		}
		again, err := SafeLoad(b, text)
		if err != nil {
			if errors.Is(err, value.ErrLimit) {
				return
			}
			t.Fatalf("%q dumps to %q, which does not load: %v", src, text, err)
		}
		if same, err := value.EqualIn(b, v, again); err == nil && !same && !strings.Contains(text, ".nan") {
			t.Fatalf("%q dumps to %q, which loads as something else", src, text)
		}
	})
}
