package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// fixture is a database with machines and an action, and the test as the worker.
type fixture struct {
	t     *testing.T
	st    store.Store
	svc   *lifecycle.Service
	s     *Service
	owner store.Owner
	held  map[string]*squall.Execution // by machine
}

func newFixture(t *testing.T, machines int) *fixture {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "squall.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{t: t, st: st, svc: lifecycle.New(st, types.Builtin(), lifecycle.Options{}), held: map[string]*squall.Execution{}}
	f.s = New(st, f.svc, squall.NewIDSource(), "test", slog.New(slog.DiscardHandler))
	f.update(func(ctx context.Context, tx store.Tx) error {
		for i := range machines {
			if err := tx.PutFleetNode(ctx, &squall.FleetNode{Name: fmt.Sprintf("web%d", i+1), Tags: []string{"web"}}); err != nil {
				return err
			}
		}
		if err := tx.PutAction(ctx, &squall.Action{Ref: squall.Ref{Pack: "core", Name: "remote"}, Runner: "remote-shell-cmd", Enabled: true}); err != nil {
			return err
		}
		epoch, err := tx.JoinNode(ctx, store.Node{Name: "n"}, time.Hour)
		f.owner = store.Owner{Node: "n", Epoch: epoch}
		return err
	})
	return f
}

