package api

import (
	"encoding/json"

	"squall/internal/auth"
	"squall/internal/squall"
)

// nodeRun is the action that runs another one on machines.
var nodeRun = squall.Ref{Pack: "std", Name: "node_run"}

// checkInner checks that who may run the action may run the one that it would run,
// too: std.node_run must not be the way around the rights on all others. A name
// that is not known before it runs, a template, is one that nobody has rights on.
func (r *request) checkInner(ref squall.Ref, parameters json.RawMessage) error {
	if r.caller.Rights == nil || ref != nodeRun {
		return nil
	}
	given := struct{ Action string }{"core.remote"} // its default
	_ = json.Unmarshal(parameters, &given)          // what cannot be read is refused later
	inner, err := squall.ParseRef(given.Action)
	if err != nil || inner == nodeRun {
		return r.caller.Check(auth.ActionExecute)
	}
	return r.caller.CheckOn(auth.ActionExecute, actionUIDs(inner)...)
}
