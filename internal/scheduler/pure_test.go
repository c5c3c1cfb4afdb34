package scheduler

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

func TestJudge(t *testing.T) {
	result := json.RawMessage(`{"x":1}`)
	ok := squall.Outcome{Status: squall.Succeeded, Result: result}
	bad := squall.Outcome{Status: squall.Failed, Result: result}
	boom := errors.New("boom")
	for _, tc := range []struct {
		name       string
		out        squall.Outcome
		err, cause error
		repeatable bool
		want       squall.Status // empty: dropped or given back
		result     string
		giveBack   bool
	}{
		{name: "succeeded", out: ok, want: squall.Succeeded, result: `{"x":1}`},
		{name: "failed", out: bad, want: squall.Failed, result: `{"x":1}`},
		{name: "pending", out: squall.Outcome{Status: squall.Pending}, want: squall.Pending},
		{name: "could not run", err: boom, want: squall.Failed, result: `{"error":"boom"}`},
		{name: "nothing said", want: squall.Failed, result: `{"error":"the runner gave no outcome"}`},
		{name: "nonsense", out: squall.Outcome{Status: squall.Requested}, want: squall.Failed, result: `{"error":"the runner gave no outcome"}`},
		{name: "canceled", out: bad, cause: runner.ErrCanceled, want: squall.Canceled},
		{name: "canceled too late", out: ok, cause: runner.ErrCanceled, want: squall.Canceled},
		{name: "timeout", out: bad, cause: runner.ErrTimeout, want: squall.Timeout, result: `{"x":1}`},
		{name: "timeout with error", err: boom, cause: runner.ErrTimeout, want: squall.Timeout, result: `{"error":"boom"}`},
		{name: "shutdown", out: bad, cause: runner.ErrShutdown, want: squall.Abandoned, result: `{"x":1}`},
		{name: "shutdown with error", err: boom, cause: runner.ErrShutdown, want: squall.Abandoned, result: `{"error":"boom"}`},
		{name: "shutdown, but ended well", out: ok, cause: runner.ErrShutdown, want: squall.Succeeded, result: `{"x":1}`},
		{name: "shutdown of repeatable", out: bad, cause: runner.ErrShutdown, repeatable: true, giveBack: true},
		{name: "shutdown of repeatable, but ended well", out: ok, cause: runner.ErrShutdown, repeatable: true, want: squall.Succeeded, result: `{"x":1}`},
		{name: "lease lost", out: ok, cause: runner.ErrLeaseLost, repeatable: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := judge(tc.out, tc.err, tc.cause, tc.repeatable)
			if v.drop != (tc.want == "" && !tc.giveBack) || v.giveBack != tc.giveBack ||
				v.outcome.Status != tc.want || string(v.outcome.Result) != tc.result {
				t.Errorf("got %+v, result %s", v, v.outcome.Result)
			}
		})
	}
}

func TestValidUTF8(t *testing.T) {
	for _, tc := range []struct{ rest, in, text, unfinished string }{
		{"", "abc", "abc", ""},
		{"", "a\xc3", "a", "\xc3"},
		{"\xc3", "\xa4b", "äb", ""},
		{"", "\xe2\x82", "", "\xe2\x82"},
		{"\xe2\x82", "\xac", "€", ""},
		{"", "\xf0\x9f\x98", "", "\xf0\x9f\x98"},
		{"\xc3", "x", "\uFFFDx", ""},
		{"", "a\xffb", "a\uFFFDb", ""},
		{"", "a\xff", "a\uFFFD", ""},
		{"", "\x80", "\uFFFD", ""},
		{"", "a\x00b", "a\x00b", ""},
	} {
		text, unfinished := validUTF8([]byte(tc.rest), []byte(tc.in))
		if text != tc.text || string(unfinished) != tc.unfinished {
			t.Errorf("%q, %q: got %q, %q", tc.rest, tc.in, text, unfinished)
		}
	}
}

// However a text is cut into writes, it comes out whole and valid.
func TestValidUTF8AnyCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "in")
		var out strings.Builder
		var rest []byte
		for p := []byte(in); len(p) > 0; {
			n := rapid.IntRange(1, min(5, len(p))).Draw(t, "n")
			var text string
			text, rest = validUTF8(rest, p[:n])
			out.WriteString(text)
			p = p[n:]
		}
		if out.String() != in || len(rest) > 0 {
			t.Fatalf("got %q, %q left", out.String(), rest)
		}
	})
}

func TestCutRunes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "s"), rapid.IntRange(-1, 20).Draw(t, "n")
		got := cutRunes(s, n)
		if !strings.HasPrefix(s, got) || len(got) > max(n, 0) && len(got) != len(s) || !utf8.ValidString(got) {
			t.Fatalf("cutRunes(%q, %d) = %q", s, n, got)
		}
		if len(s) > n && n >= 4 && len(got) < n-3 {
			t.Fatalf("cutRunes(%q, %d) = %q: too short", s, n, got)
		}
	})
}

func TestBackoff(t *testing.T) {
	var b backoff
	for i := range 20 {
		d := b.next()
		if d < shortestPause*4/5 || d > longestPause*6/5 {
			t.Errorf("pause %d is %s", i, d)
		}
	}
	if b.last != longestPause {
		t.Errorf("it ends at %s", b.last)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := (Config{Node: store.Node{Name: "n"}}).Validate(); err != nil {
		t.Error(err)
	}
	err := Config{LeaseTTL: time.Second, Heartbeat: time.Second}.Validate()
	if err == nil || !strings.Contains(err.Error(), "name") || !strings.Contains(err.Error(), "heartbeat") {
		t.Errorf("both faults should be told: %v", err)
	}
}
