// Package chain is the conductor of ActionChains: it loads definitions and
// decides, event by event, which action runs next and what becomes of the
// chain, as StackStorm's runner does in one long loop.
//
// In: the text of a definition (Parse), parameters (New), reports of actions,
// refusals and requests of people (Apply). Out: commands and the rows that
// changed, in the forms of package workflow, so that the same driver stores and
// serves both. A task's visit is a TaskRow, what it left an ItemRow under the
// visit's number, and each publication a ContextRow.
//
// The cost of an event does not depend on how many tasks are done: it writes
// the rows of one visit. Values are those of a run's own rows; templates reach
// the outside only through Host.
//
// The package never reads a clock, a file or a database and starts no
// goroutine. A Spec is immutable and may be shared; a Conductor belongs to one
// goroutine.
package chain
