package timer

import (
	"testing"
	"time"
)

// TestCalendarEqualsTheTimePackage asks for every day of every year whether the
// tables know its month, day, week and weekday.
func TestCalendarEqualsTheTimePackage(t *testing.T) {
	all := allDays()
	for at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() <= 9999; at = at.AddDate(0, 0, 1) {
		_, week := at.ISOWeek()
		want := day{
			month: int8(at.Month()), day: int8(at.Day()), week: int8(week), weekday: int8(at.Weekday()+6) % 7,
			days: int8(time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()),
		}
		if got := all[yearType(at.Year())][at.YearDay()-1]; got != want {
			t.Fatalf("%s: got %+v, want %+v", at.Format(time.DateOnly), got, want)
		}
		if got := int64(daysBefore(at.Year())+at.YearDay()-1) * secondsPerDay; got != at.Unix() {
			t.Fatalf("%s: got %d, want %d", at.Format(time.DateOnly), got, at.Unix())
		}
	}
}
