package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

func TestRunsWhatWaitsAndWhatComes(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		waiting := b.request("func", "first")
		s := b.start(fast("n1"))
		ex := b.await(waiting.ID, squall.Succeeded)
		if string(ex.Result) != `"first"` || ex.Node != "n1" || ex.Attempt != 1 {
			t.Errorf("got %+v, result %s", ex, ex.Result)
		}
		b.svc.SetLocal(s.Scheduler)
		var ids []squall.ID
		for i := range 30 {
			ids = append(ids, b.request("func", fmt.Sprint(i)).ID, b.request("noop", "").ID)
		}
		for _, id := range ids {
			b.await(id, squall.Succeeded)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if ex := b.request("noop", ""); ex.Status != squall.Requested {
			t.Errorf("a stopped scheduler took an execution: %s", ex.Status)
		}
	})
}

func TestJobIsComplete(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		jobs := make(chan *runner.Job, 1)
		b.funcs.set("look", func(_ context.Context, job *runner.Job, _ runner.Output) (squall.Outcome, error) {
			jobs <- job
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		cfg := fast("n1")
		cfg.APIURL = "http://127.0.0.1:1"
		cfg.IssueToken = func(_ context.Context, ex *squall.Execution) (string, error) { return "token-of-" + ex.User, nil }
		b.start(cfg)
		ex := b.await(b.request("func", "look").ID, squall.Succeeded)
		job := <-jobs
		want := map[string]string{
			"SQUALL_EXECUTION_ID": string(ex.ID), "SQUALL_ATTEMPT": "1", "SQUALL_IDEMPOTENCY_KEY": string(ex.ID) + ":1",
			"SQUALL_API_URL": "http://127.0.0.1:1", "SQUALL_TOKEN": "token-of-ann",
			"ST2_ACTION_API_URL": "http://127.0.0.1:1/v1", "ST2_ACTION_AUTH_TOKEN": "token-of-ann",
			"ST2_ACTION_PACK_NAME": "t", "ST2_ACTION_DEBUG": "False", "ST2_ACTION_EXECUTION_ID": string(ex.ID),
		}
		if diff := cmp.Diff(want, job.Env); diff != "" {
			t.Error(diff)
		}
		if job.PackDir != "/packs/t" || job.RunnerParams["timeout"] != json.Number("60") || job.Action.Ref.Name != "func" {
			t.Errorf("got %+v", job)
		}
	})
}

func TestCancel(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("wait", untilCanceled)
		b.start(fast("n1"))
		ex := b.request("func", "wait")
		b.await(ex.ID, squall.Running)
		if _, err := b.svc.Cancel(t.Context(), ex.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		got := b.await(ex.ID, squall.Canceled)
		if string(got.Result) != `{"message":"Action canceled by user.","user":"bob"}` {
			t.Errorf("result %s", got.Result)
		}
	})
}

func TestTimeout(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("wait", untilCanceled)
		b.start(fast("n1"))
		for _, limit := range []string{"0.05", "0"} {
			ex := b.request("func", "", func(r *squall.Request) {
				r.Parameters = json.RawMessage(`{"name":"wait","timeout":` + limit + `}`)
			})
			got := b.await(ex.ID, squall.Timeout)
			if string(got.Result) != `{"ended":true}` || got.Deadline.IsZero() {
				t.Errorf("result %s, deadline %s", got.Result, got.Deadline)
			}
		}
	})
}

func TestDelayedStartsOnTime(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		cfg := fast("n1")
		cfg.Poll = time.Minute // only the alarm can do it
		b.start(cfg)
		time.Sleep(50 * time.Millisecond)
		due := time.Now().Add(200 * time.Millisecond)
		ex := b.request("func", "", func(r *squall.Request) { r.NotBefore = due })
		got := b.await(ex.ID, squall.Succeeded)
		if late := got.StartedAt.Sub(due); late < -time.Millisecond || late > 150*time.Millisecond {
			t.Errorf("it started %s after it was due", late)
		}
	})
}

