package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Events is what happened and what rules made of it. Only internal/reactor
// calls the methods that write, and lifecycle for traces.
type Events interface {
	// InsertEvent stores an event. It returns false, and stores nothing, when
	// there is one with the same non-empty Key. Zero times become Now. Error kind:
	// Invalid.
	InsertEvent(ctx context.Context, ev *squall.Event) (bool, error)
	// MoveEvent changes the state of an event that is in the state from; false:
	// it is not.
	MoveEvent(ctx context.Context, id squall.ID, from, to squall.EventStatus) (bool, error)
	// Event reads one. Error kind: NotFound.
	Event(ctx context.Context, id squall.ID) (*squall.Event, error)
	// EventByKey returns the event of a key. Error kind: NotFound.
	EventByKey(ctx context.Context, key string) (squall.ID, error)
	// FindEvents lists events, newest first.
	FindEvents(ctx context.Context, f EventFilter) ([]*squall.Event, error)
	// CountEvents counts what f finds without its Limit and Offset, no further than
	// max (0: to the end).
	CountEvents(ctx context.Context, f EventFilter, max int) (int, error)
	// PendingEvents lists events in the state pending, oldest first.
	PendingEvents(ctx context.Context, limit int) ([]*squall.Event, error)
	// DeleteEvents removes events that are not pending and occurred before t, with
	// their enforcements, at most limit; returns how many.
	DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error)

	// InsertEnforcement stores what a rule made of an event. There is one for
	// each event, rule and number: a second one is an error of kind Conflict, which
	// a run of fn that will be repeated may not see.
	InsertEnforcement(ctx context.Context, e *squall.Enforcement) error
	// Enforcement reads one. Error kind: NotFound.
	Enforcement(ctx context.Context, id squall.ID) (*squall.Enforcement, error)
	// FindEnforcements lists enforcements, newest first.
	FindEnforcements(ctx context.Context, f EnforcementFilter) ([]*squall.Enforcement, error)
	CountEnforcements(ctx context.Context, f EnforcementFilter, max int) (int, error)

	// NamedTrace returns the newest trace with that name. Error kind: NotFound.
	NamedTrace(ctx context.Context, tag string) (*squall.Trace, error)
	// PutTrace stores a trace that has a name. Those of events without one need
	// no row: their identifier is that of the event they began with.
	PutTrace(ctx context.Context, t *squall.Trace) error
	// Trace reads one, named or not. Error kind: NotFound.
	Trace(ctx context.Context, id squall.ID) (*squall.Trace, error)
	// FindTraces lists traces, newest first; of those with the name tag, or all.
	FindTraces(ctx context.Context, tag string, offset, limit int) ([]*squall.Trace, error)
	CountTraces(ctx context.Context, tag string, max int) (int, error)
	// AddToTrace notes that an execution was requested as part of a trace, not by
	// a rule.
	AddToTrace(ctx context.Context, trace, execution squall.ID) error
	// TraceOf returns the trace to which AddToTrace added the execution; "": none.
	TraceOf(ctx context.Context, execution squall.ID) (squall.ID, error)
	// TraceExecutions lists what AddToTrace added.
	TraceExecutions(ctx context.Context, trace squall.ID) ([]squall.ID, error)
}

// EventFilter selects events; zero fields do not restrict.
type EventFilter struct {
	IDs     []squall.ID // nil: any
	Type    string      // full reference
	Trigger string      // full reference; fast together with Type
	Status  squall.EventStatus
	After   time.Time // exclusive
	Before  time.Time // exclusive
	Trace   squall.ID
	Oldest  bool // oldest first
	Offset  int
	Limit   int // 0: no limit
}

// EnforcementFilter selects enforcements; zero fields do not restrict.
type EnforcementFilter struct {
	IDs       []squall.ID // nil: any
	Rule      string
	Event     squall.ID
	Execution squall.ID
	After     time.Time // exclusive
	Before    time.Time // exclusive
	Failed    *bool     // with a failure, or without
	Oldest    bool      // oldest first
	Offset    int
	Limit     int // 0: no limit
}
