package timer

import (
	"sort"
	"time"
)

// Kind is a type of timer.
type Kind uint8

// The kinds StackStorm has.
const (
	Interval Kind = iota + 1
	Date
	Cron
)

// KindOf returns the kind that a trigger type's reference names, such as
// core.st2.CronTimer; false for all other trigger types.
func KindOf(triggerType string) (Kind, bool) {
	switch triggerType {
	case "core.st2.IntervalTimer":
		return Interval, true
	case "core.st2.DateTimer":
		return Date, true
	case "core.st2.CronTimer":
		return Cron, true
	}
	return 0, false
}

// Spec is a schedule that is ready to be asked. It does not change and may be
// shared. The zero Spec is never due.
type Spec struct {
	plan      plan
	zone      *time.Location
	notBefore time.Time // zero: no limit
	notAfter  time.Time // zero: no limit
	exclude   []Exclusion
}

// plan is what the kinds differ in: the first instant strictly after another.
type plan interface {
	next(after time.Time) (time.Time, bool)
}

// At is where and when a timer is created.
type At struct {
	// Now is the instant of creation. Intervals are counted from it, and what a
	// date leaves out is taken from its day.
	Now time.Time
	// Zone is that of timers which name none; nil means UTC.
	Zone *time.Location
}

func (a At) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

// Zone returns the zone the schedule is read in, UTC for the zero Spec.
func (s Spec) Zone() *time.Location {
	if s.zone == nil {
		return time.UTC
	}
	return s.zone
}

// Between returns the schedule limited to instants from one to another, both
// included. A zero time sets no limit.
func (s Spec) Between(from, to time.Time) Spec {
	s.notBefore, s.notAfter = from, to
	return s
}

// Except returns the schedule without the instants that one of the exclusions
// covers, in addition to those it had.
func (s Spec) Except(ex ...Exclusion) Spec {
	s.exclude = append(s.exclude[:len(s.exclude):len(s.exclude)], ex...)
	return s
}

// maxExclusions bounds how many exclusions one Next leaves behind it: a
// schedule that is due only when it is excluded ends here.
const maxExclusions = 10_000

// Next returns the first instant strictly after the given one at which the
// schedule is due, in the schedule's zone; false when there is none. A timer
// that may fire at the very instant of its creation asks for Next of the
// nanosecond before (st2: the first fire may be the start itself).
func (s Spec) Next(after time.Time) (time.Time, bool) {
	if s.plan == nil {
		return time.Time{}, false
	}
	if !s.notBefore.IsZero() && after.Before(s.notBefore) {
		after = s.notBefore.Add(-1)
	}
	for range maxExclusions {
		t, ok := s.plan.next(after)
		if !ok || !s.notAfter.IsZero() && t.After(s.notAfter) {
			return time.Time{}, false
		}
		end, excluded := s.excluded(t)
		if !excluded {
			return t.In(s.Zone()), true
		}
		after = end.Add(-1)
	}
	return time.Time{}, false
}

// excluded reports whether an exclusion covers t, and until when.
func (s Spec) excluded(t time.Time) (end time.Time, yes bool) {
	for i := range s.exclude {
		if until, ok := s.exclude[i].covers(t); ok && until.After(end) {
			end, yes = until, true
		}
	}
	return end, yes
}

// Last returns the latest due instant that is not before since and not after
// until; false when there is none. It takes a few dozen calls of Next however
// many instants lie between.
func (s Spec) Last(since, until time.Time) (time.Time, bool) {
	due := func(from time.Time) bool { // is there one in [from, until]?
		t, ok := s.Next(from.Add(-1))
		return ok && !t.After(until)
	}
	if until.Before(since) || !due(since) {
		return time.Time{}, false
	}
	// Whole seconds before until at which the answer changes from no to yes.
	n := sort.Search(int(min(until.Unix()-since.Unix(), 1<<40))+1, func(n int) bool {
		return due(time.Unix(until.Unix()-int64(n), 0))
	})
	from := time.Unix(until.Unix()-int64(n), 0)
	if from.Before(since) {
		from = since
	}
	last, ok := s.Next(from.Add(-1))
	return last, ok && !last.After(until)
}
