package store

import "context"

// ExecutionColumn is something by which executions can be told apart.
type ExecutionColumn string

// The columns.
const (
	ByAction ExecutionColumn = "action"
	ByStatus ExecutionColumn = "status"
	ByUser   ExecutionColumn = "user"
)

// Distinct says what values there are, for people who choose a filter.
type Distinct interface {
	// DistinctExecutions lists the different values that executions have, in
	// ascending order, at most limit. It costs as much as there are values, not
	// executions.
	DistinctExecutions(ctx context.Context, c ExecutionColumn, limit int) ([]string, error)
	// RunnersOf returns the runner of the newest execution of each action.
	RunnersOf(ctx context.Context, actions []string) ([]string, error)
}
