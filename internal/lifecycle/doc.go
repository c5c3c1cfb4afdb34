// Package lifecycle is the only writer of the state of executions. One file is
// one transaction of docs/architecture.md: request, claim, finish, output,
// control, rerun, rescue, sweep.
//
// Every transaction has the same four beats: read, decide, write with a guard,
// wake. The decisions are pure functions in decide.go; the guard says in which
// state, and in whose hands, the row must still be. A guard that misses means
// that somebody was faster; the row is read and decided anew, or the caller is
// told so with an error of kind Conflict, and nothing is written.
//
// A workflow is an execution that no node holds. What happens to it (it was
// requested, a child ended, somebody wants it to pause) lies in its in-box until
// Advance takes all of it, lets the conductor of internal/workflow decide, and
// writes the rows that changed, the children to run and the events it took in one
// transaction, guarded by the workflow's revision (workflow_*.go).
//
// What flows in: requests from API, rules and workflows, outcomes and output
// from the scheduler, wishes to cancel. What flows out: rows, messages in the
// outbox, wake-ups. The package starts no goroutine and reads no clock but the
// transaction's, and it never runs anything: it hands started executions to
// the scheduler through Local or Claim.
//
// What it promises: a state is entered exactly once; a run starts at most once
// in an attempt; an execution that was accepted reaches one final state,
// whatever crashes in between.
package lifecycle
