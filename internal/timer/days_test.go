package timer

import (
	"testing"
	"time"
)

// TestCalendarEqualsTheTimePackage asks for every day of every year whether the
// tables know its month, day, week and weekday.
func TestCalendarEqualsTheTimePackage(t *testing.T) {
	var seen [yearTypes][366]day
	n, typ := 0, 0
	calendarOf(func(d day) bool {
		if d.month == 1 && d.day == 1 && n > 0 {
			typ, n = typ+1, 0
		}
		seen[typ][n] = d
		n++
		return false
	})
	if typ != yearTypes-1 {
		t.Fatalf("%d tables", typ+1)
	}
	for at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() <= 9999; at = at.AddDate(0, 0, 1) {
		_, week := at.ISOWeek()
		want := day{
			month: int(at.Month()), day: at.Day(), week: week, weekday: (int(at.Weekday()) + 6) % 7,
			days: time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day(),
		}
		if got := seen[yearType(at.Year())][at.YearDay()-1]; got != want {
			t.Fatalf("%s: got %+v, want %+v", at.Format(time.DateOnly), got, want)
		}
		if got := int64(daysBefore(at.Year())+at.YearDay()-1) * secondsPerDay; got != at.Unix() {
			t.Fatalf("%s: got %d, want %d", at.Format(time.DateOnly), got, at.Unix())
		}
	}
}
