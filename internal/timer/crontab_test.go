package timer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseCrontab(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	for _, c := range []struct {
		name, line, after string
		want              []string
	}{
		{"either day field", "0 12 13 * fri", "2024-09-01T00:00:00Z",
			[]string{"2024-09-06T12:00:00+02:00", "2024-09-13T12:00:00+02:00", "2024-09-20T12:00:00+02:00"}},
		{"13th in the week only", "0 12 13 10 fri", "2024-10-11T12:00:00Z",
			[]string{"2024-10-13T12:00:00+02:00", "2024-10-18T12:00:00+02:00"}},
		{"a star does not open the other", "0 0 */10 * mon", "2024-01-01T12:00:00Z",
			[]string{"2024-03-11T00:00:00+01:00", "2024-04-01T00:00:00+02:00"}},
		{"Sunday is 0 and 7", "0 0 * * 7,0", "2024-01-01T00:00:00Z", []string{"2024-01-07T00:00:00+01:00", "2024-01-14T00:00:00+01:00"}},
		{"names", "30 4 1 jan,JUL *", "2024-01-02T00:00:00Z", []string{"2024-07-01T04:30:00+02:00", "2025-01-01T04:30:00+01:00"}},
		{"seconds", "*/20 0 12 * * *", "2024-01-01T10:00:10Z", []string{"2024-01-01T12:00:00+01:00", "2024-01-01T12:00:20+01:00"}},
		{"nickname", "@monthly", "2024-01-01T12:00:00Z", []string{"2024-02-01T00:00:00+01:00"}},
		{"never", "0 0 31 2 *", "2024-01-01T00:00:00Z", []string{"none"}},
		{"made up for at once, once", "0,30 2 * * *", "2024-03-30T12:00:00Z",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:00:00+02:00"}},
		{"and what is due then anyway", "0 2,3 * * *", "2024-03-30T12:00:00Z", []string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:00:00+02:00"}},
		{"fixed times come once", "30 2 * * *", "2024-10-26T12:00:00Z", []string{"2024-10-27T02:30:00+02:00", "2024-10-28T02:30:00+01:00"}},
		{"wildcards follow the clock", "30 * * * *", "2024-10-27T00:00:00Z",
			[]string{"2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", "2024-10-27T03:30:00+01:00"}},
		{"wildcards skip the gap", "*/30 2 * * *", "2024-03-30T12:00:00Z", []string{"2024-04-01T02:00:00+02:00"}},
		{"midnight gap", "0 0 * * *", "2024-03-30T12:00:00Z", []string{"2024-03-31T00:00:00+01:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := instant(t, c.after)
			s, err := ParseCrontab(c.line, "key", At{Now: after, Zone: berlin})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, fires(s, after, len(c.want))); d != "" {
				t.Errorf("%s after %s (-want +got):\n%s", c.line, c.after, d)
			}
		})
	}
}

func TestCrontabRefused(t *testing.T) {
	for line, want := range map[string]string{
		"":                  "five fields",
		"* * * *":           "five fields",
		"@reboot":           "no schedule",
		"60 * * * *":        `minute "60": 60 is not in 0-59`,
		"5/10 * * * *":      "a step needs a range or *, such as 5-59/10",
		"*/0 * * * *":       "not a positive number",
		"*/+5 * * * *":      "not a positive number",
		"* 22-2 * * *":      "the range 22-2 runs backwards",
		"* * 0 * *":         "0 is not in 1-31",
		"* * * * 8":         "8 is not in 0-7",
		"* * * foo *":       `"foo" is no number or name`,
		"* * * * friday":    `"friday" is no number or name`,
		"1,,2 * * * *":      `"" is no number or name`,
		"H(5-90) * * * *":   "90 is not in 0-59",
		"H(9-5) * * * *":    "runs backwards",
		"Hx * * * *":        "neither H nor H(first-last)",
		"H(0-9)/20 * * * *": "larger than the range",
		"-5 * * * *":        "is no number",
	} {
		if _, err := ParseCrontab(line, "", At{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// TestHashSpreads: equal keys agree, different keys cover the range evenly, and
// known values stay what they are from version to version.
func TestHashSpreads(t *testing.T) {
	start := instant(t, "2024-01-01T00:00:00Z")
	var minutes [60]int
	for i := range 6000 {
		key := "job-" + string(rune('a'+i%26)) + time.Duration(i).String()
		s, err := ParseCrontab("H H(2-4) * * *", key, At{})
		if err != nil {
			t.Fatal(err)
		}
		at, _ := s.Next(start)
		if at.Hour() < 2 || at.Hour() > 4 {
			t.Fatalf("%s is not in H(2-4)", at)
		}
		minutes[at.Minute()]++
	}
	for m, n := range minutes {
		if n < 50 || n > 170 { // 100 each on the average
			t.Errorf("minute %d has %d of 6000", m, n)
		}
	}
	s, err := ParseCrontab("H/15 * * * *", "backup", At{})
	if err != nil {
		t.Fatal(err)
	}
	got := fires(s, start, 5)
	for i := range 4 {
		a, b := instant(t, got[i]), instant(t, got[i+1])
		if b.Sub(a) != 15*time.Minute {
			t.Errorf("from %s to %s", a, b)
		}
	}
	if got := Spread("backup", "minute"); got != 0xb8b5f666a93b2f9c {
		t.Errorf("spread is %#x: schedules with H would move", got)
	}
}

func TestJitter(t *testing.T) {
	at := instant(t, "2024-01-01T00:00:00Z")
	if got := Jitter("a", at, 0); got != 0 {
		t.Errorf("no limit, but %s", got)
	}
	if here, there := Jitter("a", at, time.Minute), Jitter("a", at.In(mustZone(t, "Asia/Kathmandu")), time.Minute); here != there {
		t.Errorf("%s and %s for the same instant", here, there)
	}
	different := map[time.Duration]bool{}
	for i := range 100 {
		d := Jitter("a", at.Add(time.Duration(i)*time.Hour), time.Minute)
		if d < 0 || d >= time.Minute {
			t.Fatalf("%s", d)
		}
		different[d] = true
	}
	if len(different) < 95 {
		t.Errorf("%d different delays", len(different))
	}
}
