package value

import (
	"fmt"
	"time"
)

var datetimeMethods = map[string]*method{
	"astimezone":  keywords(0, mAsTimezone, "tz"),
	"ctime":       noArgs(func(c *call) (any, error) { return c.self.(DateTime).Strftime(c.b, "%a %b %e %H:%M:%S %04Y") }),
	"date":        noArgs(func(c *call) (any, error) { return c.self.(DateTime).Date(), nil }),
	"dst":         noArgs(func(c *call) (any, error) { return nil, nil }),
	"isocalendar": noArgs(func(c *call) (any, error) { return isoCalendar(c.self.(DateTime).Time), nil }),
	"isoformat":   keywords(0, mISOFormat, "sep", "timespec"),
	"isoweekday":  noArgs(func(c *call) (any, error) { return weekday(c.self.(DateTime).Time) + 1, nil }),
	"replace":     anyArgs(mDateTimeReplace),
	"strftime":    keywords(1, mStrftime, "format"),
	"timestamp":   noArgs(func(c *call) (any, error) { return c.self.(DateTime).Timestamp(), nil }),
	"toordinal":   noArgs(func(c *call) (any, error) { return c.self.(DateTime).Date().ordinal(), nil }),
	"tzname": noArgs(func(c *call) (any, error) {
		if d := c.self.(DateTime); !d.Naive {
			return offsetName(d.Offset()), nil
		}
		return nil, nil
	}),
	"utcoffset": noArgs(func(c *call) (any, error) {
		if d := c.self.(DateTime); !d.Naive {
			return d.Offset(), nil
		}
		return nil, nil
	}),
	"weekday": noArgs(func(c *call) (any, error) { return weekday(c.self.(DateTime).Time), nil }),
}

var dateMethods = map[string]*method{
	"ctime":       noArgs(func(c *call) (any, error) { return c.self.(Date).midnight().Strftime(c.b, "%a %b %e %H:%M:%S %04Y") }),
	"isocalendar": noArgs(func(c *call) (any, error) { return isoCalendar(c.self.(Date).midnight().Time), nil }),
	"isoformat":   noArgs(func(c *call) (any, error) { return c.self.(Date).String(), nil }),
	"isoweekday":  noArgs(func(c *call) (any, error) { return weekday(c.self.(Date).midnight().Time) + 1, nil }),
	"replace":     keywords(0, mDateReplace, "year", "month", "day"),
	"strftime":    keywords(1, mStrftime, "format"),
	"toordinal":   noArgs(func(c *call) (any, error) { return c.self.(Date).ordinal(), nil }),
	"weekday":     noArgs(func(c *call) (any, error) { return weekday(c.self.(Date).midnight().Time), nil }),
}

var timedeltaMethods = map[string]*method{
	"total_seconds": noArgs(func(c *call) (any, error) { return c.self.(TimeSpan).TotalSeconds(), nil }),
}

func weekday(t time.Time) int64 { return int64(t.Weekday()+6) % 7 }

func isoCalendar(t time.Time) Tuple {
	y, w := t.ISOWeek()
	return Tuple{int64(y), int64(w), weekday(t) + 1}
}

// field returns a data attribute.
func (d DateTime) field(name string) (any, bool) {
	switch name {
	case "year":
		return int64(d.Time.Year()), true
	case "month":
		return int64(d.Time.Month()), true
	case "day":
		return int64(d.Time.Day()), true
	case "hour":
		return int64(d.Time.Hour()), true
	case "minute":
		return int64(d.Time.Minute()), true
	case "second":
		return int64(d.Time.Second()), true
	case "microsecond":
		return int64(d.Time.Nanosecond() / 1000), true
	case "fold":
		return int64(0), true
	case "tzinfo":
		if d.Naive {
			return nil, true
		}
		return ZoneOf(d), true
	}
	return nil, false
}

func (d Date) field(name string) (any, bool) {
	switch name {
	case "year":
		return int64(d.Year), true
	case "month":
		return int64(d.Month), true
	case "day":
		return int64(d.Day), true
	}
	return nil, false
}

