package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Gates restrain executions: a gate has room for so many at once, or lets so
// many pass in a time. Only internal/lifecycle calls the methods that write.
// Whoever has locked a gate alone decides about it until the transaction ends,
// on however many nodes.
type Gates interface {
	// LockGate waits until no other transaction has the gate, and returns what it
	// keeps (nil for a new one).
	LockGate(ctx context.Context, gate string) (doc []byte, err error)
	// PutGate changes what a locked gate keeps.
	PutGate(ctx context.Context, gate string, doc []byte) error
	// CountGate counts the executions inside a gate.
	CountGate(ctx context.Context, gate string) (int, error)
	// PutPlace lets an execution into a gate, or puts it into its queue.
	PutPlace(ctx context.Context, p Place) error
	// Places lists the places of an execution.
	Places(ctx context.Context, execution squall.ID) ([]Place, error)
	// LeaveGates removes all places of an execution and returns them.
	LeaveGates(ctx context.Context, execution squall.ID) ([]Place, error)
	// Waiting lists those that wait at a gate, in the order in which they were
	// requested; gate "": at any.
	Waiting(ctx context.Context, gate string, limit int) ([]squall.ID, error)
	// DueWaiting lists executions in the status delayed that have a place to wait
	// in and are due.
	DueWaiting(ctx context.Context, limit int) ([]squall.ID, error)
	// StalePlaces lists executions that have a place and are over.
	StalePlaces(ctx context.Context, limit int) ([]squall.ID, error)
	// TrimGates removes gates that nobody has used since t and that are empty.
	TrimGates(ctx context.Context, before time.Time, limit int) (int, error)
	// ReleaseWorkflow makes what a workflow has to be told due now.
	ReleaseWorkflow(ctx context.Context, id squall.ID) error
}

// Place is that of an execution inside a gate or in the queue before it.
type Place struct {
	Gate      string
	Execution squall.ID
	Waiting   bool
}
