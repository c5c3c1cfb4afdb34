package squall

import (
	"encoding/json"
	"slices"
	"time"
)

// EventStatus is how far an event has come, in StackStorm's words.
type EventStatus string

// The states of an event.
const (
	EventPending   EventStatus = "pending"           // accepted; no rule has seen it yet
	EventProcessed EventStatus = "processed"         // every rule that listens was asked
	EventFailed    EventStatus = "processing_failed" // its trigger is gone, or it cannot be read
)

// EventStatuses lists the states.
var EventStatuses = []EventStatus{EventPending, EventProcessed, EventFailed}

// Known reports whether s is one of EventStatuses.
func (s EventStatus) Known() bool { return slices.Contains(EventStatuses, s) }

// Event is something that happened: StackStorm calls it a trigger instance.
type Event struct {
	ID ID
	// Trigger is what fired; Type is its trigger type. They are the same for
	// triggers without parameters.
	Trigger Ref
	Type    Ref
	Payload json.RawMessage // a JSON value; nil: none
	// OccurredAt is when it happened, as its source says.
	OccurredAt time.Time
	Status     EventStatus
	// Key makes an event that is told of several times one event; empty: each is new.
	Key string
	// Trace names the trace it belongs to; TraceTag is the name people gave it.
	Trace    ID
	TraceTag string
	// Cause is the execution whose end or doing this event tells of; empty: none.
	Cause ID
}

// DefaultTraceTag is the name of a trace that nobody gave one (st2).
func (e *Event) DefaultTraceTag() string { return "trigger_instance-" + string(e.Trace) }

// Enforcement is what a rule made of an event: one for every rule that
// matched, and one for every failure that kept a rule from being matched.
type Enforcement struct {
	ID    ID
	Event ID
	Rule  string // its reference
	// Number tells apart what one rule and one event have: 0 is the outcome of a
	// match, higher ones are failures to match.
	Number    int
	Execution ID     // empty when none was started
	Failure   string // why not; empty: there is an execution, or the rule held back
	At        time.Time
}

// Trace is a chain of events, rules and executions that follow from each other.
type Trace struct {
	ID  ID
	Tag string
	At  time.Time
}
