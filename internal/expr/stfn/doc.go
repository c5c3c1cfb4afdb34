// Package stfn holds the functions that StackStorm and Orquesta add to both
// expression languages: versions, regular expressions, JSON and YAML texts,
// paths, human times, and the workflow's own ctx, item, task, result and
// st2kv. Each is a plain Go function on values plus an entry in one table
// (Table), from which YAQL registers functions and Jinja filters and globals.
//
// In: values of package value and a Call with the environment and the budget.
// Out: a value or a *value.Error of the Python class the original raises.
// Look-ups happen only through expr.Env.
package stfn
