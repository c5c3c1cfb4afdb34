package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"squall/internal/fleet"
	"squall/internal/runner"
	"squall/internal/squall"
)

// Runner runs an action on machines as one execution, which ends with its
// rollout: so rules, schedules and workflows can do it, and everything that goes
// by executions (overlap of schedules, notifications, dead-man alarms) holds.
//
// The rollout has the execution's identifier. The execution only waits and takes
// no slot of the node. When the node dies, its next attempt finds the rollout,
// which went on meanwhile.
type Runner struct{ s *Service }

// Runner returns the runner of the action std.node_run.
func (s *Service) Runner() Runner { return Runner{s} }

var _ runner.Runner = Runner{}

// request is the parameters of the action.
type request struct {
	Target     string          `json:"target"`
	Action     string          `json:"action"`
	Parameters json.RawMessage `json:"parameters"`
	Param      string          `json:"param"`
	Pick       string          `json:"pick"`
	Prefer     string          `json:"prefer"`
	Failover   string          `json:"failover"`
	Key        string          `json:"key"`
	AtOnce     int             `json:"at_once"`
	Splay      string          `json:"splay"`
	Batches    string          `json:"batches"`
	Pause      string          `json:"pause"`
	MaxFail    string          `json:"max_fail"`
	Exclusive  bool            `json:"exclusive"`
}

// Between two looks at the rollout.
const (
	lookFirst = 100 * time.Millisecond
	lookLast  = 2 * time.Second
)

// Run implements runner.Runner.
func (n Runner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	r, err := n.begin(ctx, job)
	switch {
	case squall.KindOf(err) == squall.Invalid:
		return runner.Failure("%s", squall.MessageOf(err)), nil
	case err != nil:
		return squall.Outcome{}, err
	}
	fmt.Fprintf(out.Stdout(), "%d machines: %s\n", len(r.Hosts), r.Target)
	if job.Rest != nil {
		job.Rest()
	}
	told := map[string]squall.Status{}
	for wait := lookFirst; ; wait = min(2*wait, lookLast) {
		now, err := n.s.Rollout(ctx, r.ID)
		switch {
		case ctx.Err() != nil:
			return n.giveUp(ctx, job, r)
		case squall.KindOf(err) == squall.NotFound:
			return runner.Failure("the rollout %s is gone", r.ID), nil
		case err != nil:
			job.Log.Warn("a rollout cannot be looked at", "error", err) // the database is away: it goes on there
		default:
			r = now
			tell(out, r, told)
			if r.State.Ended() && !r.Open() {
				return outcomeOf(r)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// begin makes the rollout, or finds that of an earlier attempt.
func (n Runner) begin(ctx context.Context, job *runner.Job) (*squall.Rollout, error) {
	ex := job.Execution
	if r, err := n.s.Rollout(ctx, ex.ID); squall.KindOf(err) != squall.NotFound {
		return r, err
	}
	doc, err := json.Marshal(job.ActionParams)
	if err != nil {
		return nil, err
	}
	var p request
	if err := json.Unmarshal(doc, &p); err != nil {
		return nil, squall.Errorf(squall.Invalid, "parameters: %w", err)
	}
	r := squall.Rollout{
		ID: ex.ID, Waiting: true, Target: p.Target, Parameters: p.Parameters, Param: p.Param, User: ex.User,
		Batches: p.Batches, MaxFail: cmp.Or(p.MaxFail, "100%"), Shared: !p.Exclusive, AtOnce: p.AtOnce, Failover: squall.Failover(p.Failover),
	}
	if r.Action, err = squall.ParseRef(p.Action); err != nil {
		return nil, squall.Errorf(squall.Invalid, "Action %q cannot be found.", p.Action)
	}
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"splay", p.Splay, &r.Splay}, {"pause", p.Pause, &r.Pause}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.ParseDuration(d.text); err != nil {
			return nil, squall.Errorf(squall.Invalid, "%s: %q is no duration such as 30s or 10m", d.name, d.text)
		}
	}
	pick := Pick{Count: p.Pick, Prefer: fleet.Prefer(p.Prefer), Key: cmp.Or(p.Key, p.Action+" "+p.Target)}
	made, err := n.s.Create(ctx, r, pick)
	if squall.KindOf(err) == squall.Conflict {
		return n.s.Rollout(ctx, ex.ID)
	}
	return made, err
}

// giveUp ends the rollout with its execution, unless the next attempt of that
// goes on with it.
func (n Runner) giveUp(ctx context.Context, job *runner.Job, r *squall.Rollout) (squall.Outcome, error) {
	status := runner.StatusOf(ctx)
	if status == squall.Abandoned {
		return squall.Outcome{Status: status}, nil
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	canceled, err := n.s.Cancel(late, r.ID, "its execution")
	switch {
	case squall.KindOf(err) == squall.Conflict: // it has ended by itself
	case err != nil:
		job.Log.Warn("the rollout of an execution is not canceled yet", "error", err) // whoever moves it sees that nobody waits
	default:
		r = canceled
	}
	return squall.Outcome{Status: status, Result: resultOf(r)}, nil
}

// tell prints what is new of machines.
func tell(out runner.Output, r *squall.Rollout, told map[string]squall.Status) {
	for _, h := range r.Hosts {
		if !h.Status.Final() || told[h.Name] == h.Status {
			continue
		}
		told[h.Name] = h.Status
		fmt.Fprintf(out.Stdout(), "%s: %s\n", h.Name, h.Status)
	}
}

func outcomeOf(r *squall.Rollout) (squall.Outcome, error) {
	o := squall.Outcome{Status: squall.Failed, Result: resultOf(r), Reason: r.Reason}
	switch r.State {
	case squall.RolloutSucceeded:
		o.Status = squall.Succeeded
	case squall.RolloutCanceled:
		o.Status = squall.Canceled
	case squall.RolloutRunning, squall.RolloutPaused, squall.RolloutFailed, squall.RolloutStopped: // the first two never: it has ended
	}
	if o.Result == nil {
		return o, errors.New("the result of a rollout cannot be written")
	}
	return o, nil
}

// hostResult is what the result says of a machine.
type hostResult struct {
	Status    squall.Status `json:"status"`
	Execution squall.ID     `json:"execution_id,omitempty"`
	Error     string        `json:"error,omitempty"`
	Untouched bool          `json:"untouched,omitempty"` // nothing was run on it
}

func resultOf(r *squall.Rollout) json.RawMessage {
	hosts, failed, done := map[string]hostResult{}, []string{}, 0
	for _, h := range r.Hosts {
		if h.Status == "" {
			continue // it was not its turn
		}
		hosts[h.Name] = hostResult{h.Status, h.Execution, h.Error, h.Untouched}
		switch {
		case h.Status == squall.Succeeded:
			done++
		case h.Status.Final():
			failed = append(failed, h.Name)
		}
	}
	doc, err := json.Marshal(map[string]any{
		"rollout": r.ID, "state": r.State, "reason": r.Reason, "succeeded": done, "failed": failed, "hosts": hosts,
	})
	if err != nil {
		return nil // texts, numbers and lists of them
	}
	return doc
}
