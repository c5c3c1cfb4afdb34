package lifecycle_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

func TestRequestClaimFinish(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		work, stop := b.st.Wake(store.TopicWork)
		defer stop()
		ex := b.request(t, "shell", params(`{"cmd":"id"}`))
		wantLog(t, ex, squall.Requested)
		select {
		case <-work:
		case <-time.After(5 * time.Second):
			t.Error("nobody was woken")
		}

		claimed := b.claim(t)
		if claimed.ID != ex.ID || claimed.Attempt != 1 || claimed.Node != "n1" || claimed.Epoch != b.own.Epoch {
			t.Errorf("claimed %+v", claimed)
		}
		if got := claimed.Deadline.Sub(claimed.StartedAt); got != time.Minute {
			t.Errorf("it has %s, want a minute", got)
		}
		if string(claimed.Parameters) != `{"cmd":"id"}` || string(claimed.Context) != `{"pack":"core","user":"ann"}` {
			t.Errorf("parameters %s, context %s", claimed.Parameters, claimed.Context)
		}
		out := squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{"stdout":"root"}`)}
		if err := b.Finish(t.Context(), b.own, ex, out, squall.Chunk{Seq: 1, Stream: "stdout", Data: "root"}); err != nil {
			t.Fatal(err)
		}
		got := b.get(t, ex.ID)
		wantLog(t, got, squall.Requested, squall.Scheduled, squall.Running, squall.Succeeded)
		if string(got.Result) != string(out.Result) || got.EndedAt.IsZero() || got.Node != "n1" || got.Root != ex.ID {
			t.Errorf("got %+v", got)
		}
		want := []string{"execution.create requested", "execution.update running", "execution.output running", "execution.update succeeded"}
		if diff := cmp.Diff(want, b.messages(t, ex.ID)); diff != "" {
			t.Errorf("outbox: %s", diff)
		}
	})
}

func TestRequestIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		for _, tc := range []struct{ action, params, want string }{
			{"nope", ``, `Action "core.nope" cannot be found.`},
			{"off", ``, `Unable to execute. Action "core.off" is disabled.`},
			{"strange", ``, `Action "core.strange" needs the runner "nosuch", which this version does not have.`},
			{"shell", ``, `'cmd' is a required property`},
			{"shell", `{"cmd":"x","bogus":1}`, `Additional properties are not allowed ('bogus' was unexpected)`},
		} {
			_, err := b.Request(t.Context(), squall.Request{Action: ref(tc.action), Parameters: json.RawMessage(tc.params)})
			wantKind(t, err, squall.Invalid)
			if got := squall.MessageOf(err); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.action, got, tc.want)
			}
		}
		view(t, b.st, func(ctx context.Context, tx store.Tx) error {
			n, err := tx.CountExecutions(ctx, store.ExecutionFilter{}, 0)
			if n != 0 {
				t.Errorf("%d executions were stored", n)
			}
			return err
		})
	})
}

func TestRequestKeepsTheRunnersRealName(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		if ex := b.request(t, "old"); ex.Runner != "shell" {
			t.Errorf("runner %s", ex.Runner)
		}
	})
}

func TestRequestTxBelongsToItsTransaction(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var ex *squall.Execution
		undo := errors.New("undo")
		err := b.st.Update(t.Context(), func(tx store.Tx) (err error) {
			if ex, err = b.RequestTx(t.Context(), tx, squall.Request{Action: ref("noop")}); err != nil {
				return err
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		err = b.st.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.Execution(t.Context(), ex.ID, 0)
			return err
		})
		wantKind(t, err, squall.NotFound)

		parent := b.request(t, "noop").ID
		update(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
			ex, err = b.RequestTx(ctx, tx, squall.Request{Action: ref("noop"), Root: parent, Parent: &squall.TaskRef{Execution: parent, Task: "t", Item: -1}})
			return err
		})
		if got := b.get(t, ex.ID); got.Parent == nil || got.Parent.Task != "t" || got.Root == got.ID {
			t.Errorf("got %+v", got)
		}
	})
}

func TestDelay(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var now time.Time
		view(t, b.st, func(_ context.Context, tx store.Tx) error { now = tx.Now(); return nil })
		due := now.Add(3 * time.Second)
		ex := b.request(t, "noop", func(r *squall.Request) { r.NotBefore = due })
		wantLog(t, ex, squall.Requested, squall.Delayed)
		view(t, b.st, func(ctx context.Context, tx store.Tx) error {
			st, err := tx.QueueStats(ctx)
			if !st.NextDue.Equal(due.Truncate(time.Microsecond)) || !st.OldestDue.IsZero() || st.Delayed != 1 {
				t.Errorf("queue %+v, due %v", st, due)
			}
			return err
		})
		if claimed, err := b.Claim(t.Context(), b.own, 1, nil); err != nil || len(claimed) != 0 {
			t.Fatalf("claimed %d before it is due, %v", len(claimed), err)
		}
		time.Sleep(time.Until(due) + 50*time.Millisecond)
		b.claim(t)
		wantLog(t, b.get(t, ex.ID), squall.Requested, squall.Delayed, squall.Scheduled, squall.Running)
	})
}

func TestClaimTakesOldestAndOnlyItsQueues(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		first := b.request(t, "noop")
		b.request(t, "noop", func(r *squall.Request) { r.Queue = "gpu" })
		second := b.request(t, "noop")
		claimed, err := b.Claim(t.Context(), b.own, 10, nil)
		if err != nil || len(claimed) != 2 || claimed[0].ID != first.ID || claimed[1].ID != second.ID {
			t.Fatalf("claimed %v, %v", claimed, err)
		}
		if claimed, err = b.Claim(t.Context(), b.own, 10, []string{"gpu"}); err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %d of the queue, %v", len(claimed), err)
		}
	})
}

func TestCancel(t *testing.T) {
	const result = `{"message":"Action canceled by user.","user":"bob"}`
	eachStore(t, func(t *testing.T, b *bundle) {
		t.Run("requested", func(t *testing.T) {
			ex, err := b.Cancel(t.Context(), b.request(t, "noop").ID, "bob")
			if err != nil {
				t.Fatal(err)
			}
			wantLog(t, ex, squall.Requested, squall.Canceled)
			if string(ex.Result) != result || ex.EndedAt.IsZero() {
				t.Errorf("got %+v", ex)
			}
			if claimed, err := b.Claim(t.Context(), b.own, 1, nil); err != nil || len(claimed) != 0 {
				t.Errorf("a canceled execution was claimed: %v, %v", claimed, err)
			}
		})
		t.Run("delayed", func(t *testing.T) {
			ex := b.request(t, "noop", func(r *squall.Request) { r.NotBefore = time.Now().Add(time.Hour) })
			ex, err := b.Cancel(t.Context(), ex.ID, "bob")
			if err != nil {
				t.Fatal(err)
			}
			wantLog(t, ex, squall.Requested, squall.Delayed, squall.Canceled)
		})
		t.Run("running", func(t *testing.T) {
			control, stop := b.st.Wake(store.TopicControl)
			defer stop()
			id := b.request(t, "noop").ID
			b.claim(t)
			ex, err := b.Cancel(t.Context(), id, "bob")
			if err != nil {
				t.Fatal(err)
			}
			wantLog(t, ex, squall.Requested, squall.Scheduled, squall.Running, squall.Canceling)
			select {
			case <-control:
			case <-time.After(5 * time.Second):
				t.Error("the node was not told")
			}
			if ex, err = b.Cancel(t.Context(), id, "eve"); err != nil || ex.Status != squall.Canceling {
				t.Errorf("the second time: %v, %v", ex, err)
			}
			out := squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{"stdout":"late"}`)}
			if err := b.Finish(t.Context(), b.own, &squall.Execution{ID: id}, out); err != nil {
				t.Fatal(err)
			}
			got := b.get(t, id)
			wantLog(t, got, squall.Requested, squall.Scheduled, squall.Running, squall.Canceling, squall.Canceled)
			if string(got.Result) != result {
				t.Errorf("result %s", got.Result)
			}
			if ex, err = b.Cancel(t.Context(), id, "eve"); err != nil || ex.Status != squall.Canceled || len(ex.Log) != 5 {
				t.Errorf("the third time: %v, %v", ex, err)
			}
		})
		t.Run("ended", func(t *testing.T) {
			id := b.request(t, "noop").ID
			b.claim(t)
			if err := b.Finish(t.Context(), b.own, &squall.Execution{ID: id}, squall.Outcome{Status: squall.Failed}); err != nil {
				t.Fatal(err)
			}
			_, err := b.Cancel(t.Context(), id, "bob")
			wantKind(t, err, squall.Conflict)
			if squall.MessageOf(err) != "Action cannot be canceled. State = failed." {
				t.Error(err)
			}
		})
		t.Run("unknown", func(t *testing.T) {
			_, err := b.Cancel(t.Context(), "5f5f5f5f5f5f5f5f5f5f5f5f", "bob")
			wantKind(t, err, squall.NotFound)
		})
	})
}