func TestPanicFailsTheExecutionOnly(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("panic", func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) { panic("at the disco") })
		log := &testLog{t: t}
		cfg := fast("n1")
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
		b.start(cfg)
		ex := b.await(b.request("func", "panic").ID, squall.Failed)
		if text := string(ex.Result); strings.Contains(text, "disco") || !strings.Contains(text, "internal error") {
			t.Errorf("result %s", text)
		}
		if text := log.String(); !strings.Contains(text, "disco") || !strings.Contains(text, "scheduler_test.go") {
			t.Errorf("the log lacks panic or stack: %s", text)
		}
		b.await(b.request("func", "fine").ID, squall.Succeeded)
	})
}

func TestWhatCannotRunFails(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("error", func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
			return squall.Outcome{}, errors.New("no such host")
		})
		s := b.start(fast("n1"))
		b.svc.SetLocal(s.Scheduler)
		for _, tc := range []struct{ action, name, want string }{
			{"func", "error", `{"error":"no such host"}`},
			{"absent", "", `{"error":"this node has no runner \"absent\""}`},
		} {
			if ex := b.await(b.request(tc.action, tc.name).ID, squall.Failed); string(ex.Result) != tc.want {
				t.Errorf("%s: %s, want %s", tc.action, ex.Result, tc.want)
			}
		}
	})
}

func TestOlderRequestsGoFirst(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var mu sync.Mutex
		var order []string
		gate := make(chan struct{})
		b.funcs.set("gate", func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
			<-gate
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		cfg := fast("n1")
		cfg.Slots = 1
		s := b.start(cfg)
		b.svc.SetLocal(s.Scheduler)
		b.await(b.request("func", "gate").ID, squall.Running)
		var ids []squall.ID
		for i := range 10 {
			name := fmt.Sprint(i)
			b.funcs.set(name, func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
				return squall.Outcome{Status: squall.Succeeded}, nil
			})
			if i == 5 {
				close(gate) // from here on a slot may be free when a request comes
			}
			ids = append(ids, b.request("func", name).ID)
		}
		for _, id := range ids {
			b.await(id, squall.Succeeded)
		}
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, order); diff != "" {
			t.Error(diff)
		}
	})
}

// What waits for another node must not keep this one from starting requests at once.
func TestForeignQueueIsNoBacklog(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		cfg := fast("n1")
		cfg.Poll = time.Minute
		s := b.start(cfg)
		b.svc.SetLocal(s.Scheduler)
		b.await(b.request("func", "warm").ID, squall.Succeeded)
		b.request("func", "elsewhere", func(r *squall.Request) { r.Queue = "gpu" })
		deadline := time.Now().Add(10 * time.Second)
		for time.Now().Before(deadline) {
			if ex := b.request("func", "here"); ex.Status == squall.Running {
				b.await(ex.ID, squall.Succeeded)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error("no request was started at once")
	})
}

func TestTwoSchedulersShareTheWork(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var both sync.WaitGroup
		both.Add(8)
		b.funcs.set("meet", func(ctx context.Context, _ *runner.Job, _ runner.Output) (squall.Outcome, error) {
			both.Done()
			both.Wait() // ends only when eight run at once: four on each node
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		b.start(fast("n1"))
		b.start(fast("n2"))
		var ids []squall.ID
		for range 8 {
			ids = append(ids, b.request("func", "meet").ID)
		}
		nodes := map[string]int{}
		for _, id := range ids {
			nodes[b.await(id, squall.Succeeded).Node]++
		}
		if nodes["n1"] != 4 || nodes["n2"] != 4 {
			t.Errorf("they ran %v", nodes)
		}
	})
}

