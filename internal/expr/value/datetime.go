package value

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/big"
	"time"
)

// DateTime is Python's datetime. A naive one has no time zone; its Time is kept
// in UTC. Precision is microseconds, years run from 1 to 9999.
type DateTime struct {
	Time  time.Time
	Naive bool
}

// Date is Python's date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// TimeSpan is Python's timedelta in microseconds. Python's own range is about
// ten times wider than int64 allows; spans beyond 292,000 years overflow.
type TimeSpan int64

// Units of TimeSpan.
const (
	Microsecond TimeSpan = 1
	Millisecond          = 1000 * Microsecond
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
	Week                 = 7 * Day
)

// NewDateTime makes a DateTime with microsecond precision, the zone being t's.
func NewDateTime(t time.Time) DateTime { return DateTime{Time: t.Truncate(time.Microsecond)} }

// NewNaive makes a naive DateTime of t's wall clock reading.
func NewNaive(t time.Time) DateTime {
	y, m, d := t.Date()
	return DateTime{
		Time:  time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1000*1000, time.UTC),
		Naive: true,
	}
}

// MakeDateTime checks the fields as datetime(...) does; zone nil means naive.
func MakeDateTime(year, month, day, hour, minute, second, micro int64, zone *time.Location) (DateTime, error) {
	if err := checkDate(year, month, day); err != nil {
		return DateTime{}, err
	}
	switch {
	case hour < 0 || hour > 23:
		return DateTime{}, ValueErrorf("hour must be in 0..23")
	case minute < 0 || minute > 59:
		return DateTime{}, ValueErrorf("minute must be in 0..59")
	case second < 0 || second > 59:
		return DateTime{}, ValueErrorf("second must be in 0..59")
	case micro < 0 || micro > 999999:
		return DateTime{}, ValueErrorf("microsecond must be in 0..999999")
	}
	naive := zone == nil
	if naive {
		zone = time.UTC
	}
	t := time.Date(int(year), time.Month(month), int(day), int(hour), int(minute), int(second), int(micro)*1000, zone)
	return DateTime{Time: t, Naive: naive}, nil
}

// MakeDate checks the fields as date(...) does.
func MakeDate(year, month, day int64) (Date, error) {
	if err := checkDate(year, month, day); err != nil {
		return Date{}, err
	}
	return Date{int(year), time.Month(month), int(day)}, nil
}

func checkDate(year, month, day int64) error {
	if year < 1 || year > 9999 {
		return ValueErrorf("year %d is out of range", year)
	}
	if month < 1 || month > 12 {
		return ValueErrorf("month must be in 1..12")
	}
	if day < 1 || day > int64(daysIn(int(year), time.Month(month))) {
		return ValueErrorf("day is out of range for month")
	}
	return nil
}

func daysIn(year int, m time.Month) int { return time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// String returns str(d), such as "2015-01-02 00:00:00+00:00".
func (d DateTime) String() string { return d.isoformat(" ", "auto") }

func (d DateTime) isoformat(sep, spec string) string {
	t := d.Time
	s := fmt.Sprintf("%04d-%02d-%02d%s", t.Year(), t.Month(), t.Day(), sep)
	micro := t.Nanosecond() / 1000
	if spec == "auto" {
		spec = "seconds"
		if micro != 0 {
			spec = "microseconds"
		}
	}
	switch spec {
	case "hours":
		s += fmt.Sprintf("%02d", t.Hour())
	case "minutes":
		s += fmt.Sprintf("%02d:%02d", t.Hour(), t.Minute())
	case "seconds":
		s += fmt.Sprintf("%02d:%02d:%02d", t.Hour(), t.Minute(), t.Second())
	case "milliseconds":
		s += fmt.Sprintf("%02d:%02d:%02d.%03d", t.Hour(), t.Minute(), t.Second(), micro/1000)
	default:
		s += fmt.Sprintf("%02d:%02d:%02d.%06d", t.Hour(), t.Minute(), t.Second(), micro)
	}
	if d.Naive {
		return s
	}
	return s + offsetText(d.Offset(), ":")
}

// offsetText writes a UTC offset as +HH:MM[:SS[.ffffff]].
func offsetText(off TimeSpan, sep string) string {
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	s := fmt.Sprintf("%c%02d%s%02d", sign, off/Hour, sep, off/Minute%60)
	if sec := off / Second % 60; sec != 0 {
		s += fmt.Sprintf("%s%02d", sep, sec)
	}
	return s
}

// Offset returns the distance to UTC.
func (d DateTime) Offset() TimeSpan {
	_, sec := d.Time.Zone()
	return TimeSpan(sec) * Second
}

func (d DateTime) repr() string {
	t := d.Time
	s := fmt.Sprintf("datetime.datetime(%d, %d, %d, %d, %d", t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute())
	if micro := t.Nanosecond() / 1000; micro != 0 {
		s += fmt.Sprintf(", %d, %d", t.Second(), micro)
	} else if t.Second() != 0 {
		s += fmt.Sprintf(", %d", t.Second())
	}
	if !d.Naive {
		s += ", tzinfo=" + ZoneOf(d).reprText()
	}
	return s + ")"
}

func (d DateTime) hash() uint64 {
	return maphash.Comparable(hashSeed, [2]int64{d.Time.UnixMicro(), 1})
}

// Date returns the date part.
func (d DateTime) Date() Date {
	y, m, day := d.Time.Date()
	return Date{y, m, day}
}

// Timestamp returns seconds since the epoch; a naive value is read as UTC.
func (d DateTime) Timestamp() float64 {
	u := d.Time.UnixMicro()
	return float64(u/1e6) + float64(u%1e6)/1e6
}

// Shift returns d + s on the wall clock, as Python does: the offset is kept.
func (d DateTime) Shift(s TimeSpan) (DateTime, error) {
	t := time.UnixMicro(d.Time.UnixMicro()).UTC()
	days, rest := int64(s/Day), s%Day
	if days > 4e6 || days < -4e6 {
		return DateTime{}, OverflowErrorf("date value out of range")
	}
	_, off := d.Time.Zone()
	// Wall clock arithmetic on a zone with changing offsets keeps the reading.
	wall := t.Add(time.Duration(off)*time.Second).AddDate(0, 0, int(days)).Add(time.Duration(rest) * time.Microsecond)
	if y := wall.Year(); y < 1 || y > 9999 {
		return DateTime{}, OverflowErrorf("date value out of range")
	}
	out := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), d.Time.Location())
	return DateTime{Time: out, Naive: d.Naive}, nil
}