func TestRerun(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		old := b.request(t, "shell", params(`{"cmd":"echo a","timeout":5}`))
		ex, err := b.Rerun(t.Context(), old.ID, squall.Request{User: "bob", Parameters: json.RawMessage(`{"cmd":"echo b"}`)})
		if err != nil {
			t.Fatal(err)
		}
		got := b.get(t, ex.ID)
		if string(got.Parameters) != `{"cmd":"echo b","timeout":5}` || got.RerunOf != old.ID || got.User != "bob" {
			t.Errorf("got %+v", got)
		}
		if want := `{"pack":"core","re-run":{"ref":"` + string(old.ID) + `"},"trace_context":{"id_":"` + string(old.ID) + `"},"user":"bob"}`; string(got.Context) != want {
			t.Errorf("context %s, want %s", got.Context, want)
		}
		_, err = b.Rerun(t.Context(), "5f5f5f5f5f5f5f5f5f5f5f5f", squall.Request{})
		wantKind(t, err, squall.NotFound)
		_, err = b.Rerun(t.Context(), old.ID, squall.Request{Parameters: json.RawMessage(`{"bogus":1}`)})
		wantKind(t, err, squall.Invalid)
	})
}

func TestGiveBack(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		id := b.request(t, "again").ID
		if err := b.GiveBack(t.Context(), b.own, b.claim(t), false); err != nil {
			t.Fatal(err)
		}
		if got := b.get(t, id); got.Attempt != 0 || got.Node != "" {
			t.Errorf("not begun: %+v", got)
		}
		ex := b.claim(t)
		if ex.Attempt != 1 {
			t.Errorf("attempt %d, want 1", ex.Attempt)
		}
		if err := b.GiveBack(t.Context(), b.own, ex, true); err != nil {
			t.Fatal(err)
		}
		if ex = b.claim(t); ex.Attempt != 2 {
			t.Errorf("attempt %d, want 2: the first was begun", ex.Attempt)
		}
		if _, err := b.Cancel(t.Context(), id, "bob"); err != nil {
			t.Fatal(err)
		}
		if err := b.GiveBack(t.Context(), b.own, ex, true); err != nil {
			t.Fatal(err)
		}
		if got := b.get(t, id); got.Status != squall.Canceled {
			t.Errorf("a canceled one was given back: %s", got.Status)
		}
	})
}

