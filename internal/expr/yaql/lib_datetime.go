package yaql

import (
	"math"
	"math/big"
	"strings"
	"time"

	"squall/internal/expr/value"
)

func addDateTime(l *library) {
	l.add("datetime", asFunction, "year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, "+
		"microsecond: int = 0, offset: timespan = zero", buildDateTime)
	l.add("datetime", asFunction, "timestamp: Number, offset: timespan = zero", dateTimeFromTimestamp)
	l.add("datetime", asFunction, "string: String, format: String? = null", dateTimeFromString)
	l.add("timespan", asFunction, "days: int = 0, hours: int = 0, minutes: int = 0, seconds: Integer = 0, "+
		"milliseconds: Integer = 0, microseconds: Integer = 0", buildTimespan)
	l.add("now", asFunction, "offset: timespan? = zero", now)
	l.add("localtz", asFunction, "", func(c *call) (any, error) {
		if c.ev.eng.opts.Now == nil {
			return value.TimeSpan(0), nil
		}
		return value.NewDateTime(c.ev.eng.opts.Now()).Offset(), nil
	})
	l.add("utctz", asFunction, "", func(*call) (any, error) { return value.TimeSpan(0), nil })
	l.add("isDatetime", asFunction, "value: any", func(c *call) (any, error) {
		_, ok := c.args[0].(value.DateTime)
		return ok, nil
	})
	l.add("isTimespan", asFunction, "value: any", func(c *call) (any, error) {
		_, ok := c.args[0].(value.TimeSpan)
		return ok, nil
	})
	addDateArithmetic(l)
	addDateProperties(l)
	l.add("replace", asMethod, "dt: DateTime, year: int = null, month: int = null, day: int = null, hour: int = null, "+
		"minute: int = null, second: int = null, microsecond: int = null, offset: timespan = null", replaceDate)
	l.add("format", asMethod, "dt: DateTime, format: String", func(c *call) (any, error) {
		return c.date(0).Strftime(c.ev.budget, dateFormat(c.date(0), c.str(1)))
	})
}

// dateFormat prepares a format: dateutil's zones with an offset have no name,
// and the modifiers E and O mean nothing in the C locale.
func dateFormat(d value.DateTime, layout string) string {
	if !strings.Contains(layout, "%Z") && !strings.Contains(layout, "%E") && !strings.Contains(layout, "%O") {
		return layout
	}
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 == len(layout) {
			b.WriteByte(layout[i])
			continue
		}
		i++
		switch c := layout[i]; {
		case c == 'Z' && d.Offset() != 0:
		case c == 'E' && i+1 < len(layout) && strings.IndexByte("cCxXyY", layout[i+1]) >= 0,
			c == 'O' && i+1 < len(layout) && strings.IndexByte("deHImMSuUVwWy", layout[i+1]) >= 0:
			i++
			b.WriteByte('%')
			b.WriteByte(layout[i])
		default:
			b.WriteByte('%')
			b.WriteByte(c)
		}
	}
	return b.String()
}

func addDateArithmetic(l *library) {
	arith := func(f func(b *value.Budget, x, y any) (any, error)) func(*call) (any, error) {
		return func(c *call) (any, error) { return f(c.ev.budget, c.args[0], c.args[1]) }
	}
	l.add("#operator_+", asFunction, "dt: DateTime, ts: timespan", arith(value.Add))
	l.add("#operator_+", asFunction, "ts: timespan, dt: DateTime", arith(value.Add))
	l.add("#operator_+", asFunction, "ts1: timespan, ts2: timespan", arith(value.Add))
	l.add("#operator_-", asFunction, "dt: DateTime, ts: timespan", arith(value.Sub))
	l.add("#operator_-", asFunction, "dt1: DateTime, dt2: DateTime", arith(value.Sub))
	l.add("#operator_-", asFunction, "ts1: timespan, ts2: timespan", arith(value.Sub))
	for _, op := range []string{"<", "<=", ">", ">="} {
		compare := func(c *call) (any, error) { return value.Compare(c.ev.budget, op, c.args[0], c.args[1]) }
		l.add("#operator_"+op, asFunction, "dt1: DateTime, dt2: DateTime", compare)
		l.add("#operator_"+op, asFunction, "ts1: timespan, ts2: timespan", compare)
	}
	l.add("#operator_*", asFunction, "ts: timespan, n: Number", func(c *call) (any, error) { return c.scaled(value.Mul, 0, 1) })
	l.add("#operator_*", asFunction, "n: Number, ts: timespan", func(c *call) (any, error) { return c.scaled(value.Mul, 1, 0) })
	l.add("#operator_/", asFunction, "ts: timespan, n: Number", func(c *call) (any, error) { return c.scaled(value.TrueDiv, 0, 1) })
	l.add("#operator_/", asFunction, "ts1: timespan, ts2: timespan", func(c *call) (any, error) {
		return value.TrueDiv(c.ev.budget, float64(c.span(0)), int64(c.span(1)))
	})
	l.add("#unary_operator_+", asFunction, "ts: timespan", func(c *call) (any, error) { return c.args[0], nil })
	l.add("#unary_operator_-", asFunction, "ts: timespan", func(c *call) (any, error) { return -c.span(0), nil })
}

