package policy

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"squall/internal/squall"
)

func policyOf(kind, parameters string) *squall.Policy {
	return &squall.Policy{Ref: squall.Ref{Pack: "p", Name: kind}, Enabled: true, Type: "action." + kind, Parameters: json.RawMessage(parameters)}
}

func compile(t testing.TB, list ...*squall.Policy) *Set {
	t.Helper()
	s, problems := Compile(list)
	for _, p := range problems {
		t.Error(p)
	}
	return s
}

func TestGates(t *testing.T) {
	t.Parallel()
	s := compile(t, policyOf("concurrency.attr", `{"threshold":1,"attributes":["tag","n"]}`))
	same := func(a, b string) bool {
		return s.Gates(json.RawMessage(a))[0].Name == s.Gates(json.RawMessage(b))[0].Name
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{`{"tag":"x"}`, `{"tag":"x"}`, true},
		{`{"tag":"x"}`, `{"tag":"y"}`, false},
		{`{"tag":"x","n":3}`, `{"n":3.0,"tag":"x"}`, true},
		{`{"tag":{"a":1,"b":[1]}}`, `{"tag":{"b":[1],"a":1}}`, true},
		{`{}`, `{"tag":null}`, false}, // not given is not null
		{`{}`, `{"other":1}`, true},
		{``, `{}`, true},
		{`{"tag":"1"}`, `{"tag":1}`, false},
		{`{"tag":"x\" n=1"}`, `{"tag":"x","n":1}`, false},
	} {
		if got := same(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s share a gate: %v", tt.a, tt.b, got)
		}
	}
	if compile(t, policyOf("concurrency.attr", `{"threshold":1}`)).Gates(nil)[0].Room != 1 {
		t.Error("a policy without attributes restrains nothing")
	}
	var none *Set
	if !none.Empty() || none.Gates(nil) != nil {
		t.Error("the nil Set restrains something")
	}
}

// TestGivenThreshold: the execution brings the threshold, the gate is the same
// whatever it is, and what is no threshold leaves the policy's own.
func TestGivenThreshold(t *testing.T) {
	t.Parallel()
	s := compile(t, policyOf("concurrency.limit", `{"threshold":1,"threshold_parameter":"host_limit","attributes":["host"]}`))
	first := s.Gates(json.RawMessage(`{"host":"a"}`))[0]
	for given, want := range map[string]int{
		`3`: 3, `"4"`: 4, `0`: 1, `-2`: 1, `2.5`: 1, `null`: 1, `[2]`: 1, `true`: 1, `99999999999`: 1 << 30,
	} {
		g := s.Gates(json.RawMessage(`{"host":"a","host_limit":` + given + `}`))[0]
		if g.Room != want || g.Name != first.Name {
			t.Errorf("host_limit %s gives room %d at gate %s, want %d at %s", given, g.Room, g.Name, want, first.Name)
		}
	}
	if first.Room != 1 || s.Gates(json.RawMessage(`{"host":"b"}`))[0].Name == first.Name {
		t.Error("without the parameter the policy's own threshold counts, and hosts count apart")
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	gate := func(room int, cancel bool) Gate {
		return Gate{Room: room, Cancel: cancel, Policy: fmt.Sprint(room, cancel)}
	}
	for _, tt := range []struct {
		gates  []Gate
		inside []int
		want   Decision
	}{
		{nil, nil, Run},
		{[]Gate{gate(1, false)}, []int{0}, Run},
		{[]Gate{gate(1, false)}, []int{1}, Delay},
		{[]Gate{gate(1, true)}, []int{1}, Cancel},
		{[]Gate{gate(0, true)}, []int{0}, Cancel}, // st2: threshold 0 cancels everything
		{[]Gate{gate(1, false), gate(2, true)}, []int{1, 2}, Cancel},
		{[]Gate{gate(1, false), gate(2, true)}, []int{1, 1}, Delay},
		{[]Gate{{Rate: &Rate{1, time.Second}}}, []int{9}, Run},
	} {
		if got, _ := Admit(tt.gates, tt.inside); got != tt.want {
			t.Errorf("Admit(%v, %v) = %v, want %v", tt.gates, tt.inside, got, tt.want)
		}
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	s := compile(t, policyOf("retry", `{"retry_on":"failure","delay":1.5}`))
	for _, tt := range []struct {
		status squall.Status
		before int
		want   bool
	}{
		{squall.Failed, 0, true}, {squall.Failed, 1, true}, {squall.Failed, 2, false},
		{squall.Timeout, 0, false}, {squall.Canceled, 0, false}, {squall.Succeeded, 0, false}, {squall.Abandoned, 0, false},
	} {
		delay, by, again := s.Retry(tt.status, tt.before)
		if again != tt.want || again && (delay != 1500*time.Millisecond || by != "p.retry") {
			t.Errorf("Retry(%s, %d) = %v, %s, %v", tt.status, tt.before, delay, by, again)
		}
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	off := policyOf("concurrency", `{"threshold":1}`)
	off.Enabled = false
	if s := compile(t, off); !s.Empty() {
		t.Error("a disabled policy counts")
	}
	for _, p := range []*squall.Policy{
		policyOf("concurrency", `{}`), policyOf("retry", `{"retry_on":"x"}`), policyOf("nosuch", `{}`), policyOf("concurrency", `[]`),
		policyOf("concurrency.limit", `{"threshold":1}`), policyOf("concurrency.limit", `{"threshold_parameter":"n"}`),
		policyOf("rate_limit", `{"limit":0,"seconds":1}`), policyOf("rate_limit", `{"limit":1}`),
	} {
		s, problems := Compile([]*squall.Policy{p})
		if len(problems) != 1 || !s.Empty() {
			t.Errorf("%s %s: %v", p.Type, p.Parameters, problems)
		}
	}
}

// TestRate: whatever comes when, no span of Per holds more than Limit, nobody
// waits without a reason, and who comes first passes first.
func TestRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{Limit: rapid.IntRange(1, 4).Draw(t, "limit"), Per: time.Duration(rapid.IntRange(1, 20).Draw(t, "per")) * time.Second}
		now, kept := time.Unix(1000, 0).UTC(), []byte(nil)
		var passed []time.Time
		for range rapid.IntRange(1, 30).Draw(t, "arrivals") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "gap")) * time.Second)
			open := r.Open(kept, now)
			var at time.Time
			at, kept = r.Admit(kept, now)
			if open != at.Equal(now) {
				t.Fatalf("open is %v, and it may pass at %v, now is %v", open, at, now)
			}
			if n := len(passed); n > 0 && at.Before(passed[n-1]) {
				t.Fatalf("%v is before %v", at, passed[n-1])
			}
			if n := len(passed); n >= r.Limit && at.Sub(passed[n-r.Limit]) < r.Per {
				t.Fatalf("%d passed within %v", r.Limit+1, at.Sub(passed[n-r.Limit]))
			}
			if n := len(passed); at.After(now) && (n < r.Limit || !at.Equal(passed[n-r.Limit].Add(r.Per))) {
				t.Fatalf("%v is later than it must be", at)
			}
			passed = append(passed, at)
		}
	})
}