// The guards: each of these writes must find that the row is not, or not any
// more, the caller's, say so, and leave everything as it is.
func TestGuards(t *testing.T) {
	done := squall.Outcome{Status: squall.Succeeded}
	chunk := []squall.Chunk{{Seq: 1, Stream: "stdout", Data: "x"}}
	eachStore(t, func(t *testing.T, b *bundle) {
		for _, tc := range []struct {
			name string
			mine func(t *testing.T, ex *squall.Execution) store.Owner // makes the guard miss
		}{
			{"another node", func(t *testing.T, _ *squall.Execution) store.Owner { return b.join(t, "n2", time.Minute) }},
			{"an older epoch", func(t *testing.T, _ *squall.Execution) store.Owner {
				old := b.own
				b.own = b.join(t, "n1", time.Minute)
				return old
			}},
			{"a lease that ran out", func(t *testing.T, ex *squall.Execution) store.Owner {
				update(t, b.st, func(ctx context.Context, tx store.Tx) error { return tx.LeaveNode(ctx, b.own.Node, b.own.Epoch) })
				return b.own
			}},
			{"ended already", func(t *testing.T, ex *squall.Execution) store.Owner {
				if err := b.Finish(t.Context(), b.own, ex, squall.Outcome{Status: squall.Failed}); err != nil {
					t.Fatal(err)
				}
				return b.own
			}},
			{"given back", func(t *testing.T, ex *squall.Execution) store.Owner {
				if err := b.GiveBack(t.Context(), b.own, ex, true); err != nil {
					t.Fatal(err)
				}
				return b.own
			}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				b.own = b.join(t, "n1", time.Minute)
				id := b.request(t, "noop").ID
				ex := b.claim(t)
				for ; ex.ID != id; ex = b.claim(t) { // what an earlier case gave back
				}
				owner := tc.mine(t, ex)
				before, messages := b.get(t, id), b.messages(t, id)
				wantKind(t, b.Finish(t.Context(), owner, &squall.Execution{ID: id}, done, chunk...), squall.Conflict)
				wantKind(t, b.GiveBack(t.Context(), owner, ex, true), squall.Conflict)
				if ok, err := b.AppendOutput(t.Context(), owner, id, chunk); ok || err != nil {
					t.Errorf("AppendOutput: %v, %v", ok, err)
				}
				if diff := cmp.Diff(before, b.get(t, id)); diff != "" {
					t.Errorf("something was written: %s", diff)
				}
				if diff := cmp.Diff(messages, b.messages(t, id)); diff != "" {
					t.Errorf("something was told: %s", diff)
				}
				view(t, b.st, func(ctx context.Context, tx store.Tx) error {
					chunks, err := tx.Output(ctx, id, 0, 10)
					if len(chunks) > 0 {
						t.Errorf("output was written: %v", chunks)
					}
					return err
				})
			})
		}
		b.own = b.join(t, "n1", time.Minute)
		t.Run("claim without a lease", func(t *testing.T) {
			b.request(t, "noop")
			_, err := b.Claim(t.Context(), store.Owner{Node: "n1", Epoch: b.own.Epoch - 1}, 1, nil)
			wantKind(t, err, squall.Conflict)
			b.claim(t)
		})
		t.Run("finish what does not exist", func(t *testing.T) {
			wantKind(t, b.Finish(t.Context(), b.own, &squall.Execution{ID: "5f5f5f5f5f5f5f5f5f5f5f5f"}, done), squall.NotFound)
		})
	})
}