func TestStopWaitsForRuns(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("short", func(ctx context.Context, _ *runner.Job, _ runner.Output) (squall.Outcome, error) {
			select {
			case <-time.After(150 * time.Millisecond):
				return squall.Outcome{Status: squall.Succeeded}, nil
			case <-ctx.Done():
				return squall.Outcome{}, context.Cause(ctx)
			}
		})
		s := b.start(fast("n1"))
		ex := b.request("func", "short")
		b.awaitBegun(ex.ID)
		later := b.request("func", "gone", func(r *squall.Request) { r.Queue = "elsewhere" })
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if got := b.get(ex.ID); got.Status != squall.Succeeded {
			t.Errorf("it is %s", got.Status)
		}
		if got := b.get(later.ID); got.Status != squall.Requested {
			t.Errorf("the other is %s", got.Status)
		}
		if err := b.st.View(t.Context(), func(tx store.Tx) error {
			nodes, err := tx.Nodes(t.Context())
			if len(nodes) != 1 || nodes[0].LeaseUntil.After(tx.Now()) {
				t.Errorf("the node has not left: %+v", nodes)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestStopCancelsWhatTakesTooLong(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("wait", untilCanceled)
		cfg := fast("n1")
		cfg.SoftStop = 50 * time.Millisecond
		s := b.start(cfg)
		plain, again := b.request("func", "wait"), b.request("again", "wait")
		b.awaitBegun(plain.ID)
		b.awaitBegun(again.ID)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		got := b.get(plain.ID)
		if got.Status != squall.Abandoned || got.Log[len(got.Log)-1].Reason == "" {
			t.Errorf("not repeatable: %s, %v", got.Status, got.Log)
		}
		got = b.get(again.ID)
		if got.Status != squall.Requested || got.Attempt != 1 || got.Node != "" {
			t.Errorf("repeatable: %+v", got)
		}
		b.funcs.set("wait", nil)
		b.start(fast("n2"))
		if got = b.await(again.ID, squall.Succeeded); got.Attempt != 2 || got.Node != "n2" {
			t.Errorf("again: %+v", got)
		}
	})
}

func TestStopReportsARunnerThatDoesNotEnd(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		release := make(chan struct{})
		b.funcs.set("deaf", func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
			<-release
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		var stuck atomic.Int32
		cfg := fast("n1")
		cfg.SoftStop, cfg.KillWait = 20*time.Millisecond, 50*time.Millisecond
		cfg.Hooks.Stuck = func(string) { stuck.Add(1) }
		s := b.start(cfg)
		ex := b.request("func", "deaf")
		b.awaitBegun(ex.ID)
		if err := s.stop(); !errors.Is(err, errNotGone) {
			t.Errorf("got %v", err)
		}
		// Who stops waits as long as who reports: either may be first.
		for end := time.Now().Add(20 * time.Second); stuck.Load() == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if stuck.Load() != 1 {
			t.Errorf("reported %d times", stuck.Load())
		}
		b.start(fast("n2"))
		b.await(ex.ID, squall.Abandoned)
		close(release)
		for s.Active() > 0 {
			time.Sleep(time.Millisecond)
		}
		if got := b.get(ex.ID); got.Status != squall.Abandoned {
			t.Errorf("the late outcome was written: %s", got.Status)
		}
	})
}

// flaky is a database that can be away.
type flaky struct {
	store.Store
	away atomic.Bool
}

var errAway = squall.Errorf(squall.Unavailable, "the database is away")

func (f *flaky) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.away.Load() {
		return errAway
	}
	return f.Store.Update(ctx, fn)
}

func (f *flaky) View(ctx context.Context, fn func(store.Tx) error) error {
	if f.away.Load() {
		return errAway
	}
	return f.Store.View(ctx, fn)
}

func TestOutcomeWaitsForTheDatabase(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		f := &flaky{Store: b.st}
		b.funcs.set("print", func(_ context.Context, _ *runner.Job, out runner.Output) (squall.Outcome, error) {
			fmt.Fprint(out.Stdout(), "one")
			f.away.Store(true)
			time.Sleep(30 * time.Millisecond) // the first batch fails
			fmt.Fprint(out.Stdout(), "two")
			return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`"kept"`)}, nil
		})
		svc := lifecycle.New(f, types, lifecycle.Options{})
		b.startOn(svc, f, fast("n1"))
		ex := b.request("func", "print")
		for !f.away.Load() {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond)
		if got := b.get(ex.ID); got.Status != squall.Running {
			t.Fatalf("it is %s", got.Status)
		}
		f.away.Store(false)
		if got := b.await(ex.ID, squall.Succeeded); string(got.Result) != `"kept"` {
			t.Errorf("result %s", got.Result)
		}
		text := ""
		for i, c := range b.output(ex.ID) {
			if c.Seq != int64(i+1) {
				t.Errorf("chunk %d has number %d", i, c.Seq)
			}
			text += c.Data
		}
		if text != "onetwo" {
			t.Errorf("output %q", text)
		}
	})
}

