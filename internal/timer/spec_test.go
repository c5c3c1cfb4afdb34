package timer

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// fires returns the first n instants after start, in the schedule's zone.
func fires(s Spec, start time.Time, n int) (out []string) {
	for range n {
		next, ok := s.Next(start)
		if !ok {
			return append(out, "none")
		}
		out, start = append(out, next.Format(time.RFC3339)), next
	}
	return out
}

func mustParse(t testing.TB, kind Kind, doc string, now time.Time) Spec {
	t.Helper()
	s, err := Parse(kind, []byte(doc), At{Now: now})
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return s
}

func TestCron(t *testing.T) {
	for _, c := range []struct {
		name, doc, after string
		want             []string
	}{
		{"midnight after the clock went forward", `{"hour":0,"timezone":"Europe/Berlin"}`, "2024-03-30T12:00:00Z",
			[]string{"2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00", "2024-04-02T00:00:00+02:00"}},
		{"first of the month after it", `{"day":1,"timezone":"Europe/Berlin"}`, "2024-03-02T00:00:00Z",
			[]string{"2024-04-01T00:00:00+02:00", "2024-05-01T00:00:00+02:00"}},
		{"half an hour, southern summer", `{"month":"1,7","timezone":"Australia/Lord_Howe"}`, "2024-02-01T00:00:00Z",
			[]string{"2024-07-01T00:00:00+10:30", "2025-01-01T00:00:00+11:00", "2025-07-01T00:00:00+10:30"}},
		{"in the gap", `{"hour":2,"minute":30,"timezone":"Europe/Berlin"}`, "2024-03-30T12:00:00Z",
			[]string{"2024-03-31T03:30:00+02:00", "2024-04-01T02:30:00+02:00"}},
		{"several in the gap", `{"hour":2,"minute":"*/20","timezone":"Europe/Berlin"}`, "2024-03-30T12:00:00Z",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:00:00+02:00"}},
		{"every hour over the gap", `{"minute":30,"timezone":"Europe/Berlin"}`, "2024-03-31T00:00:00Z",
			[]string{"2024-03-31T01:30:00+01:00", "2024-03-31T03:30:00+02:00"}},
		{"twice", `{"hour":2,"minute":30,"timezone":"Europe/Berlin"}`, "2024-10-26T12:00:00Z",
			[]string{"2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", "2024-10-28T02:30:00+01:00"}},
		{"a day that Samoa did not have", `{"day":30,"timezone":"Pacific/Apia"}`, "2011-12-01T00:00:00Z",
			[]string{"2011-12-31T00:00:00+14:00", "2012-01-30T00:00:00+14:00"}},
		{"leap day over a century", `{"month":2,"day":29}`, "2096-03-01T00:00:00Z",
			[]string{"2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"}},
		{"week 53", `{"week":53,"day_of_week":"thu"}`, "2024-01-01T00:00:00Z",
			[]string{"2026-12-31T00:00:00Z", "2032-12-30T00:00:00Z"}},
		{"never", `{"month":2,"day":31}`, "2024-01-01T00:00:00Z", []string{"none"}},
		{"never, in a zone", `{"month":"2,4,6","day":31,"timezone":"Europe/Berlin"}`, "2024-01-01T00:00:00Z", []string{"none"}},
		{"once", `{"year":9999,"timezone":"Europe/Berlin"}`, "2024-01-01T00:00:00Z", []string{"9999-01-01T00:00:00+01:00", "none"}},
		{"past", `{"year":2023}`, "2024-01-01T00:00:00Z", []string{"none"}},
		{"last day of a leap year, rule without end", `{"year":"2060","month":12,"day":31,"hour":"1,2","timezone":"Europe/Berlin"}`, "2024-01-01T00:00:00Z",
			[]string{"2060-12-31T01:00:00+01:00", "2060-12-31T02:00:00+01:00", "none"}},
		{"before 1970", `{"hour":0}`, "1960-01-01T00:00:00Z", []string{"1970-01-01T00:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := instant(t, c.after)
			got := fires(mustParse(t, Cron, c.doc, after), after, len(c.want))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s after %s (-want +got):\n%s", c.doc, c.after, d)
			}
		})
	}
}

