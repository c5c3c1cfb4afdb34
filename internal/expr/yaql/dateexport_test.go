package yaql

import (
	"testing"
	"time"

	"squall/internal/expr/value"
)

func TestParseDate(t *testing.T) {
	today := time.Date(2024, 3, 15, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ text, want, class string }{
		{"15/03/2024", "2024-03-15 00:00:00", ""},
		{"03/04/2024 10:15 PM", "2024-03-04 22:15:00", ""},
		{"2", "2024-03-02 00:00:00", ""},
		{"0", "", "ParserError"}, // there is no day 0
		{"never", "", "ParserError"},
	} {
		d, err := ParseDate(tc.text, today)
		if got := value.ClassOf(err); got != tc.class {
			t.Errorf("%s: error %q, want %q", tc.text, got, tc.class)
			continue
		}
		if err == nil && d.Time.Format("2006-01-02 15:04:05") != tc.want {
			t.Errorf("%s: %s, want %s", tc.text, d.Time, tc.want)
		}
	}
}