func TestLostLeaseEndsRunsAndJoinsAgain(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		f := &flaky{Store: b.st}
		begun, ended := make(chan struct{}), make(chan error, 1)
		begin := sync.OnceFunc(func() { close(begun) })
		b.funcs.set("wait", func(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
			begin()
			<-ctx.Done()
			select {
			case ended <- context.Cause(ctx):
			default:
			}
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		var lost atomic.Int32
		cfg := fast("n1")
		cfg.LeaseTTL, cfg.Heartbeat = 3*time.Second, 300*time.Millisecond // a busy machine pauses for long
		cfg.Hooks.LeaseLost = func() { lost.Add(1) }
		b.startOn(lifecycle.New(f, types, lifecycle.Options{}), f, cfg)
		ex := b.request("func", "wait")
		first := b.await(ex.ID, squall.Running)
		<-begun // its action is read from the database before

		f.away.Store(true)
		began := time.Now()
		if cause := <-ended; !errors.Is(cause, runner.ErrLeaseLost) {
			t.Errorf("cause %v", cause)
		}
		if took := time.Since(began); took > cfg.LeaseTTL {
			t.Errorf("the run was ended after %s, later than its lease", took)
		}
		f.away.Store(false)
		got := b.await(ex.ID, squall.Abandoned)
		if got.Result != nil {
			t.Errorf("the outcome of the lost run was written: %s", got.Result)
		}
		next := b.await(b.request("func", "fine").ID, squall.Succeeded)
		if next.Epoch <= first.Epoch || lost.Load() == 0 { // more than once on a machine that pauses
			t.Errorf("epoch %d after %d, lost %d times", next.Epoch, first.Epoch, lost.Load())
		}
	})
}

func TestAnotherIncarnationTakesOver(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("wait", untilCanceled)
		b.start(fast("n1"))
		ex := b.request("func", "wait")
		b.await(ex.ID, squall.Running)
		cfg := fast("n1")
		b.start(cfg) // the same name: the first one has lost its lease now
		b.await(ex.ID, squall.Abandoned)
	})
}

// An execution that a commit gave to this node although the node was told that
// it had failed is found and put back.
func TestStrayIsGivenBack(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		cfg := fast("n1")
		cfg.Heartbeat = 20 * time.Millisecond
		s := b.start(cfg)
		b.await(b.request("func", "warm").ID, squall.Succeeded)
		s.mu.Lock()
		owner := s.lease.owner
		s.mu.Unlock()
		stray := b.request("func", "stray", func(r *squall.Request) { r.Queue = "q" })
		claimed, err := b.svc.Claim(t.Context(), owner, 1, []string{"q"})
		if err != nil || len(claimed) != 1 {
			t.Fatal(claimed, err)
		}
		got := b.await(stray.ID, squall.Requested)
		if got.Attempt != 0 || got.Node != "" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestHooks(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var claimed, active, ended atomic.Int64
		cfg := fast("n1")
		cfg.Hooks = Hooks{
			Claimed: func(n int) { claimed.Add(int64(n)) },
			Active:  func(d int) { active.Add(int64(d)) },
			Ended: func(rn string, st squall.Status, took time.Duration) {
				if rn == "func" && st == squall.Succeeded && took > 0 {
					ended.Add(1)
				}
			},
		}
		s := b.start(cfg)
		b.await(b.request("func", "claimed").ID, squall.Succeeded)
		b.svc.SetLocal(s.Scheduler)
		for {
			if ex := b.request("func", "local"); b.await(ex.ID, squall.Succeeded).Log[1].At.Equal(ex.CreatedAt) {
				break // it was started by the request itself
			}
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if claimed.Load() < 2 || ended.Load() != claimed.Load() || active.Load() != 0 {
			t.Errorf("claimed %d, ended %d, active %d", claimed.Load(), ended.Load(), active.Load())
		}
	})
}
