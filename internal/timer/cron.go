package timer

import (
	"math/bits"
	"time"
)

// cron is due whenever the clock of its zone shows a matching time.
type cron struct {
	years   expression
	days    *[yearTypes]yearDays
	hours   uint64 // the times of a day are the product of these three sets
	minutes uint64
	seconds uint64
	loc     *time.Location
	change  clockChange
	// since is when the timer was made, in Unix seconds: only what later changes
	// of the clock leave out is made up for.
	since int64
}

// clockChange decides what a schedule does where the clock is changed.
type clockChange interface {
	// skipped returns the instant at which to make up for times that the clock
	// leaves out when it jumps from one wall to another at a Unix time.
	skipped(c *cron, at int64, from, to wall) (int64, bool)
	// repeats reports whether times that the clock shows twice are due twice.
	repeats() bool
}

const secondsPerDay = 24 * 60 * 60

// nextWall returns the first matching wall from w on.
func (c *cron) nextWall(w wall) (wall, bool) {
	w = max(w, 0) // years start with 1970
	if w > maxWall {
		return 0, false
	}
	t := time.Unix(w, 0).UTC()
	year, n := t.Year(), t.YearDay()-1
	start := w - w%secondsPerDay
	if c.dayMatches(year, n) {
		if s, ok := c.nextTime(int(w % secondsPerDay)); ok {
			return start + int64(s), true
		}
	}
	year, n, ok := c.nextDay(year, n+1)
	if !ok {
		return 0, false
	}
	s, ok := c.nextTime(0)
	return int64(daysBefore(year)+n)*secondsPerDay + int64(s), ok
}

func (c *cron) dayMatches(year, n int) bool {
	return c.years.matches(int64(year)) && c.days[yearType(year)][n/64]>>(n%64)&1 == 1
}

// nextDay returns the first matching day from day n of a year on. At most
// every year is looked at once.
func (c *cron) nextDay(year, n int) (int, int, bool) {
	for {
		y, ok := c.years.next(int64(year))
		if !ok {
			return 0, 0, false
		}
		if int(y) > year {
			year, n = int(y), 0
		}
		if n = c.days[yearType(year)].next(n); n >= 0 {
			return year, n, true
		}
		year, n = year+1, 0
	}
}

// nextTime returns the first matching second of a day from second s on.
func (c *cron) nextTime(s int) (int, bool) {
	h, m, sec := s/3600, s/60%60, s%60
	if c.hours>>h&1 == 1 {
		if c.minutes>>m&1 == 1 {
			if n, ok := nextBit(c.seconds, sec); ok {
				return h*3600 + m*60 + n, true
			}
		}
		if n, ok := nextBit(c.minutes, m+1); ok {
			return h*3600 + n*60 + bits.TrailingZeros64(c.seconds), true
		}
	}
	if n, ok := nextBit(c.hours, h+1); ok {
		return n*3600 + bits.TrailingZeros64(c.minutes)*60 + bits.TrailingZeros64(c.seconds), true
	}
	return 0, false
}

func nextBit(set uint64, from int) (int, bool) {
	n := bits.TrailingZeros64(set >> from << from)
	return n, n < 64
}

// margin is more than clocks are ever set forward or back (a day in Samoa).
const margin = 2 * secondsPerDay

// next walks from one change of the clock to the next, because between two of
// them wall and instant differ by a constant.
func (c *cron) next(after time.Time) (time.Time, bool) {
	t := after.Unix() + 1 // fires are at whole seconds
	for {
		begin, end, offset := stretch(t, c.loc)
		w, ok := c.nextWall(t + offset)
		if !ok && t+offset > maxWall {
			return time.Time{}, false
		}
		due, found := w-offset, ok && (end == noEnd || w-offset < end)
		if found && !c.change.repeats() {
			due, found = c.unrepeated(due, begin, end, offset)
		}
		if made, ok := c.madeUp(t, begin, offset); ok && (!found || made < due) {
			due, found = made, true
		}
		switch {
		case found:
			return time.Unix(due, 0), true
		case end == noEnd:
			return time.Time{}, false
		case !ok && t+offset+margin < end+offset:
			// Nothing can come but a repetition right at the end of the calendar.
			return time.Time{}, false
		case ok && t+margin < end && w-offset-margin > end:
			// Nothing is due for long, so the changes on the way do not matter.
			t = w - offset - margin
		default:
			t = end
		}
	}
}

// unrepeated returns the first matching instant from due on, within a stretch,
// that the clock has not shown in the stretch before.
func (c *cron) unrepeated(due, begin, end, offset int64) (int64, bool) {
	if begin == noBegin {
		return due, true
	}
	before := offsetAt(begin-1, c.loc)
	if due+offset >= begin+before {
		return due, true
	}
	w, ok := c.nextWall(begin + before)
	return w - offset, ok && (end == noEnd || w-offset < end)
}

