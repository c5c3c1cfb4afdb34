package driver

import (
	"strings"
	"time"

	"squall/internal/squall"
)

// CheckEvent refuses an event that cannot be stored and fills what a new one
// may leave out: trace, state and time.
func CheckEvent(ev *squall.Event, now time.Time) error {
	if ev.Trace == "" {
		ev.Trace = ev.ID
	}
	if ev.Status == "" {
		ev.Status = squall.EventPending
	}
	if ev.OccurredAt.IsZero() {
		ev.OccurredAt = now
	}
	switch {
	case !ev.ID.Valid(), !ev.Trace.Valid(), ev.Cause != "" && !ev.Cause.Valid():
		return squall.Errorf(squall.Invalid, "event %q: an identifier has 24 hexadecimal digits in lower case", ev.ID)
	case !ev.Status.Known():
		return squall.Errorf(squall.Invalid, "%q is not a state of an event", ev.Status)
	}
	return CheckText(ev.Trigger.Pack, ev.Trigger.Name, ev.Type.Pack, ev.Type.Name, ev.Key, ev.TraceTag)
}

// CheckEnforcement refuses an enforcement that cannot be stored and fills its time.
func CheckEnforcement(e *squall.Enforcement, now time.Time) error {
	if !e.ID.Valid() || !e.Event.Valid() || e.Execution != "" && !e.Execution.Valid() {
		return squall.Errorf(squall.Invalid, "enforcement %q: an identifier has 24 hexadecimal digits in lower case", e.ID)
	}
	if e.At.IsZero() {
		e.At = now
	}
	if CheckText(e.Failure) != nil {
		e.Failure = replaceBad(e.Failure)
	}
	return CheckText(e.Rule)
}

// EventSlack is how much later than the clock of the node that stored it an event
// may say that it happened.
const EventSlack = time.Hour

// DefaultTrace returns the trace that a name stands for which nobody gave.
func DefaultTrace(tag string) (squall.ID, bool) {
	text, ok := strings.CutPrefix(tag, "trigger_instance-")
	id := squall.ID(text)
	return id, ok && id.Valid()
}

// CheckFire refuses what cannot be a record of a timer.
func CheckFire(ref string, nominal time.Time) error {
	if nominal.IsZero() {
		return squall.Errorf(squall.Invalid, "timer %s: the instant is missing", ref)
	}
	return CheckText(ref)
}
