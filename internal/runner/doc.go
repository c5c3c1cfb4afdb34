// Package runner is the contract between the scheduler and what does the work:
// Runner, Job, Output. The drivers live one level below (runner/local,
// runner/http ...) and are listed once, in internal/app.
//
// A runner turns a Job into an Outcome. A command that fails is a result, not
// an error: the error return says "this could not be run at all".
package runner
