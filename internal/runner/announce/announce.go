// Package announce runs announcement actions: what the action was given is put
// out as an event under a route, for whoever listens to the stream.
//
// The package does not know where announcements go; it hands each to the
// function it was made with and reports success when that function does.
package announce

import (
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/runner"
	"squall/internal/squall"
)

// EmitFunc sends payload, a JSON object, under a route of words with dots
// between them. It returns when the announcement is durable.
type EmitFunc func(ctx context.Context, route string, payload json.RawMessage) error

// Runner runs announcement actions.
type Runner struct{ emit EmitFunc }

var _ runner.Runner = (*Runner)(nil)

// New returns a runner that announces through emit.
func New(emit EmitFunc) *Runner { return &Runner{emit: emit} }

// Run emits the action's parameters (not the runner's) as the payload. The
// result holds them twice, at the top and under "output": st2 does so, and
// workflows read either.
func (r *Runner) Run(ctx context.Context, job *runner.Job, _ runner.Output) (squall.Outcome, error) {
	// st2 calls the runner experimental and refuses actions that do not say
	// they know; packs set the flag as an immutable default.
	if experimental, _ := job.RunnerParams["experimental"].(bool); !experimental {
		return runner.Failure("Experimental flag is missing for action %s", job.Action.Ref), nil
	}
	route, _ := job.RunnerParams["route"].(string)
	if route == "" {
		route = "general"
	}
	params := make(map[string]any, len(job.ActionParams)+1)
	for name, value := range job.ActionParams {
		if _, ofRunner := job.RunnerParams[name]; !ofRunner {
			params[name] = value
		}
	}
	payload, err := json.Marshal(params)
	if err != nil {
		return squall.Outcome{}, fmt.Errorf("encode announcement: %w", err)
	}
	if err := r.emit(ctx, route, payload); err != nil {
		return squall.Outcome{}, fmt.Errorf("emit announcement: %w", err)
	}
	params["output"] = json.RawMessage(payload)
	result, err := json.Marshal(params)
	if err != nil {
		return squall.Outcome{}, fmt.Errorf("encode result: %w", err)
	}
	return squall.Outcome{Status: squall.Succeeded, Result: result}, nil
}