// madeUp returns when, from instant t on, the schedule makes up for what the
// change that began t's stretch left out.
func (c *cron) madeUp(t, begin, offset int64) (int64, bool) {
	if begin == noBegin || begin <= c.since {
		return 0, false
	}
	before := offsetAt(begin-1, c.loc)
	if before >= offset || t > begin+offset-before {
		return 0, false
	}
	made, ok := c.change.skipped(c, begin, begin+before, begin+offset)
	return made, ok && made >= t
}

// The bounds of a stretch that has none.
const (
	noBegin = -1 << 62
	noEnd   = 1 << 62
)

// stretch returns the span of instants around t in which the zone's offset
// stays the same, and that offset.
func stretch(t int64, loc *time.Location) (begin, end, offset int64) {
	at := time.Unix(t, 0).In(loc)
	_, o := at.Zone()
	from, to := at.ZoneBounds()
	begin, end = noBegin, noEnd
	if !from.IsZero() {
		begin = from.Unix()
	}
	if !to.IsZero() {
		end = to.Unix()
	}
	if end <= t {
		// Where a rule goes on for ever the time package parts it by years and
		// takes all for 365 days long: the last day of a leap year lies behind
		// the end it is given.
		end = int64(daysBefore(at.UTC().Year()+1)) * secondsPerDay
	}
	return begin, end, int64(o)
}

// apscheduler treats changes of the clock as APScheduler 3.11 does.
type apscheduler struct{ month, day expression }

// repeats: what the clock shows twice is due twice.
func (apscheduler) repeats() bool { return true }

// skipped makes up for the first time left out, at the instant it would have
// had without the change, if the field that leads into the gap does not also
// match right before it: {hour: 2} comes at 03:00 when 02:00 does not exist,
// while {hour: "*"} comes at 03:00 anyway. Where the clock changes at midnight
// the leading field is that of the day, so {hour: 0} has none on such a day
// (st2: the search steps over the gap) and {day: 1} has.
func (a apscheduler) skipped(c *cron, at int64, from, to wall) (int64, bool) {
	w, ok := c.nextWall(from)
	if !ok || w >= to {
		return 0, false
	}
	before, first := time.Unix(from-1, 0).UTC(), time.Unix(w, 0).UTC()
	var led bool // the leading field matches before the gap
	switch {
	case before.Year() != first.Year():
		led = c.years.matches(int64(before.Year()))
	case before.Month() != first.Month():
		led = a.month.matches(int64(before.Month()))
	case before.Day() != first.Day():
		days := time.Date(before.Year(), before.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
		led = a.day.matchesDay(before.Day(), days, (int(before.Weekday())+6)%7)
	case before.Hour() != first.Hour():
		led = c.hours>>before.Hour()&1 == 1
	case before.Minute() != first.Minute():
		led = c.minutes>>before.Minute()&1 == 1
	default:
		led = c.seconds>>before.Second()&1 == 1
	}
	return at + w - from, !led
}

// newCron compiles the fields of an APScheduler cron timer; nil fields are
// left out. The first bad field in APScheduler's order is reported.
func newCron(given [fieldCount]*string, loc *time.Location, now time.Time) (*cron, error) {
	least := fieldID(-1) // the least significant field given
	for id, text := range given {
		if text != nil {
			least = fieldID(id)
		}
	}
	var parsed [fieldCount]expression
	for id, text := range given {
		source := "*"
		switch {
		case text != nil:
			source = *text
		case least >= 0 && fieldID(id) > least:
			source = fields[id].without
		}
		e, err := parseField(fieldID(id), source)
		if err != nil {
			return nil, err
		}
		parsed[id] = e
	}
	months, weeks, weekdays := parsed[fieldMonth].bits(), parsed[fieldWeek].bits(), parsed[fieldDayOfWeek].bits()
	days := calendarOf(func(d *day) bool {
		return months>>d.month&1 == 1 && weeks>>d.week&1 == 1 && weekdays>>d.weekday&1 == 1 &&
			parsed[fieldDay].matchesDay(int(d.day), int(d.days), int(d.weekday))
	})
	return &cron{
		years: parsed[fieldYear], days: days, hours: parsed[fieldHour].bits(), minutes: parsed[fieldMinute].bits(),
		seconds: parsed[fieldSecond].bits(), loc: loc, change: apscheduler{month: parsed[fieldMonth], day: parsed[fieldDay]},
		since: now.Add(time.Second - 1).Unix(),
	}, nil
}
