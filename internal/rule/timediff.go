package rule

import (
	"time"

	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// aged compares how many seconds ago the value was with the pattern. A value
// that lies ahead has a negative age. Whatever the value is, its text counts: the
// number 20240315 is a date, epoch seconds are none (st2).
func aged(op string) evalFunc {
	return func(c *comparison) (bool, error) {
		text, err := value.Str(c.m.b, c.value)
		if err != nil {
			return false, err
		}
		if err := c.m.b.Step(int64(len(text)) + 1); err != nil {
			return false, err
		}
		at, err := parseTime(text, c.m.env.Now)
		if err != nil {
			return false, err
		}
		limit, err := value.ToFloat(c.pattern)
		if err != nil {
			return false, err
		}
		age, err := value.NewDateTime(c.m.env.Now.UTC()).Minus(value.NewDateTime(at))
		if err != nil {
			return false, err
		}
		return value.Compare(c.m.b, op, age.TotalSeconds(), limit)
	}
}

// parseTime reads an instant: ISO 8601 first, then the lenient way, in which
// missing parts come from the day of now. Without a zone it is UTC.
func parseTime(text string, now time.Time) (time.Time, error) {
	if t, ok := parseISO(text); ok {
		return t, nil
	}
	v, err := yaql.ParseDate(text, now.UTC())
	if err != nil {
		return time.Time{}, err
	}
	if v.Naive {
		t := v.Time
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC), nil
	}
	return v.Time, nil
}
