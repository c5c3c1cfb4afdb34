package store

import (
	"context"

	"squall/internal/squall"
)

// Fleet is the inventory of machines and the rollouts over them.
type Fleet interface {
	// PutFleetNode writes the machine, replacing what has its name, and sets
	// UpdatedAt to Now. Error kind: Invalid for a name that is none.
	PutFleetNode(ctx context.Context, n *squall.FleetNode) error
	// DeleteFleetNode removes the machine and reports whether it was there.
	DeleteFleetNode(ctx context.Context, name string) (bool, error)
	// FleetNodes lists all machines by name, ascending by bytes.
	FleetNodes(ctx context.Context) ([]*squall.FleetNode, error)

	// InsertRollout stores a new rollout with revision 1. Error kind: Conflict
	// when the ID exists.
	InsertRollout(ctx context.Context, r *squall.Rollout) error
	// UpdateRollout writes r if the stored revision is r's, which then grows by
	// one, also in r. It returns false, and writes nothing, when somebody was faster.
	UpdateRollout(ctx context.Context, r *squall.Rollout) (bool, error)
	// Rollout reads one. Error kind: NotFound.
	Rollout(ctx context.Context, id squall.ID) (*squall.Rollout, error)
	// Rollouts lists rollouts, the newest first, at most limit (0: 50); open leaves
	// out those of which nothing is left to be done.
	Rollouts(ctx context.Context, open bool, limit int) ([]*squall.Rollout, error)

	// LockHost gives the machine to owner, a rollout, and reports whether it is
	// his now; it may have been before.
	LockHost(ctx context.Context, host string, owner squall.ID) (bool, error)
	// UnlockHost takes it back, if it is owner's.
	UnlockHost(ctx context.Context, host string, owner squall.ID) error
}