func (c *call) date(i int) value.DateTime {
	d, _ := c.args[i].(value.DateTime)
	return d
}

func (c *call) span(i int) value.TimeSpan {
	s, _ := c.args[i].(value.TimeSpan)
	return s
}

// scaled computes with the microseconds of a span, as the original does, which
// rounds differently from Python's own timedelta.
func (c *call) scaled(op func(b *value.Budget, x, y any) (any, error), ts, n int) (any, error) {
	v, err := op(c.ev.budget, int64(c.span(ts)), c.args[n])
	if err != nil {
		return nil, err
	}
	return spanOfMicros(v)
}

// spanOfMicros is timedelta(microseconds=v).
func spanOfMicros(v any) (any, error) {
	switch v := v.(type) {
	case int64:
		return value.TimeSpan(v), nil
	case *big.Int:
		return nil, value.OverflowErrorf("days=%s; must have magnitude <= 999999999", new(big.Int).Quo(v, big.NewInt(86400_000_000)))
	case float64:
		switch {
		case math.IsNaN(v):
			return nil, value.ValueErrorf("cannot convert float NaN to integer")
		case math.IsInf(v, 0):
			return nil, value.OverflowErrorf("cannot convert float infinity to integer")
		case math.Abs(v) >= 1<<63:
			return nil, value.OverflowErrorf("date value out of range")
		}
		return value.TimeSpan(math.RoundToEven(v)), nil
	}
	return nil, value.TypeErrorf("unsupported type for timedelta microseconds component: %s", typeName(v))
}

// asUTC reads a naive datetime as UTC.
func asUTC(v any) any {
	if d, ok := v.(value.DateTime); ok && d.Naive {
		return value.DateTime{Time: d.Time}
	}
	return v
}

// fields gives int arguments for datetime(); what does not fit in a C int is
// an error.
func (c *call) field(i int) (int64, error) {
	n := c.small(i)
	switch {
	case n > math.MaxInt32:
		return 0, value.OverflowErrorf("signed integer is greater than maximum")
	case n < math.MinInt32:
		return 0, value.OverflowErrorf("signed integer is less than minimum")
	}
	return int64(n), nil
}

func buildDateTime(c *call) (any, error) {
	var f [7]int64
	for i := range f {
		var err error
		if f[i], err = c.field(i); err != nil {
			return nil, err
		}
	}
	zone, err := zoneOf(c.span(7))
	if err != nil {
		return nil, err
	}
	return value.MakeDateTime(f[0], f[1], f[2], f[3], f[4], f[5], f[6], zone)
}

// zoneOf is the zone of an offset, which must be shorter than a day.
func zoneOf(offset value.TimeSpan) (*time.Location, error) {
	if offset <= -value.Day || offset >= value.Day {
		return nil, value.ValueErrorf("offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24).")
	}
	return value.FixedZone(offset), nil
}

func dateTimeFromTimestamp(c *call) (any, error) {
	f, err := value.ToFloat(c.args[0])
	if err != nil {
		return nil, err
	}
	if math.IsNaN(f) {
		return nil, value.ValueErrorf("cannot convert float NaN to integer")
	}
	if math.Abs(f) > 1e15 {
		return nil, value.OverflowErrorf("timestamp out of range for platform time_t")
	}
	zone, err := zoneOf(c.span(1))
	if err != nil {
		return nil, err
	}
	sec := math.Floor(f)
	micro := int64(math.RoundToEven((f - sec) * 1e6))
	t := time.Unix(int64(sec), 0).Add(time.Duration(micro) * time.Microsecond).In(zone)
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return nil, value.ValueErrorf("year %d is out of range", y)
	}
	return value.DateTime{Time: t}, nil
}

func dateTimeFromString(c *call) (any, error) {
	if err := c.ev.steps(len(c.str(0)) + len(c.str(1))); err != nil {
		return nil, err
	}
	if c.str(1) == "" {
		var today time.Time
		if c.ev.eng.opts.Now != nil {
			today = c.ev.eng.opts.Now()
		}
		d, err := parseDate(c.str(0), today)
		return asUTC(d), err
	}
	d, err := strptime(c.str(0), c.str(1))
	return asUTC(d), err
}

