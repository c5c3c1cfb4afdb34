// Package std runs the standard actions of OpenStack Mistral that need nothing
// from outside (echo, fail, noop, test_dict), so that workflows that use them
// run here with the same results, whatever type those have.
package std

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
)

// Runner runs the actions of the pack std, by their names. Its zero value is
// ready.
type Runner struct{}

var _ runner.Runner = Runner{}

// maxKeys bounds what test_dict makes.
const maxKeys = 100_000

// Run does what the action's name says. Only echo takes time, when it has a delay.
func (Runner) Run(ctx context.Context, job *runner.Job, _ runner.Output) (squall.Outcome, error) {
	in := job.ActionParams
	switch job.Action.Ref.Name {
	case "noop":
		return outcome(squall.Succeeded, nil)
	case "echo":
		if n, ok := in["delay"].(json.Number); ok {
			if seconds, err := n.Float64(); err == nil && seconds > 0 {
				select {
				case <-ctx.Done():
					return squall.Outcome{Status: squall.Failed}, nil // the scheduler knows why
				case <-time.After(time.Duration(seconds * float64(time.Second))):
				}
			}
		}
		return outcome(squall.Succeeded, in["output"])
	case "fail":
		if data := in["error_data"]; data != nil {
			return outcome(squall.Failed, data)
		}
		return outcome(squall.Failed, map[string]any{"error": "Fail action expected exception."})
	case "test_dict":
		return testDict(in)
	}
	return squall.Outcome{}, squall.Errorf(squall.Invalid, "there is no standard action %q", job.Action.Ref.Name)
}

// testDict makes an object of size keys, each with the value val.
func testDict(in map[string]any) (squall.Outcome, error) {
	n, _ := in["size"].(json.Number)
	size, err := n.Int64()
	if err != nil || size < 0 || size > maxKeys {
		return squall.Outcome{}, squall.Errorf(squall.Invalid, "size must be between 0 and %d", maxKeys)
	}
	out := make(map[string]any, size)
	for i := range size {
		out[fmt.Sprintf("%v%d", in["key_prefix"], i)] = in["val"]
	}
	return outcome(squall.Succeeded, out)
}

func outcome(status squall.Status, result any) (squall.Outcome, error) {
	doc, err := json.Marshal(result)
	if err != nil {
		return squall.Outcome{}, fmt.Errorf("encode result: %w", err)
	}
	return squall.Outcome{Status: status, Result: doc}, nil
}
