package timer

import (
	"time"
)

// interval is due at first and then every step seconds for ever, measured in
// elapsed time.
type interval struct {
	first time.Time
	step  int64 // seconds, positive
	loc   *time.Location
}

// unitSeconds are the units of an interval.
var unitSeconds = map[string]int64{"weeks": 7 * 24 * 3600, "days": 24 * 3600, "hours": 3600, "minutes": 60, "seconds": 1}

// maxSpan is the longest span StackStorm can hold: 999,999,999 days.
const maxSpan = 999_999_999 * 24 * 3600

// newInterval counts from now. The first addition is made on the local clock,
// all others in elapsed time (APScheduler 3.11): one day after Saturday 23:30
// is Sunday 23:30 also when the clock changes that night. A delta of 0 means
// one second (st2).
func newInterval(delta int64, unit string, now time.Time, loc *time.Location) (interval, error) {
	if delta < 0 {
		return interval{}, invalid("%d is less than the minimum of 0", delta)
	}
	if delta > maxSpan/unitSeconds[unit] {
		return interval{}, &Error{Class: "OverflowError", Message: "Python int too large to convert to C int"}
	}
	step := max(delta*unitSeconds[unit], 1)
	w := wallOf(now, loc) + step
	if w > maxWall {
		return interval{}, &Error{Class: "OverflowError", Message: "date value out of range"}
	}
	first := time.Unix(instantOf(w, loc), int64(now.Nanosecond()))
	// Counting on the clock can lead back when it goes back.
	if first.Before(now) {
		first = later(first, (now.Unix()-first.Unix()+step-1)/step*step)
	}
	return interval{first: first, step: step, loc: loc}, nil
}

func (p interval) next(after time.Time) (time.Time, bool) {
	t := p.first
	if !after.Before(t) {
		n := (after.Unix()-t.Unix())/p.step + 1
		// Less than a second can still lie between after and the time before.
		if before := later(t, (n-1)*p.step); before.After(after) {
			n--
		}
		t = later(t, n*p.step)
	}
	return t, wallOf(t, p.loc) <= maxWall
}

// later adds seconds, more than a time.Duration can hold.
func later(t time.Time, seconds int64) time.Time {
	return time.Unix(t.Unix()+seconds, int64(t.Nanosecond()))
}

// date is due once.
type date time.Time

func (d date) next(after time.Time) (time.Time, bool) {
	t := time.Time(d)
	return t, t.After(after)
}
