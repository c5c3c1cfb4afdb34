package lifecycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// This file holds the decisions: values in, values out, no I/O.

// held are the states in which an execution is in the hands of a node.
var held = []squall.Status{squall.Running, squall.Canceling, squall.Pausing, squall.Resuming}

// waiting are the states in which nobody has begun with an execution.
var waiting = []squall.Status{squall.Requested, squall.Delayed}

// step is where an execution goes, and what is written with it.
type step struct {
	to     squall.Status
	result json.RawMessage // nil: the result stays
	reason string
}

// finishStep decides where a run that ended goes: where its runner says, but a
// run that somebody canceled is canceled, whatever its command made of that
// (st2), and keeps the result written when it was asked to stop.
func finishStep(now squall.Status, out squall.Outcome) (step, error) {
	switch {
	case now == squall.Canceling:
		if out.Status == squall.Abandoned {
			return step{to: squall.Canceled, reason: out.Reason}, nil
		}
		return step{to: squall.Canceled}, nil
	case !slices.Contains(held, now):
		return step{}, squall.Errorf(squall.Conflict, "the execution is %s already", now)
	case !out.Status.Final() && out.Status != squall.Pending, !now.CanMoveTo(out.Status):
		return step{}, squall.Errorf(squall.Internal, "a runner must not end in state %q", out.Status)
	}
	return step{to: out.Status, result: out.Result, reason: out.Reason}, nil
}

// cancelStep decides what a wish to cancel does. changed is false when there is
// nothing to do: it is canceled, or on the way to it. st2: an execution that
// has ended, or waits for an answer, refuses.
func cancelStep(now squall.Status, by string) (s step, changed bool, err error) {
	s = step{result: canceledResult(by), reason: canceledBy(by)}
	switch {
	case now == squall.Canceling || now == squall.Canceled:
		return step{}, false, nil
	case slices.Contains(waiting, now):
		s.to = squall.Canceled
	case now != squall.Pending && now.CanMoveTo(squall.Canceling):
		s.to = squall.Canceling
	default:
		return step{}, false, squall.Errorf(squall.Conflict, "Action cannot be canceled. State = %s.", now)
	}
	return s, true, nil
}

func canceledBy(user string) string {
	if user == "" {
		return "canceled"
	}
	return "canceled by " + user
}

// canceledResult is what st2 leaves as the result.
func canceledResult(user string) json.RawMessage {
	doc, err := json.Marshal(struct {
		Message string `json:"message"`
		User    string `json:"user"`
	}{"Action canceled by user.", user})
	if err != nil {
		panic(fmt.Sprintf("lifecycle: marshal two strings: %v", err)) // cannot happen
	}
	return doc
}

// rescueStep decides what becomes of an execution whose node does not look
// after it any more. nodeLives says that the node has its lease and only this
// one run is overdue.
func rescueStep(ex *squall.Execution, nodeLives, repeatable bool) step {
	lost := fmt.Sprintf("node %s lost its lease", ex.Node)
	switch {
	case ex.Status == squall.Canceling && nodeLives:
		return step{to: squall.Canceled, reason: fmt.Sprintf("node %s did not end it in time", ex.Node)}
	case ex.Status == squall.Canceling:
		return step{to: squall.Canceled, reason: lost}
	case nodeLives:
		return step{
			to:     squall.Timeout,
			result: json.RawMessage(`{"error":"The action did not end when its time was over."}`),
			reason: fmt.Sprintf("node %s did not end it in time", ex.Node),
		}
	case repeatable && ex.Status == squall.Running:
		return step{to: squall.Requested, reason: lost + "; started again"}
	default:
		return step{to: squall.Abandoned, reason: lost}
	}
}

// alive reports whether ex's node holds the lease under which it took ex.
func alive(nodes []store.Node, ex *squall.Execution, now time.Time) bool {
	return slices.ContainsFunc(nodes, func(n store.Node) bool {
		return n.Name == ex.Node && n.Epoch == ex.Epoch && n.LeaseUntil.After(now)
	})
}