// TestNeverEndsSoon keeps the search for dates that do not come from stepping.
func TestNeverEndsSoon(t *testing.T) {
	s := mustParse(t, Cron, `{"day":"31,5th mon","month":2,"week":1,"timezone":"America/New_York"}`, time.Time{})
	begin := time.Now()
	if at, ok := s.Next(instant(t, "2024-01-01T00:00:00Z")); ok {
		t.Errorf("got %s", at)
	}
	if took := time.Since(begin); took > 100*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

func TestIntervalAndDate(t *testing.T) {
	sat := instant(t, "2024-03-30T22:30:00Z") // 23:30 in Berlin, the night the clock goes forward
	for _, c := range []struct {
		kind Kind
		doc  string
		want []string
	}{
		{Interval, `{"unit":"days","delta":1,"timezone":"Europe/Berlin"}`, []string{"2024-03-31T23:30:00+02:00", "2024-04-01T23:30:00+02:00"}},
		{Interval, `{"unit":"seconds","delta":0}`, []string{"2024-03-30T22:30:01Z", "2024-03-30T22:30:02Z"}},
		{Interval, `{"unit":"weeks","delta":200000}`, []string{"5857-04-25T22:30:00Z", "9690-05-20T22:30:00Z", "none"}},
		{Date, `{"date":"2024-03-31T02:30","timezone":"Europe/Berlin"}`, []string{"2024-03-31T03:30:00+02:00", "none"}},
		{Date, `{"date":"Monday 10pm","timezone":"Asia/Kathmandu"}`, []string{"2024-04-01T22:00:00+05:45", "none"}},
		{Date, `{"date":"2024-03-30T22:00:00Z"}`, []string{"none"}},
	} {
		got := fires(mustParse(t, c.kind, c.doc, sat), sat, len(c.want))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.doc, d)
		}
	}
}

func TestStartItselfMayBeTheFirst(t *testing.T) {
	start := instant(t, "2024-03-15T03:00:00Z")
	s := mustParse(t, Cron, `{"hour":3}`, start)
	if at, _ := s.Next(start.Add(-1)); !at.Equal(start) {
		t.Errorf("got %s", at)
	}
	if at, _ := s.Next(start); !at.Equal(start.AddDate(0, 0, 1)) {
		t.Errorf("got %s", at)
	}
}

func TestZeroSpecIsNeverDue(t *testing.T) {
	var s Spec
	if at, ok := s.Next(time.Time{}); ok || s.Zone() != time.UTC {
		t.Errorf("due at %s", at)
	}
}

func TestBetween(t *testing.T) {
	start := instant(t, "2024-01-01T00:00:00Z")
	s := mustParse(t, Cron, `{"day":"*"}`, start).Between(instant(t, "2024-02-01T00:00:00Z"), instant(t, "2024-02-02T00:00:00Z"))
	want := []string{"2024-02-01T00:00:00Z", "2024-02-02T00:00:00Z", "none"}
	if d := cmp.Diff(want, fires(s, start, 3)); d != "" {
		t.Error(d)
	}
}

