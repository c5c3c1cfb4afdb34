package store

import (
	"context"
	"time"
)

// Store is a database. All methods may be used by several goroutines at once.
//
// Errors of kind squall.Unavailable mean that the database cannot be reached or
// cannot be written now (disk full, read-only, connection lost): nothing of the
// call was stored, and the same call may succeed later.
type Store interface {
	// View runs fn on one consistent snapshot. Writing methods of Tx return an
	// error in it.
	View(ctx context.Context, fn func(Tx) error) error

	// Update runs fn and makes what it wrote durable, all or nothing, before it
	// returns nil. It joins the next group commit, so fn must be short, must do
	// nothing but call tx, and may be run again from the start (it must reset
	// what it captures). An error from fn undoes fn's writes, and only those.
	// When ctx ends before fn was started, nothing is written; after that
	// Update waits for the answer.
	//
	// Large documents are compressed in the caller's goroutine between two runs of
	// fn. If the connection to the database is lost in the very moment of the
	// commit, Update waits until the database can say what became of it; if that
	// cannot be found out within minutes, or before Close, the error says so and
	// has the kind Internal.
	Update(ctx context.Context, fn func(Tx) error) error

	// Wake returns a channel that gets a value, soon after, whenever a
	// transaction that called Tx.Wake(topic) was committed by any node. It is
	// only a hint to look again: signals are merged and may be lost, so every
	// reader also polls. stop releases it.
	Wake(topic Topic) (c <-chan struct{}, stop func())

	// Health returns nil when the last attempt to write succeeded, otherwise
	// why it did not. It tries a write itself when the last attempt failed or
	// is more than a few seconds old.
	Health(ctx context.Context) error

	// Check verifies the integrity of the database (SQLite: integrity_check and
	// foreign_key_check) and of our own rules on it: no execution without its
	// log, no output without execution, no result reference to nowhere.
	Check(ctx context.Context) error

	// Close waits for running transactions and releases everything.
	Close() error
}

// Topic names something a sleeper may wait for.
type Topic string

// The topics.
const (
	TopicWork    Topic = "work"    // an execution may be claimable
	TopicControl Topic = "control" // a running execution was asked to stop
	TopicOutbox  Topic = "outbox"  // there are new outbox messages
	TopicFlow    Topic = "flow"    // a workflow has been told something
	TopicEvents  Topic = "events"  // an event is pending
	TopicCatalog Topic = "catalog" // registered content has changed
	TopicDeliver Topic = "deliver" // there is something to be told to the world
)

// Tx is one transaction. It is used by one goroutine and only until the fn it
// was given to returns.
type Tx interface {
	// Now returns the transaction's instant, the same at every call, UTC, to the
	// microsecond. It comes from the database's host (so that the nodes agree)
	// and never goes back on one Store.
	Now() time.Time
	// Wake wakes the sleepers of topic after the commit.
	Wake(topic Topic)

	Executions
	Workflows
	Values
	Sealed
	Outbox
	Cluster
	Catalog
	Contents
	Accounts
	Keys
	Access
	Events
	Timers
	Gates
	Deliveries
	Distinct
	SensorHosts
	Fleet
}

// Observer is told about commits, for metrics. Its methods must not block.
type Observer interface {
	// Commit reports a group commit: how many Updates it held and how long it took.
	Commit(group int, took time.Duration, err error)
}