// Minus returns d - o; naive and aware values do not mix.
func (d DateTime) Minus(o DateTime) (TimeSpan, error) {
	if d.Naive != o.Naive {
		return 0, TypeErrorf("can't subtract offset-naive and offset-aware datetimes")
	}
	return TimeSpan(d.Time.UnixMicro() - o.Time.UnixMicro()), nil
}

// String returns str(d), "2015-01-02".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

func (d Date) repr() string {
	return fmt.Sprintf("datetime.date(%d, %d, %d)", d.Year, d.Month, d.Day)
}

func (d Date) hash() uint64 { return maphash.Comparable(hashSeed, [2]int64{d.ordinal(), 2}) }

func (d Date) midnight() DateTime {
	return DateTime{Time: time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC), Naive: true}
}

// unixDay0 is the ordinal of 1970-01-01, 0001-01-01 being day 1.
const unixDay0 = 719163

func (d Date) ordinal() int64 { return d.midnight().Time.Unix()/86400 + unixDay0 }

func dateOfOrdinal(n int64) (Date, error) {
	if n < 1 || n > 3652059 {
		return Date{}, OverflowErrorf("date value out of range")
	}
	y, m, day := time.Unix((n-unixDay0)*86400, 0).UTC().Date()
	return Date{y, m, day}, nil
}

// Shift returns d plus the whole days of s.
func (d Date) Shift(s TimeSpan) (Date, error) {
	days, _, _ := s.Parts()
	return dateOfOrdinal(d.ordinal() + days)
}

// Parts splits s into days, seconds (0..86399) and microseconds (0..999999).
func (s TimeSpan) Parts() (days, seconds, micros int64) {
	n := int64(s)
	days = n / int64(Day)
	rest := n % int64(Day)
	if rest < 0 {
		days--
		rest += int64(Day)
	}
	return days, rest / 1e6, rest % 1e6
}

// String returns str(s), such as "1 day, 3:00:00".
func (s TimeSpan) String() string {
	days, sec, micro := s.Parts()
	text := fmt.Sprintf("%d:%02d:%02d", sec/3600, sec/60%60, sec%60)
	if micro != 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	switch {
	case days == 1 || days == -1:
		text = fmt.Sprintf("%d day, %s", days, text)
	case days != 0:
		text = fmt.Sprintf("%d days, %s", days, text)
	}
	return text
}

func (s TimeSpan) repr() string {
	days, sec, micro := s.Parts()
	args := ""
	for _, part := range []struct {
		name string
		n    int64
	}{{"days", days}, {"seconds", sec}, {"microseconds", micro}} {
		if part.n != 0 {
			if args != "" {
				args += ", "
			}
			args += fmt.Sprintf("%s=%d", part.name, part.n)
		}
	}
	if args == "" {
		args = "0"
	}
	return "datetime.timedelta(" + args + ")"
}

func (s TimeSpan) hash(nodes *int) (uint64, error) {
	days, sec, micro := s.Parts()
	return hashTuple(Tuple{days, sec, micro}, 0, nodes)
}