// racing makes the guard of a move miss a few times, as if somebody else had
// been faster.
type racing struct {
	store.Store
	misses int
}

type racingTx struct {
	store.Tx
	r *racing
}

func (r *racing) Update(ctx context.Context, fn func(store.Tx) error) error {
	return r.Store.Update(ctx, func(tx store.Tx) error { return fn(&racingTx{tx, r}) })
}

func (t *racingTx) MoveExecution(ctx context.Context, m store.Move) (bool, error) {
	if t.r.misses > 0 {
		t.r.misses--
		return false, nil
	}
	return t.Tx.MoveExecution(ctx, m)
}

func TestCancelDecidesAnewWhenTheGuardMisses(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		r := &racing{Store: b.st, misses: 2}
		svc := lifecycle.New(r, types, lifecycle.Options{})
		id := b.request(t, "noop").ID
		if ex, err := svc.Cancel(t.Context(), id, "bob"); err != nil || ex.Status != squall.Canceled {
			t.Errorf("after two misses: %v, %v", ex, err)
		}
		r.misses = 3
		id = b.request(t, "noop").ID
		_, err := svc.Cancel(t.Context(), id, "bob")
		wantKind(t, err, squall.Conflict)
		if got := b.get(t, id); got.Status != squall.Requested {
			t.Errorf("status %s", got.Status)
		}
	})
}

