// Package noop runs actions that do nothing: they succeed at once with a fixed
// result, whatever their parameters. They are for tests, for benchmarks and for
// places in a workflow where only the transition counts.
package noop

import (
	"context"
	"encoding/json"

	"squall/internal/runner"
	"squall/internal/squall"
)

// Runner runs noop actions. Its zero value is ready.
type Runner struct{}

var _ runner.Runner = Runner{}

// result is st2's: a shell action's without its streams.
var result = json.RawMessage(`{"failed":false,"succeeded":true,"return_code":0}`)

// Run succeeds, also when ctx is done already: there is nothing to stop.
func (Runner) Run(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
	return squall.Outcome{Status: squall.Succeeded, Result: result}, nil
}