func (s TimeSpan) field(name string) (any, bool) {
	days, sec, micro := s.Parts()
	switch name {
	case "days":
		return days, true
	case "seconds":
		return sec, true
	case "microseconds":
		return micro, true
	}
	return nil, false
}

func mAsTimezone(c *call) (any, error) {
	d := c.self.(DateTime)
	loc := time.UTC
	switch z := c.or(0, nil).(type) {
	case nil:
	case Zone:
		loc = z.Loc
	default:
		return nil, TypeErrorf("tzinfo argument must be None or of a tzinfo subclass, not type '%s'", TypeName(z))
	}
	return DateTime{Time: d.Time.In(loc)}, nil
}

func mISOFormat(c *call) (any, error) {
	sep, ok := AsString(c.or(0, "T"))
	if !ok {
		return nil, TypeErrorf("isoformat() argument 1 must be a unicode character, not %s", TypeName(c.args[0]))
	}
	if StrLen(sep) != 1 {
		return nil, TypeErrorf("isoformat() argument 1 must be a unicode character, not str")
	}
	spec, ok := AsString(c.or(1, "auto"))
	if !ok {
		return nil, TypeErrorf("isoformat() argument 2 must be str, not %s", argType(c.args[1]))
	}
	switch spec {
	case "auto", "hours", "minutes", "seconds", "milliseconds", "microseconds":
		return c.self.(DateTime).isoformat(sep, spec), nil
	}
	return nil, ValueErrorf("Unknown timespec value")
}

func mStrftime(c *call) (any, error) {
	layout, ok := AsString(c.args[0])
	if !ok {
		return nil, TypeErrorf("strftime() argument 1 must be str, not %s", argType(c.args[0]))
	}
	if d, ok := c.self.(Date); ok {
		return d.midnight().Strftime(c.b, layout)
	}
	return c.self.(DateTime).Strftime(c.b, layout)
}

func mDateReplace(c *call) (any, error) {
	d := c.self.(Date)
	fields := [3]int64{int64(d.Year), int64(d.Month), int64(d.Day)}
	for i := range fields {
		var err error
		if fields[i], err = c.size(i, fields[i]); err != nil {
			return nil, err
		}
	}
	return MakeDate(fields[0], fields[1], fields[2])
}

var dateTimeParts = []string{"year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"}

func mDateTimeReplace(c *call) (any, error) {
	d := c.self.(DateTime)
	var vals [9]any
	for i, name := range dateTimeParts {
		vals[i], _ = d.field(name)
	}
	if len(c.args) > 8 {
		return nil, TypeErrorf("replace() takes at most 8 positional arguments (%d given)", len(c.args))
	}
	copy(vals[:], c.args)
	for name, v := range c.kw.All() {
		i := -1
		for k, n := range dateTimeParts {
			if n == name {
				i = k
			}
		}
		if i < 0 {
			return nil, TypeErrorf("'%s' is an invalid keyword argument for replace()", name)
		}
		if i < len(c.args) {
			return nil, TypeErrorf("argument for replace() given by name ('%s') and position (%d)", name, i+1)
		}
		vals[i] = v
	}
	var n [7]int64
	for i := range n {
		var err error
		if n[i], err = AsIndex(vals[i]); err != nil {
			return nil, err
		}
	}
	var loc *time.Location
	switch z := vals[7].(type) {
	case nil:
	case Zone:
		loc = z.Loc
	default:
		return nil, TypeErrorf("tzinfo argument must be None or of a tzinfo subclass, not type '%s'", TypeName(z))
	}
	return MakeDateTime(n[0], n[1], n[2], n[3], n[4], n[5], n[6], loc)
}

// ParseISO reads what datetime.isoformat and str write, and the common ISO 8601
// forms around them: a date, optionally a time of any precision, and an offset.
func ParseISO(text string) (DateTime, error) {
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
		"2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z0700",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			_, off := t.Zone()
			return DateTime{Time: t.In(FixedZone(TimeSpan(off) * Second)).Truncate(time.Microsecond)}, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return NewNaive(t), nil
		}
	}
	return DateTime{}, fmt.Errorf("parse date: %w", ValueErrorf("Invalid isoformat string: %s", StrRepr(text)))
}