func TestRescue(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		plain, again, canceling := b.request(t, "noop").ID, b.request(t, "again").ID, b.request(t, "noop").ID
		if claimed, err := b.Claim(t.Context(), b.own, 3, nil); err != nil || len(claimed) != 3 {
			t.Fatal(claimed, err)
		}
		if _, err := b.Cancel(t.Context(), canceling, "bob"); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Rescue(t.Context()); n != 0 || err != nil {
			t.Fatalf("rescued %d of a node that lives, %v", n, err)
		}
		b.join(t, "n1", time.Minute) // it starts again: the old epoch is over
		if n, err := b.Rescue(t.Context()); n != 3 || err != nil {
			t.Fatalf("rescued %d, %v; want 3", n, err)
		}
		got := b.get(t, plain)
		wantLog(t, got, squall.Requested, squall.Scheduled, squall.Running, squall.Abandoned)
		if reason := got.Log[3].Reason; !strings.Contains(reason, "n1") || got.EndedAt.IsZero() {
			t.Errorf("reason %q, %+v", reason, got)
		}
		got = b.get(t, again)
		wantLog(t, got, squall.Requested, squall.Scheduled, squall.Running, squall.Requested)
		if got.Attempt != 1 || got.Node != "" {
			t.Errorf("got %+v", got)
		}
		wantLog(t, b.get(t, canceling), squall.Requested, squall.Scheduled, squall.Running, squall.Canceling, squall.Canceled)
		if n, err := b.Rescue(t.Context()); n != 0 || err != nil {
			t.Errorf("the second time: %d, %v", n, err)
		}
	})
}

// A node that keeps the runs of a runner is gone. What was not detached has ended with
// it and is rescued at once; the rest waits for it.
func TestRescueLeavesWhatGoesOn(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		update(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
			b.own.Epoch, err = tx.JoinNode(ctx, store.Node{Name: b.own.Node, Keeps: []string{"far"}, KeepFor: time.Hour}, time.Minute)
			return err
		})
		ends, goesOn := b.request(t, "far").ID, b.request(t, "far", params(`{"detach":true}`)).ID
		if claimed, err := b.Claim(t.Context(), b.own, 2, nil); err != nil || len(claimed) != 2 || !claimed[0].Attached || claimed[1].Attached {
			t.Fatal(claimed, err)
		}
		if n, err := b.Rescue(t.Context()); n != 0 || err != nil {
			t.Fatalf("rescued %d of a node that lives, %v", n, err)
		}
		update(t, b.st, func(ctx context.Context, tx store.Tx) error { return tx.LeaveNode(ctx, b.own.Node, b.own.Epoch) })
		if n, err := b.Rescue(t.Context()); n != 1 || err != nil {
			t.Fatalf("rescued %d, %v; want 1", n, err)
		}
		if got := b.get(t, ends).Status; got != squall.Abandoned {
			t.Errorf("what has ended with its node is %s", got)
		}
		if got := b.get(t, goesOn).Status; got != squall.Running {
			t.Errorf("what goes on is %s", got)
		}
	})
}

func TestRescueEndsWhatIsOverdue(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		id := b.request(t, "shell", params(`{"cmd":"x"}`)).ID
		b.claim(t)
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			past := tx.Now().Add(-2 * time.Minute)
			_, err := tx.MoveExecution(ctx, store.Move{ID: id, From: []squall.Status{squall.Running}, To: squall.Running, Deadline: &past})
			return err
		})
		if n, err := b.Rescue(t.Context()); n != 1 || err != nil {
			t.Fatalf("rescued %d, %v", n, err)
		}
		got := b.get(t, id)
		wantLog(t, got, squall.Requested, squall.Scheduled, squall.Running, squall.Timeout)
		wantKind(t, b.Finish(t.Context(), b.own, &squall.Execution{ID: id}, squall.Outcome{Status: squall.Succeeded}), squall.Conflict)
	})
}

