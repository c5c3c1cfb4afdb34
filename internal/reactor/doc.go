// Package reactor turns what happens into executions: an event meets the rules
// that listen to its trigger, and each rule that matches requests a run.
//
// In: events from webhooks, sensors, timers and from executions that have ended
// (Emit, and the loops of Run). Out, in one transaction: the event, what each
// rule made of it, and the executions. So an event that was acknowledged has
// exactly one enforcement of every rule that matches, whatever crashes; the
// guards are the key of an event, its state, and the unique row of a rule and an
// event.
//
// Rules are decided with before the transaction, from an index by trigger that
// is kept in memory: 10,000 rules cost an event only those of its trigger. The
// transaction checks that the index was current; otherwise all is decided again.
//
// What executions do to the world comes back through the outbox
// (completions.go): a reader with a durable place in it, one in the cluster,
// makes the internal triggers out of it when a rule listens to them. Timers are
// rows with the instant up to which they are decided (timers.go).
//
// The package changes no state of an execution but through internal/lifecycle.
package reactor
