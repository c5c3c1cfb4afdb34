package param

import (
	"encoding/json"

	"squall/internal/squall"
)

// Final is Of(rt, a).Final(given).
func Final(rt *squall.RunnerType, a *squall.Action, given json.RawMessage) (runnerParams, actionParams map[string]any, err error) {
	return Of(rt, a).Final(given)
}

// Final returns the values a run starts with: every declared parameter, with
// its default where none (or null) was given, null where there is no default.
// A parameter that the runner declares goes to the runner only (st2). Numbers
// are json.Number, so that 2.0 stays 2.0.
func (f *Form) Final(given json.RawMessage) (runnerParams, actionParams map[string]any, err error) {
	params, err := object(given)
	if err != nil {
		return nil, nil, err
	}
	runnerParams, actionParams = map[string]any{}, map[string]any{}
	for _, name := range f.names {
		v := params[name]
		if v == nil || f.fixed[name] {
			v = f.defaults[name]
		}
		if f.own[name] {
			actionParams[name] = v
		} else {
			runnerParams[name] = v
		}
	}
	if len(f.names) == 0 {
		// Nothing is declared, so anything was accepted; hand it on.
		for name, v := range params {
			actionParams[name] = v
		}
	}
	return runnerParams, actionParams, nil
}