func TestSweep(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var ended []squall.ID
		for range 7 {
			ended = append(ended, b.request(t, "noop").ID)
		}
		claimed, err := b.Claim(t.Context(), b.own, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, ex := range claimed {
			if err := b.Finish(t.Context(), b.own, ex, squall.Outcome{Status: squall.Succeeded}); err != nil {
				t.Fatal(err)
			}
		}
		open := b.request(t, "noop").ID
		if n, err := b.Sweep(t.Context(), lifecycle.Retention{Executions: time.Hour, Outbox: time.Hour}); n != 0 || err != nil {
			t.Fatalf("swept %d, %v", n, err)
		}
		time.Sleep(5 * time.Millisecond)
		n, err := b.Sweep(t.Context(), lifecycle.Retention{Executions: time.Millisecond, Batch: 3})
		if n != len(ended) || err != nil {
			t.Fatalf("swept %d, %v; want %d", n, err, len(ended))
		}
		if got := b.get(t, open); got.Status != squall.Requested {
			t.Errorf("the open one is %s", got.Status)
		}
		if n, err = b.Sweep(t.Context(), lifecycle.Retention{Outbox: time.Nanosecond}); n == 0 || err != nil {
			t.Errorf("outbox: swept %d, %v", n, err)
		}
	})
}

// local is a scheduler of the tests.
type local struct {
	owner    store.Owner
	full     bool
	started  []*squall.Execution
	released int
}

func (l *local) Reserve(string) (lifecycle.Slot, bool) { return l, !l.full }
func (l *local) Owner() store.Owner                    { return l.owner }
func (l *local) Start(ex *squall.Execution)            { l.started = append(l.started, ex) }
func (l *local) Release()                              { l.released++ }

func TestLocalStartsAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		l := &local{owner: b.own}
		b.SetLocal(l)
		ex := b.request(t, "shell", params(`{"cmd":"id","timeout":5}`))
		wantLog(t, b.get(t, ex.ID), squall.Requested, squall.Scheduled, squall.Running)
		if len(l.started) != 1 || l.started[0].ID != ex.ID || ex.Attempt != 1 || ex.Deadline.Sub(ex.StartedAt) != 5*time.Second {
			t.Errorf("started %v, %+v", l.started, ex)
		}
		if diff := cmp.Diff([]string{"execution.create running"}, b.messages(t, ex.ID)); diff != "" {
			t.Error(diff)
		}
		if err := b.Finish(t.Context(), b.own, ex, squall.Outcome{Status: squall.Succeeded}); err != nil {
			t.Error(err)
		}

		for name, change := range map[string]func(*squall.Request){
			"delayed": func(r *squall.Request) { r.NotBefore = time.Now().Add(time.Hour) },
			"queue":   func(r *squall.Request) { r.Queue = "gpu" },
		} {
			if ex := b.request(t, "noop", change); ex.Status == squall.Running || len(l.started) != 1 {
				t.Errorf("%s was started", name)
			}
		}
		l.full = true
		if ex := b.request(t, "noop"); ex.Status != squall.Requested {
			t.Errorf("without a slot it is %s", ex.Status)
		}
		l.full = false
		l.owner.Epoch--
		if ex := b.request(t, "noop"); ex.Status != squall.Requested || l.released != 1 || len(l.started) != 1 {
			t.Errorf("without a lease it is %s; released %d, started %d", ex.Status, l.released, len(l.started))
		}
		l.owner.Epoch++
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Request(ctx, squall.Request{Action: ref("noop")}); err == nil {
			t.Error("a dead context was accepted")
		}
	})
}

func TestRescueLeavesWhatMovedMeanwhile(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		id := b.request(t, "noop").ID
		b.claim(t)
		b.join(t, "n1", time.Minute)
		svc := lifecycle.New(&racing{Store: b.st, misses: 1}, types, lifecycle.Options{})
		if n, err := svc.Rescue(t.Context()); n != 0 || err != nil {
			t.Errorf("rescued %d although somebody else was faster, %v", n, err)
		}
		if got := b.get(t, id); got.Status != squall.Running || len(b.messages(t, id)) != 2 {
			t.Errorf("it is %s, messages %v", got.Status, b.messages(t, id))
		}
	})
}
