package rule

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"squall/internal/expr/value"
)

// TestHostileRulesEnd: whatever a pack or an event brings, a match ends soon and
// says that a limit was reached.
func TestHostileRulesEnd(t *testing.T) {
	big := strings.Repeat("a", 50_000) + "!"
	nested := `{"type": "eq", "pattern": 1}`
	for range 300 {
		nested = `{"type": "search", "condition": "any", "pattern": {"item": ` + nested + `}}`
	}
	wide := strings.TrimSuffix(strings.Repeat(`{"n": 1},`, 20_000), ",")
	for _, tc := range []struct{ name, criteria, payload string }{
		{"catastrophic regex", `{"trigger.x": {"type": "regex", "pattern": "^(a+)+(?=$)$"}}`, `{"x": "` + big[len(big)-60:] + `"}`},
		{"catastrophic back-reference", `{"trigger.x": {"type": "regex", "pattern": "(a*)*\\1b"}}`, `{"x": "` + big[len(big)-200:] + `"}`},
		{"endless template", `{"trigger.x": {"type": "eq", "pattern": "{% for i in range(99999999) %}{% for j in range(99999999) %}x{% endfor %}{% endfor %}"}}`, `{"x": 1}`},
		{"search in search", `{"trigger": ` + nested + `}`, `{"x": 1}`},
		{"search over much", `{"trigger.x": {"type": "search", "condition": "all", "pattern": {"item.n": {"type": "regex", "pattern": "^(a|a)*(?=b)"},
			"item.m": {"type": "search", "condition": "any", "pattern": {"item": {"type": "eq", "pattern": "{{ range(5000) | list }}"}}}}}}`, `{"x": [` + wide + `]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := compileText(t, newSet(), tc.criteria)
			start := time.Now()
			v := r.Match(t.Context(), Event{parse(t, tc.payload)}, Env{Now: testNow})
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %s", d)
			}
			if v.Matched || len(v.Failures) == 0 {
				t.Fatalf("matched %v with %d failures", v.Matched, len(v.Failures))
			}
		})
	}
}

func TestWildcardIsLinear(t *testing.T) {
	pattern, err := json.Marshal(strings.Repeat("*a", 200) + "b")
	if err != nil {
		t.Fatal(err)
	}
	r := compileText(t, newSet(), `{"trigger.x": {"type": "matchwildcard", "pattern": `+string(pattern)+`}}`)
	start := time.Now()
	v := r.Match(t.Context(), Event{value.DictOf("x", strings.Repeat("a", 5000))}, Env{})
	if v.Matched || len(v.Failures) != 0 || time.Since(start) > 5*time.Second {
		t.Errorf("after %s:\n%s", time.Since(start), v.Explain())
	}
}

func TestLimitIsTold(t *testing.T) {
	r := compileText(t, newSet(), `{"trigger.x": {"type": "regex", "pattern": "^(a+)+(?=$)$"}}`)
	v := r.Match(t.Context(), Event{value.DictOf("x", strings.Repeat("a", 60)+"!")}, Env{})
	if len(v.Failures) != 1 || !errors.Is(v.Failures[0].Err, value.ErrLimit) {
		t.Errorf("got %+v, want a limit", v.Failures)
	}
}

// FuzzMatch: no criteria and no payload make Match panic, hang or change what it
// was given.
func FuzzMatch(f *testing.F) {
	f.Add(`{"trigger.a[0].b": {"type": "search", "condition": "any", "pattern": {"item": {"type": "eq", "pattern": "{{ item }}"}}}}`, `{"a": [{"b": [1]}]}`)
	f.Add(`{"trigger..x#1": {"type": "td_lt", "pattern": "1e3"}}`, `{"x": "2024-03-15"}`)
	f.Add(`{"trigger.h['X-Y']": {"type": "matchwildcard", "pattern": "[z-a!b]*"}}`, `{"h": {"X-Y": "b"}}`)
	f.Add(`{"$": {"type": "in", "pattern": ["{{ 1"]}, "": null, "a": "type", "b": 5}`, `[1]`)
	set := newSet()
	f.Fuzz(func(t *testing.T, criteria, payload string) {
		members, err := readCriteria([]byte(criteria))
		if err != nil {
			return
		}
		body, err := value.FromJSON([]byte(payload))
		if err != nil {
			return
		}
		before, err := value.ToJSON(body)
		if err != nil {
			return
		}
		r := &Rule{ref: "p.r", enabled: true, set: set, criteria: compileCriteria(set, members)}
		v := r.Match(t.Context(), Event{body}, Env{Now: testNow, Store: mapStore{"a": "1"}})
		if v.Matched && (v.Err != nil || len(v.Failures) > 0 && !strings.Contains(criteria, searchName)) {
			t.Errorf("matched in spite of a failure: %+v", v)
		}
		_ = v.Explain()
		if after, err := value.ToJSON(body); err != nil || string(after) != string(before) {
			t.Errorf("the payload changed: %s, was %s", after, before)
		}
	})
}
