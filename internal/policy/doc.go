// Package policy decides which executions of an action may run now and which
// are run again, as StackStorm's policies action.concurrency,
// action.concurrency.attr and action.retry say, and action.concurrency.limit and
// action.rate_limit beside them.
//
// In: the policies of an action, compiled once (Compile), the parameters of an
// execution, how full its gates are, how an execution ended. Out: the gates an
// execution has to pass (Gates), whether it may (Admit, Rate.Admit) and whether
// it is repeated (Retry).
//
// A gate is what a policy restrains: all executions of an action, or those that
// agree in some parameters. Who is inside and who waits is a matter of
// internal/lifecycle, which locks a gate while it asks.
package policy
