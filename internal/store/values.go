package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Values holds large JSON documents: written once (but see Sealed), compressed,
// shared by reference within one tree of executions, deleted with the tree.
type Values interface {
	// PutValue stores body for the tree of root and returns its reference; equal
	// bodies of one tree get the same one and are stored once.
	PutValue(ctx context.Context, root squall.ID, body []byte) (ref string, err error)
	// Value reads a body. Error kind: NotFound.
	Value(ctx context.Context, root squall.ID, ref string) ([]byte, error)
}

// Outbox is the list of things the world may want to know, written in the
// transaction that made them true and read in the order of commits.
type Outbox interface {
	// AppendOutbox adds a message; its Cursor is assigned by the commit.
	AppendOutbox(ctx context.Context, m Message) error
	// ReadOutbox returns messages behind after ("" : from the oldest kept) in
	// commit order, at most limit. No message ever becomes visible in front of
	// one already returned.
	ReadOutbox(ctx context.Context, after Cursor, limit int) ([]Message, error)
	// OutboxEnd returns the cursor of the newest visible message.
	OutboxEnd(ctx context.Context) (Cursor, error)
	// TrimOutbox deletes messages older than t, at most limit; returns how many.
	TrimOutbox(ctx context.Context, before time.Time, limit int) (int, error)
}

// Cursor is a place in the outbox. Clients keep it and give it back; only the
// driver looks inside. The empty cursor is before everything.
type Cursor string

// Message is one entry of the outbox.
type Message struct {
	Cursor    Cursor
	Kind      MessageKind
	Execution squall.ID
	Status    squall.Status // the execution's state at that moment
	Seq       int64         // ExecutionOutput: the last chunk's number
	At        time.Time
	Body      []byte // Announcement: its JSON document; ExecutionOutput: the first chunk's number in decimal
}

// MessageKind says what happened.
type MessageKind string

// The kinds of message.
const (
	ExecutionCreated MessageKind = "execution.create"
	ExecutionUpdated MessageKind = "execution.update"
	ExecutionDeleted MessageKind = "execution.delete"
	ExecutionOutput  MessageKind = "execution.output"
	Announcement     MessageKind = "announcement"
)
