package squall

import "slices"

// Status is the state of an execution, in StackStorm's words.
type Status string

// The states. What leads from one to the next is in moves below.
const (
	Requested Status = "requested" // accepted and due; waits for a worker slot
	Delayed   Status = "delayed"   // not yet due, or held back by a policy
	Scheduled Status = "scheduled" // only ever in the log: claimed and started are one transaction here
	Running   Status = "running"   // a node runs it, or a workflow has work to do
	Pending   Status = "pending"   // an inquiry waits for an answer
	Pausing   Status = "pausing"   // a workflow waits for its active tasks before it pauses
	Paused    Status = "paused"
	Resuming  Status = "resuming"
	Canceling Status = "canceling" // asked to stop; the node has not reported the end yet
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Timeout   Status = "timeout"
	Canceled  Status = "canceled"
	Abandoned Status = "abandoned" // its node is gone; whether it had its effect is unknown
)

// Statuses lists every state once, in the order of an execution's life.
var Statuses = []Status{
	Requested, Delayed, Scheduled, Running, Pending, Pausing, Paused, Resuming,
	Canceling, Succeeded, Failed, Timeout, Canceled, Abandoned,
}

// moves is the one transition table of the product. A state that is not a key
// is final.
var moves = map[Status][]Status{
	Requested: {Delayed, Running, Canceled, Failed},
	Delayed:   {Requested, Running, Canceled, Failed},
	Scheduled: {Running, Canceled, Failed, Abandoned},
	Running:   {Pending, Pausing, Paused, Canceling, Succeeded, Failed, Timeout, Canceled, Abandoned, Requested},
	Pending:   {Resuming, Succeeded, Failed, Timeout, Canceling, Canceled},
	Pausing:   {Paused, Running, Canceling, Succeeded, Failed, Timeout, Canceled, Abandoned},
	Paused:    {Resuming, Canceling, Canceled},
	Resuming:  {Running, Pausing, Canceling, Succeeded, Failed, Timeout, Canceled, Abandoned},
	Canceling: {Canceled, Abandoned},
}

// Known reports whether s is one of Statuses.
func (s Status) Known() bool { return slices.Contains(Statuses, s) }

// Final reports whether an execution in state s never changes state again.
func (s Status) Final() bool {
	_, open := moves[s]
	return !open && s.Known()
}

// CanMoveTo reports whether an execution may go from s straight to next.
// Running to requested is the orderly stop of a repeatable action: the attempt
// is given back; see lifecycle.
func (s Status) CanMoveTo(next Status) bool { return slices.Contains(moves[s], next) }