func buildTimespan(c *call) (any, error) {
	sum := new(big.Int)
	for i, unit := range []value.TimeSpan{value.Day, value.Hour, value.Minute, value.Second, value.Millisecond, value.Microsecond} {
		var n *big.Int
		switch v := c.args[i].(type) {
		case *big.Int:
			n = v
		default:
			n = big.NewInt(int64(clampInt(v)))
		}
		sum.Add(sum, new(big.Int).Mul(n, big.NewInt(int64(unit))))
	}
	if !sum.IsInt64() {
		days := new(big.Int).Div(sum, big.NewInt(int64(value.Day)))
		if days.IsInt64() && days.Int64() <= math.MaxInt32 && days.Int64() >= math.MinInt32 {
			return nil, value.OverflowErrorf("days=%s; must have magnitude <= 999999999", days)
		}
		return nil, value.OverflowErrorf("Python int too large to convert to C int")
	}
	return value.TimeSpan(sum.Int64()), nil
}

func now(c *call) (any, error) {
	if c.ev.eng.opts.Now == nil {
		return nil, value.Errorf("NotImplementedError", "the time is not available here")
	}
	t := c.ev.eng.opts.Now()
	if c.args[0] == nil {
		return value.NewNaive(t), nil
	}
	zone, err := zoneOf(c.span(0))
	if err != nil {
		return nil, err
	}
	return value.NewDateTime(t.In(zone)), nil
}

func addDateProperties(l *library) {
	prop := func(name, typ string, f func(d value.DateTime) (any, error)) {
		l.add("#property#"+name, asFunction, "obj: "+typ, func(c *call) (any, error) { return f(c.date(0)) })
	}
	field := func(name string, f func(t time.Time) int) {
		prop(name, "datetime", func(d value.DateTime) (any, error) { return int64(f(d.Time)), nil })
	}
	field("year", time.Time.Year)
	field("month", func(t time.Time) int { return int(t.Month()) })
	field("day", time.Time.Day)
	field("hour", time.Time.Hour)
	field("minute", time.Time.Minute)
	field("second", time.Time.Second)
	field("microsecond", func(t time.Time) int { return t.Nanosecond() / 1000 })
	field("weekday", func(t time.Time) int { return (int(t.Weekday()) + 6) % 7 })
	prop("offset", "datetime", func(d value.DateTime) (any, error) { return d.Offset(), nil })
	// The original subtracts the offset from the wall clock and keeps the zone,
	// so times outside UTC come out wrong by their offset. Kept.
	prop("timestamp", "datetime", func(d value.DateTime) (any, error) {
		if d.Naive {
			return nil, value.TypeErrorf("unsupported operand type(s) for -: 'datetime.datetime' and 'NoneType'")
		}
		shifted, err := d.Shift(-d.Offset())
		return shifted.Timestamp(), err
	})
	prop("date", "DateTime", func(d value.DateTime) (any, error) { return midnight(d), nil })
	prop("time", "DateTime", func(d value.DateTime) (any, error) { return d.Minus(midnight(d)) })
	prop("utc", "DateTime", func(d value.DateTime) (any, error) { return d.Shift(-d.Offset()) })
	for _, u := range []struct {
		name string
		unit float64
	}{{"milliseconds", 1e3}, {"seconds", 1e6}, {"minutes", 6e7}, {"hours", 3.6e9}, {"days", 8.64e10}} {
		l.add("#property#"+u.name, asFunction, "obj: timespan", func(c *call) (any, error) {
			return float64(c.span(0)) / u.unit, nil
		})
	}
	l.add("#property#microseconds", asFunction, "obj: timespan", func(c *call) (any, error) { return int64(c.span(0)), nil })
}

func midnight(d value.DateTime) value.DateTime {
	y, m, day := d.Time.Date()
	return value.DateTime{Time: time.Date(y, m, day, 0, 0, 0, 0, d.Time.Location())}
}

func replaceDate(c *call) (any, error) {
	d := c.date(0)
	t := d.Time
	f := [7]int64{int64(t.Year()), int64(t.Month()), int64(t.Day()), int64(t.Hour()), int64(t.Minute()), int64(t.Second()), int64(t.Nanosecond() / 1000)}
	for i := range f {
		if c.args[i+1] == nil {
			continue
		}
		var err error
		if f[i], err = c.field(i + 1); err != nil {
			return nil, err
		}
	}
	zone := t.Location()
	if c.args[8] != nil {
		var err error
		if zone, err = zoneOf(c.span(8)); err != nil {
			return nil, err
		}
	}
	return value.MakeDateTime(f[0], f[1], f[2], f[3], f[4], f[5], f[6], zone)
}
