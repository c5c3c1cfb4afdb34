package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// RunnerStates is the kind of content that says which runners the administrator
// has switched off; one that is not there is on.
const RunnerStates ContentKind = "runner_type"

type runnerState struct {
	Disabled bool `json:"disabled"`
}

// PutRunnerState switches a runner on or off.
func PutRunnerState(ctx context.Context, tx Tx, name string, enabled bool) error {
	doc, err := json.Marshal(runnerState{Disabled: !enabled})
	if err != nil {
		return fmt.Errorf("encode state of runner %s: %w", name, err)
	}
	return tx.PutContent(ctx, &Content{Kind: RunnerStates, Ref: name, Name: name, Doc: doc})
}

// DisabledRunners returns the runners that are off.
func DisabledRunners(ctx context.Context, tx Tx) (map[string]bool, error) {
	list, err := tx.FindContent(ctx, ContentFilter{Kind: RunnerStates})
	if err != nil {
		return nil, err
	}
	off := map[string]bool{}
	for _, c := range list {
		state, err := Decode[runnerState](c)
		if err != nil {
			return nil, err
		}
		if state.Disabled {
			off[c.Ref] = true
		}
	}
	return off, nil
}
