// Package fleet decides about many machines: which ones an expression means, in
// which batches they are worked on, when to go on, wait or stop, and which of
// them answered the same.
//
// Everything is a value: nodes in, nodes out; a rollout and what is known of its
// executions in, the next step out. internal/rollout makes it happen.
package fleet