// TestRefused is the table of complaints: what the API says and, where it says
// nothing, what building the timer says.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		kind              Kind
		doc, class, check string
		parse             string // "": as check
	}{
		{Cron, `{"second":60}`, "ValidationError", "60 is greater than the maximum of 59", ""},
		{Cron, `{"hour":99999999999999999999}`, "ValidationError", "99999999999999999999 is greater than the maximum of 23", ""},
		{Cron, `{"hour":-99999999999999999999}`, "ValidationError", "-99999999999999999999 is less than the minimum of 0", ""},
		{Cron, `{"hour":24,"minute":60}`, "ValidationError", "60 is greater than the maximum of 59", ""},
		{Cron, `{"hour":1e400}`, "ValidationError", "1e400 is not valid under any of the given schemas", ""},
		{Cron, `{"day":{"a":[1.50,null,"x'y"]}}`, "ValidationError", `{'a': [1.5, None, "x'y"]} is not valid under any of the given schemas`, ""},
		{Cron, `{"foo":1,"bar":2}`, "ValidationError", "Additional properties are not allowed ('bar', 'foo' were unexpected)", ""},
		{Cron, `{"day":"1st foo"}`, "ValueError", `Invalid weekday name "foo"`, ""},
		{Cron, `{"day":"6th mon"}`, "ValueError", `Unrecognized expression "6th mon" for field "day"`, ""},
		{Cron, `{"second":"x","year":"1"}`, "ValueError", "Error validating expression '1': the first value (1) is lower than the minimum value (1970)", ""},
		{Cron, `{"minute":"10-20/11"}`, "ValueError", "Error validating expression '10-20/11': the step value (11) is higher than the total range of the expression (10)", ""},
		{Cron, `{"minute":"٦٥"}`, "ValueError", "Error validating expression '٦٥': the last value (65) is higher than the maximum value (59)", ""},
		{Cron, `{"day_of_week":"fri-mon"}`, "ValueError", "The minimum value in a range must not be higher than the maximum", ""},
		{Cron, `{"year":"*/0"}`, "ValueError", "Increment must be higher than 0", ""},
		{Cron, `{"timezone":"UTC+3"}`, "ZoneInfoNotFoundError", "'No time zone found with key UTC+3'", ""},
		{Cron, `{"timezone":"Local"}`, "ZoneInfoNotFoundError", "'No time zone found with key Local'", ""},
		{Cron, `{"timezone":""}`, "ValueError", "", "ZoneInfo keys must be normalized relative paths, got: "},
		{Cron, `7`, "ValidationError", "timer parameters are not a JSON object", ""},
		{Interval, `{"unit":"hours"}`, "ValidationError", "'delta' is a required property", ""},
		{Interval, `{"unit":"hour","delta":1}`, "ValidationError", "'hour' is not one of ['weeks', 'days', 'hours', 'minutes', 'seconds']", ""},
		{Interval, `{"unit":"hours","delta":1.0}`, "ValidationError", "1.0 is not of type 'integer'", ""},
		{Interval, `{"unit":"hours","delta":-1}`, "ValidationError", "-1 is less than the minimum of 0", ""},
		{Interval, `{"unit":"hours","delta":99999999999999}`, "OverflowError", "", "Python int too large to convert to C int"},
		{Interval, `{"unit":"hours","delta":999999999}`, "OverflowError", "", "date value out of range"},
		{Interval, `{"unit":"hours","delta":1,"timezone":"Mars"}`, "ZoneInfoNotFoundError", "", "'No time zone found with key Mars'"},
		{Date, `{"date":null}`, "ValidationError", "None is not of type 'string'", ""},
		{Date, `{"date":"2024-02-30"}`, "ParserError", "", "day is out of range for month: 2024-02-30"},
		{Date, `{"date":"tomorrow"}`, "ParserError", "", "Unknown string format: tomorrow"},
	} {
		check, parse := Check(c.kind, []byte(c.doc)), error(nil)
		if _, parse = Parse(c.kind, []byte(c.doc), At{Now: instant(t, "2024-03-15T12:30:45Z")}); parse == nil {
			t.Errorf("%s is taken", c.doc)
			continue
		}
		if c.parse == "" {
			c.parse = c.check
		}
		if check == nil && c.check != "" || check != nil && check.Error() != c.check {
			t.Errorf("%s: Check says %v, want %q", c.doc, check, c.check)
		}
		var e *Error
		if !errors.As(parse, &e) || e.Class != c.class || e.Message != c.parse {
			t.Errorf("%s: Parse says %v (%T), want %s: %s", c.doc, parse, parse, c.class, c.parse)
		}
	}
}

func TestTaken(t *testing.T) {
	for _, doc := range []string{
		``, `{}`, `{"second":null}`, `{"hour":"*/23"}`, `{"day":"LASTfri, 2nd  MON x ,5-10/5"}`, `{"month":"jan-3"}`, `{"day_of_week":"mon-fri/2"}`,
		`{"minute":"0-0/59"}`, `{"timezone":"posix/UTC"}`, `{"timezone":null}`, `{"year":2030}`,
	} {
		if err := Check(Cron, []byte(doc)); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestKindOf(t *testing.T) {
	for ref, want := range map[string]Kind{"core.st2.CronTimer": Cron, "core.st2.IntervalTimer": Interval, "core.st2.DateTimer": Date} {
		if got, ok := KindOf(ref); !ok || got != want {
			t.Errorf("%s: got %v", ref, got)
		}
	}
	if _, ok := KindOf("core.st2.webhook"); ok {
		t.Error("a webhook is no timer")
	}
}
