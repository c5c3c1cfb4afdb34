package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// waiter is an execution of std.node_run that is being run.
type waiter struct {
	*fixture
	ex     *squall.Execution
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
	out    squall.Outcome
	err    error
	rested bool
}

// nodeRun requests an execution and runs it, as a worker does.
func (f *fixture) nodeRun(params string) *waiter {
	f.t.Helper()
	ref := squall.Ref{Pack: "std", Name: "node_run"}
	f.update(func(ctx context.Context, tx store.Tx) error {
		return tx.PutAction(ctx, &squall.Action{Ref: ref, Runner: "node-run", Enabled: true, Repeatable: true, Parameters: squall.Schema{
			{Name: "target"}, {Name: "action"}, {Name: "parameters", Type: json.RawMessage(`"object"`)}, {Name: "pick"}, {Name: "prefer"}, {Name: "failover"}, {Name: "at_once"}, {Name: "splay"},
		}})
	})
	ex, err := f.svc.Request(f.t.Context(), squall.Request{Action: ref, Parameters: json.RawMessage(params), User: "ann"})
	if err != nil {
		f.t.Fatal(err)
	}
	list, err := f.svc.Claim(f.t.Context(), f.owner, 1, nil)
	if err != nil || len(list) != 1 {
		f.t.Fatalf("claimed %v, %v", list, err)
	}
	w := &waiter{fixture: f, ex: list[0]}
	w.start()
	f.t.Cleanup(func() { w.cancel(runner.ErrShutdown); w.done.Wait() })
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := f.s.Rollout(f.t.Context(), ex.ID); err == nil {
			return w
		}
		if time.Now().After(end) {
			f.t.Fatal("it makes no rollout")
		}
	}
}

// start runs the execution; a second call is the next attempt.
func (w *waiter) start() {
	ctx, cancel := context.WithCancelCause(w.t.Context())
	w.cancel = cancel
	params := map[string]any{}
	if err := json.Unmarshal(w.ex.Parameters, &params); err != nil {
		w.t.Fatal(err)
	}
	job := &runner.Job{Execution: w.ex, ActionParams: params, Log: slog.New(slog.DiscardHandler), Rest: func() { w.rested = true }}
	w.done.Go(func() { w.out, w.err = w.s.Runner().Run(ctx, job, runner.Discard) })
}

