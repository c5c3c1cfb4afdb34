// Package rollout runs actions on many machines, batch by batch: it reads what
// has become of a rollout's executions, asks internal/fleet what comes next, and
// writes that, with the requests for the next executions and the locks of their
// machines, in one transaction, guarded by the rollout's revision.
//
// What flows in: wishes of the API, states of executions. What flows out: rows.
// Nothing is kept in memory: a node that dies in the middle is replaced by the
// next one that takes the lock, and no machine begins twice.
package rollout
