package scheduler

import (
	"encoding/json"
	"errors"

	"squall/internal/runner"
	"squall/internal/squall"
)

// verdict is what is to be done at the end of a run.
type verdict struct {
	detached bool           // it goes on without us: write nothing
	drop     bool           // write nothing: the execution is not ours any more
	giveBack bool           // let another node start it again
	outcome  squall.Outcome // otherwise
}

// judge decides how a run ended from what its runner said and from the cause
// with which its context was canceled before the runner returned (nil: it was
// not). A run that came to a good end while the node was stopping has ended
// well; when its time was over or a user wanted it gone, that is what counts.
func judge(out squall.Outcome, err, cause error, repeatable bool) verdict {
	if errors.Is(err, runner.ErrDetached) {
		return verdict{detached: true}
	}
	if err != nil {
		out = failed(err.Error())
	}
	switch {
	case errors.Is(cause, runner.ErrLeaseLost):
		return verdict{drop: true}
	case errors.Is(cause, runner.ErrCanceled):
		out = squall.Outcome{Status: squall.Canceled}
	case errors.Is(cause, runner.ErrTimeout):
		out.Status = squall.Timeout
	case errors.Is(cause, runner.ErrShutdown) && out.Status != squall.Succeeded && out.Status != squall.Pending:
		if repeatable {
			return verdict{giveBack: true}
		}
		out = squall.Outcome{Status: squall.Abandoned, Result: out.Result, Reason: runner.ErrShutdown.Error()}
	case !out.Status.Final() && out.Status != squall.Pending:
		out = failed("the runner gave no outcome")
	}
	return verdict{outcome: out}
}

// failed is the outcome of something that could not be run. st2 shows such
// errors under the key "error".
func failed(text string) squall.Outcome {
	doc, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		doc = json.RawMessage(`{"error":"unknown"}`) // cannot happen
	}
	return squall.Outcome{Status: squall.Failed, Result: doc}
}
