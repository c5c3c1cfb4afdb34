package cronfile

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"squall/internal/timer"
)

//go:embed testdata/odd.cron
var oddLines string

// TestOddLines is K6: of every line that cron takes the next 50 times are those of
// an oracle that goes through the calendar day by day; every other line is told of,
// with its number.
func TestOddLines(t *testing.T) {
	t.Parallel()
	entries, notes := Crontab(oddLines, false)
	of := map[int]Entry{}
	for _, e := range entries {
		of[e.Line] = e
	}
	lost := map[int]bool{}
	for _, n := range notes {
		if n.Lost {
			lost[n.Line] = true
		}
	}
	from := time.Date(2026, 11, 22, 12, 34, 56, 0, time.UTC)
	lines, taken := 0, 0
	for i, text := range strings.Split(oddLines, "\n") {
		fields := strings.Fields(text)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") || strings.Contains(fields[0], "=") || len(fields) > 1 && fields[1] == "=" {
			continue
		}
		lines++
		e, ok := of[i+1]
		bad := strings.Contains(text, "lost")
		if ok == bad || lost[i+1] != bad {
			t.Errorf("line %d, %q: taken %v, told of %v", i+1, text, ok, lost[i+1])
		}
		if bad {
			continue
		}
		taken++
		spec, err := timer.ParseCrontab(e.Cron, "", timer.At{Now: from, Zone: time.UTC})
		if err != nil {
			t.Errorf("line %d: %v", i+1, err)
			continue
		}
		var got []time.Time
		for at, ok := spec.Next(from); ok && len(got) < 50; at, ok = spec.Next(at) {
			got = append(got, at)
		}
		if want := oracle(fields, from, 50); !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Errorf("line %d, %q:\n got %v\nwant %v", i+1, text, got, want)
		}
	}
	if lines < 60 || taken < 45 {
		t.Errorf("%d lines, %d of them taken", lines, taken)
	}
	t.Logf("%d lines, %d taken, %d told of", lines, taken, lines-taken)
}

// oracle finds the first n times of a line after an instant, in UTC.
func oracle(fields []string, from time.Time, n int) (list []time.Time) {
	if short, ok := map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}[strings.ToLower(fields[0])]; ok {
		fields = strings.Fields(short)
	}
	minutes, hours, doms, months, dows := values(fields[0], 0, 59), values(fields[1], 0, 23), values(fields[2], 1, 31), values(fields[3], 1, 12), values(fields[4], 0, 7)
	for day := from.Truncate(24 * time.Hour); day.Year() < 2300 && len(list) < n; day = day.AddDate(0, 0, 1) {
		weekday := int(day.Weekday())
		byDate, byWeekday := doms[day.Day()], dows[weekday] || weekday == 0 && dows[7]
		fits := byDate || byWeekday
		if strings.HasPrefix(fields[2], "*") || strings.HasPrefix(fields[4], "*") {
			fits = byDate && byWeekday
		}
		if !fits || !months[int(day.Month())] {
			continue
		}
		for h := range 24 {
			for m := range 60 {
				at := day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
				if hours[h] && minutes[m] && at.After(from) && len(list) < n {
					list = append(list, at)
				}
			}
		}
	}
	return list
}

// values reads a field that is known to be right.
func values(field string, lo, hi int) map[int]bool {
	names := map[string]int{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
	if hi == 12 {
		names = map[string]int{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "jul": 7}
	}
	number := func(text string) int {
		if n, ok := names[strings.ToLower(text)]; ok {
			return n
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(text)
		}
		return n
	}
	set := map[int]bool{}
	for _, member := range strings.Split(field, ",") {
		body, every, stepped := strings.Cut(member, "/")
		first, last, ranged := strings.Cut(body, "-")
		a, b, step := lo, hi, 1
		if body != "*" {
			a = number(first)
			b = a
			if ranged {
				b = number(last)
			}
		}
		if stepped {
			step = number(every)
		}
		for v := a; v <= b; v += step {
			set[v] = true
		}
	}
	return set
}
