package timer

import "time"

// Missed says what becomes of due instants that nobody fired, because no node
// was running or the database was away.
type Missed string

// The policies. The zero value is MissedSkip, which is what StackStorm does: a
// time that passed while the timers engine was down is gone.
const (
	MissedSkip Missed = "skip" // forget them
	MissedLast Missed = "last" // fire the latest one for all, unless one is due in time
	MissedAll  Missed = "all"  // fire each, oldest first
)

// CatchUp is how a schedule makes up for time it was not looked at.
type CatchUp struct {
	Policy Missed
	// Grace is how late an instant may be and still count as in time; instants
	// within it are fired under every policy.
	Grace time.Duration
	// Window is how far back MissedLast and MissedAll look; 0 means to the last
	// instant that was fired.
	Window time.Duration
	// Max bounds how many instants one decision fires; 0 means 1000. Those
	// beyond it come with the next decision, none is lost.
	Max int
}

// Due is what to fire now.
type Due struct {
	Fire []time.Time // nominal instants, oldest first
	// Seen is the instant up to which everything is decided: what fired last
	// for the next decision.
	Seen time.Time
	// Next is when to look again; the zero time: never.
	Next time.Time
}

// Decide returns what a schedule has to fire at now, given the instant up to
// which all was decided before. The same arguments give the same answer, so
// two nodes that decide at once name the same instants. A last before the
// schedule's own beginning is no harm.
func (c CatchUp) Decide(s Spec, last, now time.Time) Due {
	limit := c.Max
	if limit <= 0 {
		limit = 1000
	}
	from := last
	inTime := now.Add(-c.Grace - 1) // instants after this are in time
	switch c.Policy {
	case MissedLast, MissedAll:
		if c.Window > 0 {
			from = maxTime(from, now.Add(-c.Window-1))
		}
		if c.Policy == MissedAll {
			break
		}
		if latest, ok := s.Last(from.Add(1), now); ok && !latest.After(inTime) {
			from = latest.Add(-1)
		} else {
			from = maxTime(from, inTime)
		}
	default:
		from = maxTime(from, inTime)
	}
	due := Due{Seen: last}
	for {
		t, ok := s.Next(from)
		switch {
		case !ok:
			due.Seen = maxTime(due.Seen, now)
			return due
		case t.After(now):
			due.Seen, due.Next = maxTime(due.Seen, now), t
			return due
		case len(due.Fire) == limit:
			due.Next = t // in the past: at once
			return due
		}
		due.Fire = append(due.Fire, t)
		due.Seen, from = t, t
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
