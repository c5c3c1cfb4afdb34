package workflow

import "squall/internal/expr/value"

// Rows are the whole state of a workflow execution, at one revision. The
// slices may come in any order. Values (variables, results) are shared with
// the conductor and must not be changed by anyone.
type Rows struct {
	Workflow WorkflowRow
	Tasks    []TaskRow
	Staged   []StagedRow
	Items    []ItemRow
	Contexts []ContextRow
	Routes   []RouteRow
	Errors   []ErrorRow
}

// WorkflowRow is the one row that changes with every event.
type WorkflowRow struct {
	// Revision counts the calls of Apply that changed something: the guard of
	// whoever writes.
	Revision int64
	Status   Status
	// Output is nil until something was rendered.
	Output *value.Dict
	// NextStaged and NextError are the numbers of the next rows of their kind.
	NextStaged, NextError int64
}

// TaskRow is one visit of a task. Rows are appended and changed, never removed.
type TaskRow struct {
	Index    int // position in the sequence of all visits, from 0
	Task     string
	Route    int
	Status   Status // "" until something was reported
	Context  int    // ContextRow.ID the task starts with
	Prev     []Link
	Next     []Taken // transitions that were decided, in the order of the graph
	Terminal bool
	Retry    *RetryState
}

// Link says which visit led to a task, and by which transition.
type Link struct {
	Transition string // "<from>__t<key>"
	Task       int    // TaskRow.Index
}

// Taken is the decision on one transition.
type Taken struct {
	Transition string // "<to>__t<key>"
	Taken      bool
}

// RetryState is a task's retry with its expressions evaluated, except When.
type RetryState struct {
	When, Count, Delay any
	Tally              int
}

// StagedRow is a task that waits to be started, or one with items that is
// being worked on. The number grows with each row and gives the order.
type StagedRow struct {
	Number    int64
	Task      string
	Route     int
	Context   int
	Prev      []Link
	Ready     bool
	Completed bool // a failed task with items, kept for a rerun
	RunOnFail bool
	Retry     *RetryState // its delay replaces the task's
	// HasItems: the items are known. Items is their number, Generation which
	// of their rows count.
	HasItems   bool
	Items      int
	Generation int
}

// ItemRow is one item of a task with items. The key is task, route and item.
type ItemRow struct {
	Task  string
	Route int
	Item  int
	// Count is the number of items of the list the result belongs to, List the
	// number of that list: rows of an older list have no result any more.
	Count, List int
	// Generation is the round of work that Status belongs to; in a later round
	// the item has not run yet.
	Generation int
	Status     Status
	// Reported is the last status a report gave, whatever was reset since.
	Reported Status
	Result   any
}

// ContextRow is an entry of the append-only list of contexts: variables on top
// of a parent, or a parent joined with another entry.
type ContextRow struct {
	ID     int
	Parent int // -1 for the first
	Merged int // -1 unless the row joins two entries
	// Vars are the variables published; all of them for the first entry.
	Vars *value.Dict
}

// RouteRow is a lane of execution: the transitions into split tasks that made it.
type RouteRow struct {
	ID          int
	Transitions []string
}

// ErrorRow is an entry of the error log.
type ErrorRow struct {
	Number     int64
	Message    string
	Task       string // "" for none
	Route      int    // -1 for none
	Transition string // "" for none
	Result     any    // nil for none
}

// Changes is what a call changed. Each row is the row's new content; rows that
// are not listed are as they were.
type Changes struct {
	Workflow WorkflowRow
	Tasks    []TaskRow
	Staged   []StagedRow
	Items    []ItemRow
	Contexts []ContextRow
	Routes   []RouteRow
	Errors   []ErrorRow
	// StagedGone and ErrorsGone are the numbers of rows to remove.
	StagedGone []int64
	ErrorsGone []int64

	// Run are the actions to start, in order.
	Run []RunAction
	// Done are tasks that were completed on the spot: without action, or
	// without items.
	Done []Completion
	// From is the status before the call. Was it not final and Workflow.Status
	// is, then the workflow is over; running actions are left alone, as the
	// original does.
	From Status
	// More: the workflow goes on by itself for longer than one call should take.
	// Store the changes and call Apply again, without events.
	More bool
	// Rejected are events that were refused, by their index in the call. They
	// changed nothing.
	Rejected []Rejection

	reran bool // a rerun was accepted, so a final state is a new one
}

// Over reports whether the workflow reached a final state.
func (ch *Changes) Over() bool {
	return completed(ch.Workflow.Status) && (ch.reran || !completed(ch.From))
}

// RunAction is the command to start an action.
type RunAction struct {
	Task  string
	Route int
	Entry int // TaskRow.Index of the visit
	Item  int // -1 for a task without items
	// Action is the rendered name. It is a text unless the definition is wrong.
	Action any
	Input  any // rendered; a *value.Dict or nil unless the definition is wrong
	// Delay is how many seconds to wait before the start. Of items with limited
	// concurrency only the first ones wait.
	Delay int64
	// OnFail: the action is to run although the workflow has failed, because the
	// task before it led to the command fail and to this one (a clean-up).
	OnFail bool
}

// Completion is a task that needed no action.
type Completion struct {
	Task  string
	Route int
	Entry int
	Items bool // a task with items that had none
}

// Rejection is an event that was refused.
type Rejection struct {
	Event int
	Err   error
}

// Into applies changes to rows, as a store does. It is for tests and for
// stores in memory: every row is looked for.
func (ch *Changes) Into(r *Rows) {
	r.Workflow = ch.Workflow
	for _, t := range ch.Tasks {
		r.Tasks = put(r.Tasks, t, func(o TaskRow) bool { return o.Index == t.Index })
	}
	for _, n := range ch.StagedGone {
		r.Staged = drop(r.Staged, func(o StagedRow) bool { return o.Number == n })
	}
	for _, s := range ch.Staged {
		r.Staged = put(r.Staged, s, func(o StagedRow) bool { return o.Number == s.Number })
	}
	for _, i := range ch.Items {
		r.Items = put(r.Items, i, func(o ItemRow) bool { return o.Task == i.Task && o.Route == i.Route && o.Item == i.Item })
	}
	r.Contexts = append(r.Contexts, ch.Contexts...)
	r.Routes = append(r.Routes, ch.Routes...)
	for _, n := range ch.ErrorsGone {
		r.Errors = drop(r.Errors, func(o ErrorRow) bool { return o.Number == n })
	}
	r.Errors = append(r.Errors, ch.Errors...)
}

func put[T any](list []T, row T, same func(T) bool) []T {
	for i := len(list) - 1; i >= 0; i-- {
		if same(list[i]) {
			list[i] = row
			return list
		}
	}
	return append(list, row)
}

func drop[T any](list []T, same func(T) bool) []T {
	for i := range list {
		if same(list[i]) {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}
