package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Deliveries is what is still to be told to the world outside, and what came
// of it. Only internal/notify writes.
type Deliveries interface {
	// InsertDelivery stores a delivery; false: there is one with that key.
	InsertDelivery(ctx context.Context, d *Delivery) (bool, error)
	// ClaimDeliveries takes deliveries that are due, oldest first: they are due
	// again after lease, with an attempt more, unless somebody says what became of them.
	ClaimDeliveries(ctx context.Context, limit int, lease time.Duration) ([]*Delivery, error)
	// FinishDelivery says what became of the attempt: delivered (retry zero and
	// fault empty), given up (retry zero) or to be tried again. It returns false
	// when the attempt is not the last one.
	FinishDelivery(ctx context.Context, id squall.ID, attempt int, fault string, retry time.Time) (bool, error)
	// NextDelivery returns when the next delivery is due; zero: there is none.
	NextDelivery(ctx context.Context) (time.Time, error)
	// FindDeliveries lists deliveries, newest first; of a state, or all.
	FindDeliveries(ctx context.Context, state DeliveryState, limit int) ([]*Delivery, error)
	// TrimDeliveries removes those that ended before t, at most limit.
	TrimDeliveries(ctx context.Context, before time.Time, limit int) (int, error)

	// Cursor returns the place in the outbox that a reader of that name has got
	// to; found is false when it never began.
	Cursor(ctx context.Context, reader string) (c Cursor, found bool, err error)
	PutCursor(ctx context.Context, reader string, c Cursor) error

	// RuleState returns what a rule keeps under a key; nil: nothing, or it is over.
	RuleState(ctx context.Context, rule, key string) ([]byte, error)
	// PutRuleState keeps a document of a rule until an instant; nil removes it.
	PutRuleState(ctx context.Context, s RuleState) error
	// DueRuleStates lists documents whose instant Due has come, at most limit.
	DueRuleStates(ctx context.Context, limit int) ([]RuleState, error)
	// NextRuleState returns the first instant at which one is due; zero: none.
	NextRuleState(ctx context.Context) (time.Time, error)
	// CountRuleStates counts the documents of a rule, no further than max.
	CountRuleStates(ctx context.Context, rule string, max int) (int, error)
	// TrimRuleStates removes what is over, at most limit.
	TrimRuleStates(ctx context.Context, limit int) (int, error)
}

// RuleState is what a rule remembers of one group of events.
type RuleState struct {
	Rule, Key string
	Doc       []byte
	Until     time.Time // after it the document is gone
	Due       time.Time // when the rule wants to be asked without an event; zero: never
}

// DeliveryState says how far a delivery is.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryOpen DeliveryState = "open"
	DeliveryDone DeliveryState = "done"
	DeliveryLost DeliveryState = "lost" // given up
)

// Delivery is one message for one sink.
type Delivery struct {
	ID      squall.ID
	Key     string // makes what is told twice one delivery; empty: each is new
	Sink    string
	Group   string // deliveries of one sink and group may be told together
	State   DeliveryState
	Attempt int
	Due     time.Time
	At      time.Time // when it was written; zero: Now
	EndedAt time.Time
	Fault   string // of the last attempt
	Doc     []byte
}
