package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"

	"squall/internal/squall"
)

// The causes with which the scheduler cancels a run's context. A runner ends
// all it started, returns what it has, and does not need to know the cause; the
// scheduler derives the final state from it.
var (
	ErrCanceled  = errors.New("canceled on request")
	ErrTimeout   = errors.New("timed out")
	ErrShutdown  = errors.New("node is stopping")
	ErrLeaseLost = errors.New("node lost its lease")
)

// Runner runs jobs of one kind. Run is called once per attempt, by many
// goroutines at once, and returns when the job has ended. When ctx is done it
// ends all that the job started, whole process trees included, before it
// returns; tests cannot excuse a survivor. (A job that ends by itself may leave
// a daemon behind on purpose: st2 lets it live, packs start services that way.)
// The deadline is in ctx already; a runner may apply a shorter one of its own.
type Runner interface {
	Run(ctx context.Context, job *Job, out Output) (squall.Outcome, error)
}

// ErrDetached is what a runner returns that has let go of a run that lives on.
var ErrDetached = errors.New("the run goes on without this process")

// Resumer is a runner whose runs outlive this process. When the context ends
// because the node stops or has lost its lease, Run leaves the job alone and
// returns ErrDetached; Resume goes on with it later, in this process or another,
// as if it had been there all the time: all output comes again from the beginning.
type Resumer interface {
	Runner
	Resume(ctx context.Context, job *Job, out Output) (squall.Outcome, error)
}

// Keep knows the runs of resumers, by their idempotency keys.
type Keep interface {
	// Kept lists runs that nobody has in hand: those that go on, and those that
	// have ended unheard.
	Kept() ([]string, error)
	// Release says that nothing is wanted of a run any more: its outcome is
	// stored, or nobody waits for it. What still runs of it ends.
	Release(key string)
}

// Job is everything a runner may know of an execution. It is read-only.
type Job struct {
	Execution *squall.Execution
	Action    *squall.Action
	// RunnerParams and ActionParams are the final values: defaults applied,
	// rendered, cast. JSON values by name, in the schema's order where it matters.
	RunnerParams map[string]any
	ActionParams map[string]any
	// PackDir is the pack's directory, empty for built-in packs without files.
	PackDir string
	// Env is what every action finds in its environment: idempotency key, API
	// address, token. Runners that start processes add it to their own.
	Env map[string]string
	// Log takes diagnostics about the run; never secrets.
	Log *slog.Logger
	// Rest gives the node's slot back to others: from here on the run only waits
	// for what other executions do, which may need that slot. It may be called
	// more than once; nil where there are no slots.
	Rest func()
}

// Decode puts the runner parameters into a struct with json tags.
func (j *Job) Decode(into any) error {
	b, err := json.Marshal(j.RunnerParams)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// Output takes what a run prints while it runs. Writers may be used by
// different goroutines; a write never blocks for long and never fails: what
// exceeds the bound is dropped and marked.
type Output interface {
	Stdout() io.Writer
	Stderr() io.Writer
}

// Set maps runner names ("local-shell-cmd") to runners; filled in internal/app.
type Set map[string]Runner
