package store

import (
	"context"
	"encoding/json"
	"time"

	"squall/internal/squall"
)

// Parts says what of an execution to read beside its row.
type Parts uint8

// The parts. Without any, Parameters, Context, Result and Log stay nil.
const (
	WithParameters Parts = 1 << iota // Parameters and Context
	WithResult
	WithLog

	WithAll = WithParameters | WithResult | WithLog
)

// Executions is the state of runs. Only internal/lifecycle calls the methods
// that write.
type Executions interface {
	// InsertExecution stores a new execution with its parameters, context and
	// the log entries in ex.Log. What a new one may leave out is filled, also in
	// ex: Root with its own ID, Version with 1, CreatedAt and UpdatedAt with Now.
	// Error kinds: Conflict when the ID exists, Invalid for malformed identifiers,
	// unknown states and texts with NUL characters. A run of fn that will be
	// repeated may not see the conflict; the last run does.
	InsertExecution(ctx context.Context, ex *squall.Execution) error

	// Execution reads one. Error kind: NotFound.
	Execution(ctx context.Context, id squall.ID, parts Parts) (*squall.Execution, error)

	// FindExecutions lists executions in the filter's order.
	FindExecutions(ctx context.Context, f ExecutionFilter) ([]*squall.Execution, error)

	// CountExecutions counts what f finds without its Limit, Offset and After,
	// but no further than max (0: to the end).
	CountExecutions(ctx context.Context, f ExecutionFilter, max int) (int, error)

	// ClaimExecutions moves due executions (Requested, or Delayed with NotBefore
	// not after Now) to Running for a node: oldest first, attempt+1, started now,
	// log entries Scheduled and Running. Rows that another transaction claims at the
	// same time are passed over. It returns them with their parameters.
	ClaimExecutions(ctx context.Context, c Claim) ([]*squall.Execution, error)

	// MoveExecution changes an execution's state under a guard. It returns false,
	// and writes nothing, when the row is not as m.From, m.Node and m.Epoch say:
	// somebody else was faster, which is no error.
	MoveExecution(ctx context.Context, m Move) (bool, error)

	// AppendOutput adds output of a running execution under the guard that the
	// row still belongs to node and epoch and is not final. It returns false, and
	// writes nothing, when that does not hold. Chunks whose Seq exists are skipped.
	AppendOutput(ctx context.Context, o OutputBatch) (bool, error)

	// Output reads chunks with Seq > after in order, at most limit.
	Output(ctx context.Context, id squall.ID, after int64, limit int) ([]squall.Chunk, error)

	// Orphans lists open executions (Running, Canceling, Pausing, Resuming with a node) whose
	// node has no live lease of the same epoch, or whose Deadline passed more than grace ago.
	// Those that their node keeps and has no live lease for are left out, see Node.Keeps,
	// but not those that are Attached.
	Orphans(ctx context.Context, grace time.Duration, limit int) ([]*squall.Execution, error)

	// DeleteExecutions removes final executions that ended before t, whole trees at
	// a time (a root goes only when all its descendants may), with their output,
	// values and logs. It takes trees, oldest first, as long as they fit into limit;
	// a tree larger than limit goes alone. It returns how many executions went; 0:
	// there is nothing left to do.
	DeleteExecutions(ctx context.Context, before time.Time, limit int) (int, error)

	// QueueStats counts what waits and runs, for metrics and admission. Cheap.
	QueueStats(ctx context.Context) (QueueStats, error)
}

// Claim says who claims and how much.
type Claim struct {
	Node   string
	Epoch  int64
	Limit  int
	Queues []string // queues the node serves beside the empty one
	Only   bool     // and the empty one it does not serve
	// Exclude lists runners whose executions are not started by nodes (workflows).
	Exclude []string
	// Gated passes over executions that wait at a gate; see Gates.
	Gated bool
}

// Move is a guarded change of state. Nil and zero fields of the change leave
// the columns as they are.
type Move struct {
	ID squall.ID

	// The guard: the state is one of From; if Node is set, the row's node and
	// epoch are Node and Epoch; if Version is not 0, it is the row's version.
	From    []squall.Status
	Node    string
	Epoch   int64
	Version int64

	// The change. Version grows by one and UpdatedAt is set at every move.
	To        squall.Status
	Log       []squall.Change // appended; their last Status is To
	Result    json.RawMessage // replaces the result
	NotBefore *time.Time
	Deadline  *time.Time
	StartedAt *time.Time
	EndedAt   *time.Time
	Attempt   *int // replaces the number: an attempt given back
	// Assign gives the row to a node, Release takes it from its node.
	Assign  *Owner
	Release bool
}

// Owner is a node at one epoch.
type Owner struct {
	Node  string
	Epoch int64
}

// OutputBatch is output of one execution, guarded by its owner.
type OutputBatch struct {
	Execution squall.ID
	Owner     Owner
	Chunks    []squall.Chunk
}

// ExecutionFilter selects executions; zero fields do not restrict.
type ExecutionFilter struct {
	IDs           []squall.ID
	Action        string // full reference
	Pack          string
	Runner        string
	Statuses      []squall.Status
	User          string
	Node          string
	Root          squall.ID
	Parent        squall.ID
	TopLevel      bool      // only executions without parent
	CreatedAfter  time.Time // exclusive
	CreatedBefore time.Time // exclusive
	RerunOf       squall.ID

	// Ascending lists oldest first; the default is newest first. The order is
	// that of IDs, which is that of creation.
	Ascending bool
	After     squall.ID // keyset: continue behind this one, in the list's direction
	Offset    int
	Limit     int // 0: 50
	Parts     Parts
}

// QueueStats is a view of the queue.
type QueueStats struct {
	Requested, Delayed, Running int
	OldestDue                   time.Time // NotBefore of the longest waiting due row; zero: none
	NextDue                     time.Time // the first instant at which a row becomes due that is not yet; zero: none
}
