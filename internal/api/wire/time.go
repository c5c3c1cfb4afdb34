package wire

import (
	"fmt"
	"strings"
	"time"
)

// layout is how StackStorm writes instants: UTC, microseconds, a Z.
const layout = "2006-01-02T15:04:05.000000Z"

// Time is an instant as the API writes it.
type Time struct{ time.Time }

// String returns the instant in the API's form.
func (t Time) String() string { return t.UTC().Format(layout) }

// MarshalJSON writes the API's form.
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalJSON reads any form ParseTime reads.
func (t *Time) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" || s == "" {
		t.Time = time.Time{}
		return nil
	}
	at, err := ParseTime(s)
	if err != nil {
		return err
	}
	t.Time = at
	return nil
}

// timeLayouts are the forms clients may use for an instant (st2: the isotime
// expression): with "T" or a blank, with and without fraction and zone.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
}

// ParseTime reads an instant in one of the forms StackStorm accepts; without a
// zone it is UTC.
func ParseTime(s string) (time.Time, error) {
	for _, l := range timeLayouts {
		if t, err := time.Parse(l, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not an instant like 2026-11-22T15:04:05.000000Z", s)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, layout)
	return append(b, '"')
}