// TotalSeconds returns s in seconds.
func (s TimeSpan) TotalSeconds() float64 { return float64(s) / 1e6 }

var errSpan = OverflowErrorf("timedelta is too large")

// spanOf makes a TimeSpan of a count of microseconds.
func spanOf(micros *big.Int) (any, error) {
	if !micros.IsInt64() {
		return nil, errSpan
	}
	return TimeSpan(micros.Int64()), nil
}

// SpanFrom multiplies a number by a unit, rounding half to even microseconds.
func SpanFrom(n any, unit TimeSpan) (TimeSpan, error) {
	v, _, err := dateArith("*", unit, n)
	if err != nil {
		return 0, err
	}
	s, ok := v.(TimeSpan)
	if !ok {
		return 0, TypeErrorf("unsupported type for timedelta component: %s", TypeName(n))
	}
	return s, nil
}

// dateArith computes with dates and spans; ok is false for other operands.
func dateArith(op string, x, y any) (v any, ok bool, err error) {
	switch a := x.(type) {
	case DateTime:
		switch c := y.(type) {
		case TimeSpan:
			if op == "+" {
				v, err = a.Shift(c)
				return v, true, err
			}
			if op == "-" {
				v, err = a.Shift(-c)
				return v, true, err
			}
		case DateTime:
			if op == "-" {
				v, err = a.Minus(c)
				return v, true, err
			}
		}
	case Date:
		switch c := y.(type) {
		case TimeSpan:
			if op == "+" {
				v, err = a.Shift(c)
				return v, true, err
			}
			if op == "-" {
				v, err = a.Shift(-c)
				return v, true, err
			}
		case Date:
			if op == "-" {
				return TimeSpan(a.ordinal()-c.ordinal()) * Day, true, nil
			}
		}
	case TimeSpan:
		return spanArith(op, a, y)
	}
	if s, isSpan := y.(TimeSpan); isSpan && op == "*" {
		if _, other := x.(TimeSpan); !other {
			return spanArith(op, s, x)
		}
	}
	return nil, false, nil
}

func spanArith(op string, a TimeSpan, y any) (any, bool, error) {
	switch c := y.(type) {
	case TimeSpan:
		switch op {
		case "+":
			v, err := spanOf(new(big.Int).Add(big.NewInt(int64(a)), big.NewInt(int64(c))))
			return v, true, err
		case "-":
			v, err := spanOf(new(big.Int).Sub(big.NewInt(int64(a)), big.NewInt(int64(c))))
			return v, true, err
		case "/":
			v, err := TrueDiv(nil, int64(a), int64(c))
			return v, true, err
		case "//":
			v, err := FloorDiv(nil, int64(a), int64(c))
			return v, true, err
		case "%":
			if c == 0 {
				return nil, true, ZeroDivisionErrorf("integer modulo by zero")
			}
			return TimeSpan(floorModInt(int64(a), int64(c))), true, nil
		}
	case DateTime, Date:
		if op == "+" {
			return dateArith(op, y, a)
		}
	case int64, bool, *big.Int:
		return spanByInt(op, a, y)
	case float64:
		return spanByFloat(op, a, c)
	}
	return nil, false, nil
}

func spanByInt(op string, a TimeSpan, y any) (any, bool, error) {
	n, _ := asBig(y)
	m := big.NewInt(int64(a))
	switch op {
	case "*":
		v, err := spanOf(new(big.Int).Mul(m, n))
		return v, true, err
	case "//", "/":
		if n.Sign() == 0 {
			if op == "/" {
				return nil, true, ZeroDivisionErrorf("integer division or modulo by zero")
			}
			return nil, true, ZeroDivisionErrorf("integer division or modulo by zero")
		}
		if op == "//" {
			q, _ := floorDivMod(m, n)
			v, err := spanOf(q)
			return v, true, err
		}
		v, err := spanOf(roundRat(new(big.Rat).SetFrac(m, n)))
		return v, true, err
	}
	return nil, false, nil
}

func spanByFloat(op string, a TimeSpan, f float64) (any, bool, error) {
	if op != "*" && op != "/" {
		return nil, false, nil
	}
	if math.IsNaN(f) {
		return nil, true, ValueErrorf("cannot convert NaN to integer ratio")
	}
	if math.IsInf(f, 0) {
		return nil, true, OverflowErrorf("cannot convert Infinity to integer ratio")
	}
	r := new(big.Rat)
	r.SetFloat64(f)
	m := new(big.Rat).SetInt64(int64(a))
	if op == "*" {
		m.Mul(m, r)
	} else {
		if f == 0 {
			return nil, true, ZeroDivisionErrorf("integer division or modulo by zero")
		}
		m.Quo(m, r)
	}
	v, err := spanOf(roundRat(m))
	return v, true, err
}
