package conformance

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/expr/value"
)

// TestRunnerTellsTheTruth runs a small corpus with one case of every fate.
func TestRunnerTellsTheTruth(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "demo")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	corpus := `[
	{"id": "d-1", "mode": "echo", "in": {"a": [1, 2.0, {"$t": "tuple", "v": [1]}]}, "expect": {"value": {"a": [1, 2.0, {"$t": "tuple", "v": [1]}]}}},
	{"id": "d-2", "mode": "echo", "in": 1, "expect": {"value": 1.0}},
	{"id": "d-3", "mode": "echo", "in": true, "expect": {"value": 1}},
	{"id": "d-4", "mode": "fail", "in": "x", "expect": {"error": "KeyError", "message": "'x'", "origin": "library"}},
	{"id": "d-5", "mode": "fail", "in": "x", "expect": {"error": "KeyError", "message": "other", "origin": "library"}},
	{"id": "d-6", "mode": "fail", "in": "x", "expect": {"error": "KeyError", "message": "other", "origin": "runtime"}},
	{"id": "d-7", "mode": "fail", "in": "x", "expect": {"error": "TypeError", "message": "'x'", "origin": "runtime"}},
	{"id": "d-8", "mode": "panic", "in": 1, "expect": {"value": 1}},
	{"id": "d-9", "mode": "hang", "in": 1, "expect": {"value": 1}},
	{"id": "d-10", "mode": "unknown", "in": 1, "expect": {"value": 1}},
	{"id": "d-11", "mode": "echo", "in": [3, 1], "expect": {"value": {"$t": "set", "v": [1, 3]}}},
	{"id": "d-12", "mode": "fail", "in": "x", "expect": {"value": 1}},
	{"id": "d-13", "mode": "plain error", "in": 1, "expect": {"error": "KeyError", "message": "", "origin": "runtime"}}
	]`
	if err := os.WriteFile(filepath.Join(dir, "all.json"), []byte(corpus), 0o644); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	suites := []Suite{{Name: "missing"}, {Name: "demo", Input: []string{"in"}, Modes: map[string]Runner{
		"echo":        func(_ context.Context, c *Case) (any, error) { return c.Input, nil },
		"fail":        func(_ context.Context, c *Case) (any, error) { return nil, value.KeyError(c.Input) },
		"panic":       func(context.Context, *Case) (any, error) { panic("boom") },
		"hang":        func(context.Context, *Case) (any, error) { <-release; return nil, nil },
		"plain error": func(context.Context, *Case) (any, error) { return nil, errors.New("no class") },
	}}}
	rep, err := Run(t.Context(), Config{Root: root, Suites: suites, Limit: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	passing := map[string]bool{"d-1": true, "d-4": true, "d-6": true}
	for _, o := range rep.Outcomes {
		if o.Failed() == passing[o.Case.ID] {
			t.Errorf("%s: failed %v (%s)", o.Case.ID, o.Failed(), o.Why)
		}
	}
	var out bytes.Buffer
	if err := rep.Write(&out, true); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if last := lines[len(lines)-1]; last != "3 passed, 10 failed" {
		t.Errorf("last line %q", last)
	}
}

func TestExpectedFailuresThatPassFail(t *testing.T) {
	for _, c := range []struct {
		o                Outcome
		failed, expected bool
	}{
		{Outcome{}, false, false},
		{Outcome{Why: "differs"}, true, false},
		{Outcome{Why: "differs", Expected: "known"}, false, true},
		{Outcome{Expected: "known"}, true, false},
	} {
		if c.o.Failed() != c.failed || c.o.ExpectedFailure() != c.expected {
			t.Errorf("%+v: failed %v, expected %v", c.o, c.o.Failed(), c.o.ExpectedFailure())
		}
	}
}

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		want, got any
		same      bool
	}{
		{int64(1), int64(1), true}, {int64(1), 1.0, false}, {int64(1), true, false}, {nil, false, false},
		{math.NaN(), math.NaN(), true}, {0.0, math.Copysign(0, -1), false},
		{value.NewList(int64(1)), value.Tuple{int64(1)}, false},
		{value.DictOf("a", int64(1), "b", int64(2)), value.DictOf("b", int64(2), "a", int64(1)), true},
		{value.DictOf("a", int64(1)), value.DictOf("a", int64(1), "b", nil), false},
		{Typed{Kind: "opaque", Text: "date"}, value.Date{Year: 2020, Month: 1, Day: 1}, true},
		{Typed{Kind: "opaque", Text: "date"}, "2020-01-01", false},
		{Typed{Kind: "timespan", Num: 5}, value.TimeSpan(5), true},
		{wantSet{int64(1), Typed{Kind: "timespan", Num: 5}}, value.NewSet(value.TimeSpan(5), int64(1)), true},
		{wantSet{int64(1)}, value.NewSet(int64(1), int64(2)), false},
	} {
		if d := difference(c.want, c.got, ""); (d == "") != c.same {
			t.Errorf("%s and %s: %q", show(c.want), show(c.got), d)
		}
	}
}
