// Package scheduler runs executions on this node: it holds the node's lease,
// claims as many executions as it has free slots, hands each to its runner,
// stores its output while it runs and its outcome at the end.
//
// What flows in: wake-ups and polls of the store, slots asked for by
// lifecycle.Request (Scheduler is its Local), the cancellation of Run's
// context. What flows out: calls of lifecycle, which alone writes states.
//
// Goroutines. Run owns all of them and returns when they are gone: one for the
// lease, one each for claiming, for wishes to cancel, for the chores of the
// cluster; one for each run, and one for its output once it prints something.
//
// The lease. A node that cannot renew its lease ends its runs before the lease
// runs out and joins again under a new epoch when they are gone. What it could
// still want to write belongs to the old epoch and is refused by the store.
//
// Nothing waits here in memory that would be missed after a crash, except the
// outcome of a run while the database is away: when the node dies then, the
// execution is rescued as abandoned, because nobody knows how it ended.
package scheduler
