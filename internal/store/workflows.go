package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Workflows is the state of workflow executions. A workflow is named by the
// identifier of its execution. Only internal/lifecycle calls the methods that
// write.
//
// The state is kept in rows, so that a step of a workflow of a thousand tasks
// writes what the step changed and nothing else. What is in the rows is the
// conductor's business: here they are documents with a key.
type Workflows interface {
	// ChangeWorkflow writes one step of a workflow: its own row with a revision one
	// higher, rows that are new or changed, rows and events to be removed. It
	// returns false, and writes nothing, when the workflow is not at revision
	// c.Base any more: somebody else was faster, which is no error.
	ChangeWorkflow(ctx context.Context, c WorkflowChange) (bool, error)

	// Workflow reads the row of one. Error kind: NotFound when it has not begun.
	Workflow(ctx context.Context, id squall.ID) (*Workflow, error)

	// WorkflowRows reads the rows of a workflow in the order of their keys; of the
	// kinds given, or all.
	WorkflowRows(ctx context.Context, id squall.ID, kinds ...WorkflowRowKind) ([]WorkflowRow, error)

	// AppendWorkflowEvent puts an event into the in-box of a workflow.
	AppendWorkflowEvent(ctx context.Context, ev WorkflowEvent) error

	// TellParent puts the news that an execution is now in state s into the in-box
	// of the workflow it belongs to, and returns which one; "" when it belongs to
	// none. Only the transaction that moved it there can, so that no news comes twice;
	// for others nothing happens, and "" is returned.
	TellParent(ctx context.Context, child squall.ID, s squall.Status) (parent squall.ID, err error)

	// WorkflowEvents reads the events of a workflow that are due, oldest first, at
	// most limit. They stay until a ChangeWorkflow removes them.
	WorkflowEvents(ctx context.Context, id squall.ID, limit int) ([]WorkflowEvent, error)

	// DueWorkflows lists workflows that have events that are due, at most limit, and
	// tells when the next event becomes due that is not yet; zero: none.
	DueWorkflows(ctx context.Context, limit int) (ids []squall.ID, next time.Time, err error)
}

// Workflow is the one row of a workflow that changes with every step.
type Workflow struct {
	ID, Root squall.ID
	Revision int64  // from 1
	State    []byte // the conductor's own
}

// WorkflowRowKind says what a row is about. The numbers are stored.
type WorkflowRowKind int

// The kinds of row.
const (
	WorkflowTask    WorkflowRowKind = 1 // a visit of a task; Number is its place in the sequence
	WorkflowStaged  WorkflowRowKind = 2 // a task that waits or has items at work
	WorkflowItem    WorkflowRowKind = 3 // an item; Name and Route are its task, Number is the item
	WorkflowContext WorkflowRowKind = 4 // an entry of the list of contexts
	WorkflowRoute   WorkflowRowKind = 5
	WorkflowError   WorkflowRowKind = 6 // an entry of the error log
	WorkflowWaiting WorkflowRowKind = 7 // an action to be requested when others have ended
	// Large values lie in rows of their own, so that equal ones are stored once in a tree.
	WorkflowVariable WorkflowRowKind = 8 // of the context Number; Name is the variable
	WorkflowResult   WorkflowRowKind = 9 // of the item with the same key
)

// WorkflowKey names a row within its workflow.
type WorkflowKey struct {
	Kind   WorkflowRowKind
	Name   string
	Route  int
	Number int64
}

// WorkflowRow is a part of a workflow's state.
type WorkflowRow struct {
	WorkflowKey
	Doc []byte // a large one is stored once in the tree and referred to
}

// WorkflowChange is a step of a workflow.
type WorkflowChange struct {
	ID, Root squall.ID
	Base     int64 // the revision it was decided on; 0: the workflow begins
	State    []byte
	Put      []WorkflowRow
	Remove   []WorkflowKey
	Consumed []int64 // numbers of events
}

// WorkflowEvent is something a workflow has to be told.
type WorkflowEvent struct {
	Workflow squall.ID
	Number   int64 // grows; assigned by the store
	Kind     WorkflowEventKind
	Due      time.Time // zero: at once

	// Of a child: which, its state, and its place in the workflow.
	Child  squall.ID
	Status squall.Status
	Task   squall.TaskRef

	Doc []byte // of a command: who gives it; of the first event: what to go on from; or nil
}

// WorkflowEventKind says what an event is about. The texts are stored.
type WorkflowEventKind string

// The kinds of event.
const (
	WorkflowBegin   WorkflowEventKind = "begin"   // it was requested
	WorkflowChild   WorkflowEventKind = "child"   // a child reached a state
	WorkflowControl WorkflowEventKind = "control" // somebody wants Status
	WorkflowGoOn    WorkflowEventKind = "go-on"   // it had more to do than one step should
)