// deadline returns when a run that starts now is out of time, zero for never.
// A limit that is a template is known only to the node that renders it.
func deadline(def *Definition, params json.RawMessage, now time.Time) time.Time {
	limit, ok := Limit(def.Runner, def.Form.Value(params, LimitName(def.Runner)))
	if !ok {
		return time.Time{}
	}
	return now.Add(limit).Truncate(time.Microsecond)
}

// attached reports whether a run ends with its node because nothing detaches it,
// where its runner leaves that to the parameter "detach". A value that is a
// template is known only to the node that renders it.
func attached(def *Definition, params json.RawMessage) bool {
	if _, ok := def.Runner.Parameters.Get("detach"); !ok {
		return false
	}
	switch v := def.Form.Value(params, "detach").(type) {
	case nil:
		return true
	case bool:
		return !v
	default:
		return false
	}
}

// LimitName is the runner's parameter that limits the time of a run, in seconds.
// Where "timeout" is the time of each of many hosts, another one is.
func LimitName(rt *squall.RunnerType) string {
	if rt != nil {
		if _, ok := rt.Parameters.Get("total_timeout"); ok {
			return "total_timeout"
		}
	}
	return "timeout"
}

// Limit returns how long a run may take, when value is what its runner's
// parameter LimitName has in the end. Zero or less is over at once (st2). A
// parameter of that name of the action's own is no limit.
func Limit(rt *squall.RunnerType, value any) (limit time.Duration, ok bool) {
	if rt == nil {
		return 0, false
	}
	if _, ok := rt.Parameters.Get(LimitName(rt)); !ok {
		return 0, false
	}
	n, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	seconds, err := n.Float64()
	if err != nil || seconds > maxTimeout.Seconds() {
		return 0, false
	}
	return time.Duration(max(0, seconds) * float64(time.Second)), true
}

// maxTimeout is the longest limit worth watching.
const maxTimeout = 10 * 365 * 24 * time.Hour

// CheckRerun decides whether a re-run may name tasks to repeat or reset, with
// st2's texts. Error kind: Invalid.
func CheckRerun(runner string, parameters bool, tasks, reset []string) error {
	switch {
	case len(tasks)+len(reset) == 0:
		return nil
	case parameters:
		return squall.Errorf(squall.Invalid, "Parameters override is not supported when re-running task(s) for a workflow.")
	case slices.ContainsFunc(reset, func(name string) bool { return !slices.Contains(tasks, name) }):
		return squall.Errorf(squall.Invalid, "List of tasks to reset does not match the tasks to rerun.")
	case runner != "orquesta":
		return squall.Errorf(squall.Invalid, "Task option is only supported for Orquesta workflows.")
	}
	return nil
}

// contextOf builds the context of a new execution: what the caller adds, then
// what is ours to say. st2: user and pack are always there.
func contextOf(r *squall.Request, own map[string]any) (json.RawMessage, error) {
	doc := map[string]any{}
	if len(r.Context) > 0 {
		if err := json.Unmarshal(r.Context, &doc); err != nil {
			return nil, squall.Errorf(squall.Invalid, "The context must be a JSON object: %w", err)
		}
		if doc == nil {
			doc = map[string]any{}
		}
	}
	doc["user"], doc["pack"] = r.User, r.Action.Pack
	for k, v := range own {
		doc[k] = v
	}
	return json.Marshal(doc)
}

// mergeParameters lays over's keys over base's; both are JSON objects or nil.
func mergeParameters(base, over json.RawMessage) (json.RawMessage, error) {
	var merged, given map[string]json.RawMessage
	if len(base) > 0 {
		if err := json.Unmarshal(base, &merged); err != nil {
			return nil, fmt.Errorf("read the old parameters: %w", err)
		}
	}
	if len(over) == 0 || string(over) == "null" {
		return base, nil
	}
	if err := json.Unmarshal(over, &given); err != nil {
		return nil, squall.Errorf(squall.Invalid, "The parameters must be a JSON object: %w", err)
	}
	if merged == nil {
		merged = map[string]json.RawMessage{}
	}
	for name, v := range given {
		merged[name] = v
	}
	return json.Marshal(merged)
}
