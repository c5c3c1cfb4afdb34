package timer

import (
	"slices"
	"time"
)

// Exclusion is a time in which a schedule is not due: a holiday, a maintenance
// window, every night. All conditions that are given must hold; the zero
// Exclusion excludes nothing.
type Exclusion struct {
	Name string // for messages

	// From and To limit the exclusion to [From, To). A zero time sets no limit.
	From, To time.Time

	// Days and Weekdays name the days on which it applies. If both are given a
	// day needs to be in one of them.
	Days     []Day
	Weekdays []time.Weekday

	// Start and End are local times of day, from Start up to but not including
	// End; both zero: the whole day. An End at or before Start is on the next
	// day, and the window belongs to the day on which it starts.
	Start, End time.Duration

	// Zone is where days and times of day are read; nil means UTC.
	Zone *time.Location
}

// Day is a date; Year 0 means every year.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// Covers reports whether the exclusion holds at an instant.
func (e *Exclusion) Covers(t time.Time) bool {
	_, yes := e.covers(t)
	return yes
}

// covers also returns the first instant after t at which the exclusion may no
// longer hold; it is always later than t.
func (e *Exclusion) covers(t time.Time) (end time.Time, yes bool) {
	if !e.From.IsZero() && t.Before(e.From) || !e.To.IsZero() && !t.Before(e.To) {
		return time.Time{}, false
	}
	switch {
	case len(e.Days) > 0 || len(e.Weekdays) > 0 || e.Start != 0 || e.End != 0:
		if end, yes = e.window(t); !yes {
			return time.Time{}, false
		}
		if !e.To.IsZero() && e.To.Before(end) {
			end = e.To
		}
		return end, true
	case !e.To.IsZero():
		return e.To, true
	case !e.From.IsZero():
		return time.Unix(maxWall+margin, 0), true // for ever
	}
	return time.Time{}, false
}

// window looks for the day whose window holds t: its own or the one before.
func (e *Exclusion) window(t time.Time) (end time.Time, yes bool) {
	loc := e.Zone
	if loc == nil {
		loc = time.UTC
	}
	w := wallOf(t, loc)
	today := w - (w%secondsPerDay+secondsPerDay)%secondsPerDay
	start, length := int64(e.Start/time.Second), int64((e.End-e.Start)/time.Second)
	if length <= 0 {
		length += secondsPerDay
	}
	for _, d := range []wall{today, today - secondsPerDay} {
		from, to := d+start, d+start+length
		if w < from || w >= to || !e.applies(time.Unix(d, 0).UTC()) {
			continue
		}
		until := instantOf(to, loc)
		if until <= t.Unix() { // the clock shows the window's end twice, and this is in between
			until = t.Unix() + to - w
		}
		return time.Unix(until, 0), true
	}
	return time.Time{}, false
}

func (e *Exclusion) applies(day time.Time) bool {
	if len(e.Days) == 0 && len(e.Weekdays) == 0 {
		return true
	}
	return slices.Contains(e.Weekdays, day.Weekday()) || slices.ContainsFunc(e.Days, func(d Day) bool {
		return d.Month == day.Month() && d.Day == day.Day() && (d.Year == 0 || d.Year == day.Year())
	})
}