// ends waits for the outcome; look moves the rollout meanwhile.
func (w *waiter) ends(want squall.Status) map[string]hostResult {
	w.t.Helper()
	over := make(chan struct{})
	go func() { w.done.Wait(); close(over) }()
	for open := true; open; {
		if _, err := w.s.round(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		select {
		case <-over:
			open = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if w.err != nil || w.out.Status != want {
		w.t.Fatalf("%s %s, %v, want %s", w.out.Status, w.out.Result, w.err, want)
	}
	var doc struct{ Hosts map[string]hostResult }
	if len(w.out.Result) > 0 {
		if err := json.Unmarshal(w.out.Result, &doc); err != nil {
			w.t.Fatal(err)
		}
	}
	return doc.Hosts
}

// fails ends the work on a machine with a result of a remote action.
func (f *fixture) fails(machine, why string) {
	f.t.Helper()
	result := fmt.Sprintf(`{%q:{"failed":true,"succeeded":false,"return_code":255,"stdout":"","stderr":"","timeout":false,"error":%q}}`, machine, why+" host "+machine+". cut off")
	if err := f.svc.Finish(f.t.Context(), f.owner, f.held[machine], squall.Outcome{Status: squall.Failed, Result: json.RawMessage(result)}); err != nil {
		f.t.Fatal(err)
	}
	delete(f.held, machine)
}

const (
	notReached = "Failed connecting to"
	cutOff     = "Failed executing command on"
)

// TestOneOf is K4: a job for one machine of several. What cannot be reached is
// replaced; what was cut off while the command ran is only where that is allowed.
func TestOneOf(t *testing.T) {
	for _, tt := range []struct {
		failover, first string
		replaced        bool
	}{
		{"unreachable", notReached, true},
		{"unreachable", cutOff, false},
		{"always", cutOff, true},
		{"never", notReached, false},
	} {
		t.Run(tt.failover+" "+tt.first, func(t *testing.T) {
			f := newFixture(t, 3)
			w := f.nodeRun(fmt.Sprintf(`{"target":"@web","action":"core.remote","parameters":{"cmd":"true"},"pick":"1","prefer":"first","failover":%q}`, tt.failover))
			f.begins("web1")
			f.fails("web1", tt.first)
			want := squall.Failed
			if tt.replaced {
				f.begins("web2")
				f.end(squall.Succeeded, "web2")
				want = squall.Succeeded
			} else {
				f.begins("")
			}
			hosts := w.ends(want)
			if len(hosts) != 1 && !tt.replaced || len(hosts) != 2 && tt.replaced || hosts["web1"].Status != squall.Failed || hosts["web1"].Untouched != (tt.first == notReached && tt.failover == "unreachable") {
				t.Errorf("the result says %+v", hosts)
			}
			if !w.rested {
				t.Error("it keeps its slot while it waits")
			}
		})
	}
}

// TestAllOf: every machine is told of, those that failed by name.
func TestAllOf(t *testing.T) {
	f := newFixture(t, 4)
	w := f.nodeRun(`{"target":"@web & !web4","action":"core.remote","parameters":{"cmd":"true"},"at_once":2}`)
	f.begins("web1 web2")
	f.end(squall.Failed, "web1")
	f.begins("web3")
	f.end(squall.Succeeded, "web2", "web3")
	hosts := w.ends(squall.Failed)
	if len(hosts) != 3 || hosts["web1"].Status != squall.Failed || hosts["web3"].Status != squall.Succeeded || !strings.Contains(string(w.out.Result), `"failed":["web1"]`) {
		t.Errorf("the result is %s", w.out.Result)
	}
}

// TestNextAttemptGoesOn: the node that waits is replaced, and no machine begins
// twice.
func TestNextAttemptGoesOn(t *testing.T) {
	f := newFixture(t, 2)
	w := f.nodeRun(`{"target":"@web","action":"core.remote","parameters":{"cmd":"true"}}`)
	f.begins("web1 web2")
	w.cancel(runner.ErrLeaseLost)
	w.done.Wait()
	if w.out.Status != squall.Abandoned {
		t.Errorf("the first attempt is %s", w.out.Status)
	}
	w.start()
	f.end(squall.Succeeded, "web1", "web2")
	w.ends(squall.Succeeded)
	if list, err := f.s.Rollouts(t.Context(), 10); err != nil || len(list) != 1 {
		t.Errorf("%d rollouts, %v", len(list), err)
	}
}

// TestCanceledWithItsExecution: who cancels the execution cancels the rollout; so
// does an end that nobody could tell it of.
func TestCanceledWithItsExecution(t *testing.T) {
	f := newFixture(t, 3)
	w := f.nodeRun(`{"target":"@web","action":"core.remote","parameters":{"cmd":"true"},"at_once":1}`)
	f.begins("web1")
	w.cancel(runner.ErrCanceled)
	w.ends(squall.Canceled)
	f.end(squall.Canceled, "web1")
	f.begins("")
	f.state(w.ex.ID, squall.RolloutCanceled)

	w = f.nodeRun(`{"target":"@web","action":"core.remote","parameters":{"cmd":"true"},"at_once":1}`)
	f.begins("web1")
	w.cancel(runner.ErrLeaseLost)
	w.done.Wait()
	if err := f.svc.Finish(t.Context(), f.owner, w.ex, squall.Outcome{Status: squall.Abandoned}); err != nil {
		t.Fatal(err)
	}
	f.state(w.ex.ID, squall.RolloutCanceled)
	f.end(squall.Canceled, "web1")
	f.begins("")
}

func TestNodeRunRefuses(t *testing.T) {
	f := newFixture(t, 2)
	for name, params := range map[string]string{
		"target": `{"target":"@nosuch","action":"core.remote"}`, "pick": `{"target":"@web","action":"core.remote","pick":"0"}`,
		"prefer": `{"target":"@web","action":"core.remote","pick":"1","prefer":"best"}`, "failover": `{"target":"@web","action":"core.remote","failover":"x"}`,
		"splay": `{"target":"@web","action":"core.remote","splay":"soon"}`, "action": `{"target":"@web","action":"core.nosuch"}`,
	} {
		var p map[string]any
		if err := json.Unmarshal([]byte(params), &p); err != nil {
			t.Fatal(err)
		}
		job := &runner.Job{Execution: &squall.Execution{ID: squall.NewIDSource().Next(time.Now())}, ActionParams: p, Log: slog.New(slog.DiscardHandler)}
		out, err := f.s.Runner().Run(t.Context(), job, runner.Discard)
		if err != nil || out.Status != squall.Failed || !strings.Contains(string(out.Result), `"error"`) {
			t.Errorf("%s: %s %s, %v", name, out.Status, out.Result, err)
		}
	}
}
