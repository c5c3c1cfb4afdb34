package rule

import (
	"fmt"
	glob "path"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// anyValue draws JSON values from few atoms, so that equal ones meet.
func anyValue() *rapid.Generator[any] {
	atom := rapid.SampledFrom([]any{nil, true, false, int64(0), int64(1), int64(-5), 1.0, 2.5, "", "a", "A", "abc", "1", "ß", "10"})
	return rapid.Custom(func(t *rapid.T) any { return drawValue(t, atom, 3) })
}

func drawValue(t *rapid.T, atom *rapid.Generator[any], depth int) any {
	kind := rapid.IntRange(0, 4).Draw(t, "kind")
	if depth == 0 || kind < 3 {
		return atom.Draw(t, "atom")
	}
	n := rapid.IntRange(0, 3).Draw(t, "n")
	if kind == 3 {
		l := value.NewList()
		for range n {
			l.Items = append(l.Items, drawValue(t, atom, depth-1))
		}
		return l
	}
	d := value.NewDict(n)
	for range n {
		d.SetStr(rapid.SampledFrom([]string{"a", "b", "abc", "X-Y"}).Draw(t, "key"), drawValue(t, atom, depth-1))
	}
	return d
}

// TestOpposites: an operator and its negation agree on what is an error, and
// else never on the result.
func TestOpposites(t *testing.T) {
	set := newSet()
	rapid.Check(t, func(t *rapid.T) {
		v, p := anyValue().Draw(t, "value"), anyValue().Draw(t, "pattern")
		for yes, no := range map[string]string{
			"equals": "nequals", "contains": "ncontains", "icontains": "incontains", "inside": "ninside", "exists": "nexists",
		} {
			a, errA := Operate(t.Context(), set, yes, v, p, nil, Env{})
			b, errB := Operate(t.Context(), set, no, v, p, nil, Env{})
			if (errA == nil) != (errB == nil) {
				t.Fatalf("%s: %v, %s: %v", yes, errA, no, errB)
			}
			// With a null pattern both are false, save that null differs from all else.
			nullPattern := p == nil && yes != "exists" && (yes != "equals" || v == nil)
			if errA == nil && a == b && !nullPattern {
				t.Fatalf("%s and %s both give %v for %s and %s", yes, no, a, shown(v), shown(p))
			}
		}
		in, err1 := Operate(t.Context(), set, "contains", v, p, nil, Env{})
		back, err2 := Operate(t.Context(), set, "inside", p, v, nil, Env{})
		if v != nil && p != nil && (in != back || (err1 == nil) != (err2 == nil)) {
			t.Fatalf("contains and inside are not mirrors for %s and %s", shown(v), shown(p))
		}
	})
}

// TestOrderIsTotalWhereItExists: of two comparable values exactly one of less,
// greater and equal holds.
func TestOrderIsTotalWhereItExists(t *testing.T) {
	set := newSet()
	rapid.Check(t, func(t *rapid.T) {
		v, p := anyValue().Draw(t, "value"), anyValue().Draw(t, "pattern")
		if p == nil {
			return
		}
		lt, err1 := Operate(t.Context(), set, "lt", v, p, nil, Env{})
		gt, err2 := Operate(t.Context(), set, "gt", v, p, nil, Env{})
		eq, err3 := Operate(t.Context(), set, "eq", v, p, nil, Env{})
		if (err1 == nil) != (err2 == nil) || err3 != nil {
			t.Fatalf("errors differ: %v, %v, %v", err1, err2, err3)
		}
		n := 0
		for _, b := range []bool{lt, gt, eq} {
			if b {
				n++
			}
		}
		if err1 == nil && n != 1 {
			t.Fatalf("%s and %s: less %v, greater %v, equal %v", shown(v), shown(p), lt, gt, eq)
		}
	})
}

// TestPlainPathsAreJSONPaths: the shortcut for dotted names gives what JSONPath
// gives.
func TestPlainPathsAreJSONPaths(t *testing.T) {
	set := newSet()
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"trigger", "a", "b", "abc", "X-Y", "missing"}), 0, 4).Draw(t, "steps")
		key := strings.Join(append([]string{"trigger"}, steps...), ".")
		payload := anyValue().Draw(t, "payload")
		fast := compilePath(key)
		if fast.err != nil || fast.names == nil {
			t.Fatalf("%s is no plain path: %v", key, fast.err)
		}
		slow := fast
		slow.names = nil
		m := &matching{ctx: t.Context(), env: &Env{}, b: newBudget(t.Context(), set)}
		sc := &scope{name: triggerScope, payload: payload}
		a, errA := fast.find(m, sc)
		b, errB := slow.find(m, sc)
		if errA != nil || errB != nil || !value.Equal(a, b) {
			t.Fatalf("%s in %s: %s (%v), JSONPath gives %s (%v)", key, shown(payload), shown(a), errA, shown(b), errB)
		}
	})
}

// TestWildcardAgreesWithGlob compares with package path where both mean the same.
func TestWildcardAgreesWithGlob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?c")), 0, 8, -1).Draw(t, "pattern")
		if rapid.Bool().Draw(t, "set") {
			pattern += "[a-c]"
		}
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abcd")), 0, 8, -1).Draw(t, "text")
		re, err := compileWildcard(pattern)
		if err != nil {
			t.Fatal(err)
		}
		m, err := re.Search(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := glob.Match(pattern, text)
		if err != nil {
			t.Fatal(err)
		}
		if (m != nil) != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, text, m != nil, want)
		}
	})
}

// TestWildcardNeverFails: every text is a shell pattern.
func TestWildcardNeverFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOf(rapid.SampledFrom([]rune(`ab[]!^-\&|~*?.({$é`))).Draw(t, "pattern")
		if _, err := compileWildcard(pattern); err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		// Escaped by brackets, a pattern matches itself.
		var quoted strings.Builder
		for _, r := range pattern {
			if strings.ContainsRune("*?[", r) {
				fmt.Fprintf(&quoted, "[%c]", r)
			} else {
				quoted.WriteRune(r)
			}
		}
		var re *pyre.Regex
		re, err := compileWildcard(quoted.String())
		if err != nil {
			t.Fatal(err)
		}
		if m, err := re.Search(nil, pattern); m == nil {
			t.Fatalf("%q does not match %q: %v", quoted.String(), pattern, err)
		}
	})
}

// TestISOAgreesWithGo: what Go writes is read back.
func TestISOAgreesWithGo(t *testing.T) {
	layouts := []string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05.000000Z07:00", "20060102T150405.000000Z0700", "2006-01-02T15:04:05,000000-0700"}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-60_000_000_000, 250_000_000_000).Draw(t, "seconds") * 1e6).
			In(time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(t, "zone")))
		text := at.Format(rapid.SampledFrom(layouts).Draw(t, "layout"))
		got, ok := parseISO(text)
		if !ok || !got.Equal(at) {
			t.Fatalf("%s: %v, %v", text, got, ok)
		}
	})
}
