package cli

import (
	"bytes"
	"strings"
	"testing"
)

func runTimerNext(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	io := &IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Env: func(string) string { return "" }}
	code = Main(t.Context(), New(io, "test"), io, append([]string{"timer", "next"}, args...))
	return out.String(), errs.String(), code
}

func TestTimerNext(t *testing.T) {
	const from = "--from=2024-03-30T12:00:00Z"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"30 2 * * *", "-n", "2", "--zone", "Europe/Berlin", from}, "Sun 2024-03-31 03:00:00 +0200 CEST\nMon 2024-04-01 02:30:00 +0200 CEST\n"},
		{[]string{"day=last fri", "hour=18", "-n", "1", "--zone", "UTC", from}, "Fri 2024-04-26 18:00:00 +0000 UTC\n"},
		{[]string{`{"unit": "hours", "delta": 6}`, "-n", "1", "--zone", "UTC", from}, "Sat 2024-03-30 18:00:00 +0000 UTC\n"},
		{[]string{"unit=hours", "delta=6", "-n", "1", "--zone", "UTC", from, "-j"}, "[\n    \"2024-03-30T18:00:00Z\"\n]\n"},
		{[]string{"date=Monday 10pm", "--zone", "UTC", from}, "Mon 2024-04-01 22:00:00 +0000 UTC\n"},
		{[]string{"0", "12", "*", "*", "*", "-n", "1", "--zone", "UTC", from}, "Sat 2024-03-30 12:00:00 +0000 UTC\n"},
		{[]string{"0 0 31 2 *", from}, ""},
	} {
		out, errs, code := runTimerNext(t, c.args...)
		if out != c.want || code != ExitOK {
			t.Errorf("%q: got %q, %q, exit %d; want %q", c.args, out, errs, code, c.want)
		}
	}
	if _, errs, _ := runTimerNext(t, "month=2", "day=31", from); errs != "never again\n" {
		t.Errorf("said %q", errs)
	}
}

func TestTimerNextRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"five fields":            {"* * * *"},
		"60 is not in 0-59":      {"60 * * * *"},
		"no such time zone":      {"@daily", "--zone", "Mars"},
		"want a time such as":    {"@daily", "--from", "tomorrow"},
		"-n 0":                   {"@daily", "-n", "0"},
		"delta is not a number":  {"unit=hours", "delta=x"},
		"is not name=value":      {"hour=1", "x"},
		"last value (24)":        {"hour=24"},
		"Additional properties":  {"hours=2"},
		"'delta' is a required ": {"unit=hours"},
	} {
		if out, errs, code := runTimerNext(t, args...); code != ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("%q: exit %d, %q, %q; want %q", args, code, out, errs, want)
		}
	}
}
