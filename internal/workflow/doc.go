// Package workflow is the conductor of Orquesta workflows (version 1.6 of the
// original, exactly): it loads and inspects definitions, composes their graph
// of tasks, and decides, event by event, which actions run next and what
// becomes of the workflow.
//
// In: the text of a definition (Parse), inputs (New), reports of actions and
// requests of people (Apply). Out: commands (run this action, the workflow is
// done) and the rows that changed (Changes). The rows are the whole state:
// Restore builds a conductor from them at any point between two events, and
// what it does then is what the undisturbed one would have done.
//
// The cost of an event depends neither on how many tasks are done, nor on how
// many items a task has, nor on how much the variables hold: task entries,
// items and contexts are rows that are appended or changed one at a time,
// contexts share what they have in common (context.go), and whatever the
// original counts by going through its state is kept as a counter (state.go).
//
// The package never reads a clock, a file or a database and starts no
// goroutine; expressions reach the outside only through Host.Env. A Spec is
// immutable and may be shared; a Conductor belongs to one goroutine.
package workflow
