package store

import (
	"context"
	"time"
)

// Cluster is what nodes agree on: who is alive, and who does what only one may do.
type Cluster interface {
	// JoinNode gives the node a lease with a new epoch, higher than any before
	// under this name; an older incarnation of the node has lost its lease by it.
	JoinNode(ctx context.Context, n Node, ttl time.Duration) (epoch int64, err error)
	// RenewNode prolongs the lease. It returns false when the lease is not the
	// node's any more: it ran out, or the epoch is not the current one.
	RenewNode(ctx context.Context, name string, epoch int64, ttl time.Duration) (bool, error)
	// HoldsLease reports whether the owner's lease is live: not run out and of
	// that epoch. It is asked before every write on behalf of a node, because a node
	// that was stopped for longer than its lease must not write when it wakes up.
	// It may be answered once for all updates of a group commit.
	HoldsLease(ctx context.Context, o Owner) (bool, error)
	// LeaveNode ends the lease at once; a lease of another epoch stays.
	LeaveNode(ctx context.Context, name string, epoch int64) error
	// Nodes lists all nodes ever seen that were not forgotten, by name.
	Nodes(ctx context.Context) ([]Node, error)
	// ForgetNodes deletes nodes whose lease ended before t and that own no open execution.
	ForgetNodes(ctx context.Context, before time.Time) (int, error)

	// TryLock takes or prolongs the named lock for owner until now+ttl and
	// reports whether owner holds it now.
	TryLock(ctx context.Context, name, owner string, ttl time.Duration) (bool, error)
	// Unlock releases the lock if owner holds it.
	Unlock(ctx context.Context, name, owner string) error
}

// Node is one process that runs executions.
type Node struct {
	Name       string
	Epoch      int64
	Host       string
	PID        int
	Version    string
	URL        string   // where its API listens; empty for workers
	Slots      int      // how many executions it runs at once
	Queues     []string // queues it serves beside the empty one
	StartedAt  time.Time
	LeaseUntil time.Time
	// Keeps are the runners whose runs outlive the process. Their executions, those
	// that are Attached excepted, are no orphans (see Executions.Orphans) until
	// KeepFor after the lease has ended, or after the node has joined again: it has
	// that time to take them over.
	Keeps   []string
	KeepFor time.Duration
}
