package squall

import (
	"encoding/json"
	"strconv"
	"time"
)

// Execution is one run of an action: the one row that holds its whole state.
// Times are UTC; a zero time means "not yet" or "none".
type Execution struct {
	ID     ID
	Action Ref
	// ActionVersion names the stored document of the action as it was when the
	// run was requested (see Action.Version); empty only for foreign data.
	ActionVersion string
	Runner        string // "local-shell-cmd"

	// Parameters are the caller's parameters, a JSON object; defaults are
	// not in it (st2 stores only what was given).
	Parameters json.RawMessage
	// Context is a JSON object: user, parent, trace and what integrations add.
	Context json.RawMessage
	User    string // who asked; also in Context

	Root   ID       // the outermost execution of the tree; its own ID at the top. Sharding key.
	Parent *TaskRef // nil at the top

	Status  Status
	Attempt int   // number of the current or last start, from 1; 0 before the first
	Version int64 // +1 at every move; the guard of concurrent writers

	Node  string // the node that runs it; empty when nobody does
	Epoch int64  // the node's lease epoch at the claim

	CreatedAt time.Time // when it was requested
	NotBefore time.Time // due time while requested or delayed
	StartedAt time.Time // start of the last attempt
	EndedAt   time.Time
	Deadline  time.Time // when a running execution is out of time; zero: never
	UpdatedAt time.Time

	// ResultSize is the length of the result's JSON in bytes, 0 when there is
	// none. The result itself is read on demand.
	ResultSize int
	// Result is the runner's result, a JSON value. It is filled only by calls
	// that say so.
	Result json.RawMessage
	// Log is the list of states it went through; filled only by calls that say so.
	Log []Change

	// RerunOf is the execution this one repeats; empty otherwise.
	RerunOf ID
	// Labels a node must have to claim it; empty: any node.
	Queue string
	// Attached: its runs end with their node, although others of its runner may
	// outlive theirs.
	Attached bool
}

// IdempotencyKey names one attempt of one execution. Actions get it in their
// environment, so that an effect that can be asked for twice is done once.
func (ex *Execution) IdempotencyKey() string {
	return string(ex.ID) + ":" + strconv.Itoa(ex.Attempt)
}

// Duration returns how long the last attempt took, or has taken until now.
func (ex *Execution) Duration(now time.Time) time.Duration {
	switch {
	case ex.StartedAt.IsZero():
		return 0
	case ex.EndedAt.IsZero():
		return now.Sub(ex.StartedAt)
	default:
		return ex.EndedAt.Sub(ex.StartedAt)
	}
}

// TaskRef places an execution in its parent workflow.
type TaskRef struct {
	Execution ID     `json:"execution_id"`
	Task      string `json:"task,omitempty"`
	Route     int    `json:"route,omitempty"`
	Item      int    `json:"item"` // -1: not part of a with-items task
}

// Change is one entry of an execution's log.
type Change struct {
	Status Status    `json:"status"`
	At     time.Time `json:"at"`
	Node   string    `json:"node,omitempty"`
	Reason string    `json:"reason,omitempty"` // why, when the state alone does not say it: "canceled by alice"
}

// Outcome is what a runner says about a run that ended.
type Outcome struct {
	Status Status          // Succeeded, Failed, Timeout, Canceled, Abandoned, or Pending for an inquiry
	Result json.RawMessage // a JSON value; opaque, decoded only by who needs it
	Reason string          // for the log, when the state alone does not say it
}

// Chunk is a piece of output of a running execution.
type Chunk struct {
	Seq    int64     // per execution, from 1, without gaps
	Stream string    // "stdout" or "stderr"
	At     time.Time // when it was read
	Data   string    // valid UTF-8; invalid bytes were replaced
}

// Request asks for a run of an action.
type Request struct {
	Action     Ref
	Parameters json.RawMessage // a JSON object or nil
	Context    json.RawMessage // a JSON object or nil: what the caller adds (trace tag, source channel ...)
	User       string
	NotBefore  time.Time // zero: at once
	Queue      string
	Parent     *TaskRef
	Root       ID // of the parent; empty at the top
	RerunOf    ID
	// NoSecrets: the request comes from somebody who may not read secrets. The
	// templates in Parameters decrypt no keys but his own, and Parameters must not
	// name external secrets.
	NoSecrets bool
	// Names are JSON values that templates in Parameters find under these names
	// beside all others: "trigger" of what a rule requests.
	Names map[string]json.RawMessage
	Audit *AuditEntry // written with the execution, which becomes its target; nil: none
}