func (f *fixture) update(fn func(context.Context, store.Tx) error) {
	f.t.Helper()
	if err := f.st.Update(f.t.Context(), func(tx store.Tx) error { return fn(f.t.Context(), tx) }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) create(change ...func(*squall.Rollout)) *squall.Rollout {
	f.t.Helper()
	r := squall.Rollout{Action: squall.Ref{Pack: "core", Name: "remote"}, Parameters: json.RawMessage(`{"cmd":"true"}`), Target: "@web", User: "ann"}
	for _, c := range change {
		c(&r)
	}
	made, err := f.s.Create(f.t.Context(), r)
	if err != nil {
		f.t.Fatal(err)
	}
	return made
}

// work takes one look and lets the worker take what there is; it returns the
// machines that were begun with.
func (f *fixture) work() string {
	f.t.Helper()
	if _, err := f.s.round(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	list, err := f.svc.Claim(f.t.Context(), f.owner, 100, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	var begun []string
	for _, ex := range list {
		var params struct{ Hosts string }
		if err := json.Unmarshal(ex.Parameters, &params); err != nil {
			f.t.Fatal(err)
		}
		if f.held[params.Hosts] != nil {
			f.t.Errorf("%s is worked on twice at once", params.Hosts)
		}
		f.held[params.Hosts] = ex
		begun = append(begun, params.Hosts)
	}
	return strings.Join(begun, " ")
}

// end ends the work on machines.
func (f *fixture) end(status squall.Status, machines ...string) {
	f.t.Helper()
	for _, name := range machines {
		if err := f.svc.Finish(f.t.Context(), f.owner, f.held[name], squall.Outcome{Status: status, Result: json.RawMessage(`{}`)}); err != nil {
			f.t.Fatal(err)
		}
		delete(f.held, name)
	}
}

func (f *fixture) state(id squall.ID, want squall.RolloutState) *squall.Rollout {
	f.t.Helper()
	if _, err := f.s.round(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	r, err := f.s.Rollout(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	if r.State != want {
		f.t.Fatalf("it is %s (%s), want %s", r.State, r.Reason, want)
	}
	return r
}

func (f *fixture) begins(want string) {
	f.t.Helper()
	got := f.work()
	if got == "" && want != "" {
		got = f.work() // an end is seen by one look, what follows from it by the next
	}
	if got != want {
		f.t.Fatalf("begins with %q, want %q", got, want)
	}
}

func TestBatchByBatch(t *testing.T) {
	f := newFixture(t, 5)
	r := f.create(func(r *squall.Rollout) { r.Batches = "1, 2" })
	f.begins("web1")
	f.begins("")
	f.end(squall.Succeeded, "web1")
	f.begins("web2 web3")
	f.end(squall.Succeeded, "web3")
	f.begins("")
	f.end(squall.Succeeded, "web2")
	f.begins("web4 web5")
	f.end(squall.Succeeded, "web4", "web5")
	f.state(r.ID, squall.RolloutSucceeded)
}

func TestCanaryStopAndResume(t *testing.T) {
	f := newFixture(t, 6)
	r := f.create(func(r *squall.Rollout) { r.Batches, r.Canary, r.MaxFail = "1,2", true, "1" })
	f.begins("web1")
	f.end(squall.Succeeded, "web1")
	f.begins("")
	f.state(r.ID, squall.RolloutPaused)
	if _, err := f.s.Resume(t.Context(), r.ID, false); err != nil {
		t.Fatal(err)
	}
	f.begins("web2 web3")
	f.end(squall.Failed, "web2")
	f.begins("")
	f.end(squall.Timeout, "web3") // the second: too many
	f.begins("")
	f.state(r.ID, squall.RolloutStopped)
	f.begins("")
	if _, err := f.s.Resume(t.Context(), r.ID, true); err != nil {
		t.Fatal(err)
	}
	f.begins("web2 web3")
	f.end(squall.Succeeded, "web2", "web3")
	f.begins("web4 web5")
	if _, err := f.s.Pause(t.Context(), r.ID, "ann"); err != nil {
		t.Fatal(err)
	}
	f.end(squall.Succeeded, "web4", "web5")
	f.begins("")
	f.state(r.ID, squall.RolloutPaused)
	if _, err := f.s.Resume(t.Context(), r.ID, false); err != nil {
		t.Fatal(err)
	}
	f.begins("web6")
	f.end(squall.Succeeded, "web6")
	f.state(r.ID, squall.RolloutSucceeded)
	if _, err := f.s.Resume(t.Context(), r.ID, true); squall.KindOf(err) != squall.Conflict {
		t.Errorf("what has succeeded is resumed: %v", err)
	}
}

func TestTwoRolloutsShareNoMachine(t *testing.T) {
	f := newFixture(t, 3)
	first := f.create(func(r *squall.Rollout) { r.Target = "web1 | web2" })
	f.begins("web1 web2")
	second := f.create()
	f.begins("web3")
	f.end(squall.Succeeded, "web1")
	f.begins("web1")
	f.end(squall.Succeeded, "web2")
	f.begins("web2")
	f.state(first.ID, squall.RolloutSucceeded)
	f.end(squall.Succeeded, "web1", "web2", "web3")
	f.state(second.ID, squall.RolloutSucceeded)
}

func TestCancel(t *testing.T) {
	f := newFixture(t, 3)
	r := f.create(func(r *squall.Rollout) { r.Batches = "2" })
	f.begins("web1 web2")
	if _, err := f.s.Cancel(t.Context(), r.ID, "ann"); err != nil {
		t.Fatal(err)
	}
	f.end(squall.Canceled, "web1", "web2")
	f.begins("")
	got := f.state(r.ID, squall.RolloutCanceled)
	for _, h := range got.Hosts[:2] {
		if h.Status != squall.Canceled {
			t.Errorf("%s is %s", h.Name, h.Status)
		}
	}
	next := f.create(func(r *squall.Rollout) { r.Target = "web1" })
	f.begins("web1") // its lock is free again
	f.end(squall.Succeeded, "web1")
	f.state(next.ID, squall.RolloutSucceeded)
}

func TestWhatIsRefused(t *testing.T) {
	f := newFixture(t, 2)
	for name, change := range map[string]func(*squall.Rollout){
		"target":     func(r *squall.Rollout) { r.Target = "web[" },
		"nobody":     func(r *squall.Rollout) { r.Target = "@db" },
		"batches":    func(r *squall.Rollout) { r.Batches = "0" },
		"max_fail":   func(r *squall.Rollout) { r.MaxFail = "x" },
		"action":     func(r *squall.Rollout) { r.Action.Name = "absent" },
		"parameters": func(r *squall.Rollout) { r.Parameters = json.RawMessage(`{"nonsense":1}`) },
	} {
		r := squall.Rollout{Action: squall.Ref{Pack: "core", Name: "remote"}, Parameters: json.RawMessage(`{"cmd":"true"}`), Target: "@web"}
		change(&r)
		if _, err := f.s.Create(t.Context(), r); squall.KindOf(err) != squall.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
