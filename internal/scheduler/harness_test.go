package scheduler

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

type catalog map[string]*squall.RunnerType

func (c catalog) RunnerType(name string) (*squall.RunnerType, bool) {
	rt, ok := c[name]
	return rt, ok
}

var types = catalog{
	"noop": {Name: "noop"},
	"func": {Name: "func", Parameters: squall.Schema{
		{Name: "name", Type: json.RawMessage(`"string"`)},
		{Name: "timeout", Type: json.RawMessage(`"number"`), Default: json.RawMessage(`60`)},
	}},
	"absent": {Name: "absent"},
}

// noopRunner succeeds.
type noopRunner struct{}

func (noopRunner) Run(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
	return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}, nil
}

// funcRunner runs what the test put under the parameter "name".
type funcRunner struct {
	mu    sync.Mutex
	funcs map[string]runFunc
	begun map[squall.ID]int // attempts
}

type runFunc func(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error)

func (f *funcRunner) set(name string, fn runFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.funcs[name] = fn
}

func (f *funcRunner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	name, _ := job.RunnerParams["name"].(string)
	f.mu.Lock()
	fn := f.funcs[name]
	f.begun[job.Execution.ID]++
	f.mu.Unlock()
	if fn == nil {
		return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`"` + name + `"`)}, nil
	}
	return fn(ctx, job, out)
}

// untilCanceled waits for the end of its context, as a good runner does.
func untilCanceled(ctx context.Context, _ *runner.Job, _ runner.Output) (squall.Outcome, error) {
	<-ctx.Done()
	return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`{"ended":true}`)}, nil
}

// bundle is a database and a service, without a scheduler yet.
type bundle struct {
	t     *testing.T
	st    store.Store
	svc   *lifecycle.Service
	funcs *funcRunner
}

// drivers open a fresh database.
var drivers = map[string]func(t *testing.T) store.Store{
	"sqlite": func(t *testing.T) store.Store {
		st, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "squall.db")})
		if err != nil {
			t.Fatal(err)
		}
		return st
	},
}

func eachStore(t *testing.T, test func(t *testing.T, b *bundle)) {
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBundle(t, open(t)))
		})
	}
}

func newBundle(t *testing.T, st store.Store) *bundle {
	t.Cleanup(func() {
		if err := st.Check(context.Background()); err != nil {
			t.Errorf("the database is not sound: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bundle{t: t, st: st, svc: lifecycle.New(st, types, lifecycle.Options{}), funcs: &funcRunner{funcs: map[string]runFunc{}, begun: map[squall.ID]int{}}}
	err := st.Update(t.Context(), func(tx store.Tx) error {
		for _, a := range []squall.Action{
			{Ref: squall.Ref{Pack: "t", Name: "noop"}, Runner: "noop", Enabled: true},
			{Ref: squall.Ref{Pack: "t", Name: "func"}, Runner: "func", Enabled: true},
			{Ref: squall.Ref{Pack: "t", Name: "again"}, Runner: "func", Enabled: true, Repeatable: true},
			{Ref: squall.Ref{Pack: "t", Name: "absent"}, Runner: "absent", Enabled: true},
		} {
			if err := tx.PutAction(t.Context(), &a); err != nil {
				return err
			}
		}
		return tx.PutPack(t.Context(), &squall.Pack{Ref: "t", Name: "t", Path: "/packs/t"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fast is a configuration with which nothing takes long.
func fast(name string) Config {
	return Config{
		Node: store.Node{Name: name}, Slots: 4,
		LeaseTTL: 4 * time.Second, Heartbeat: 200 * time.Millisecond, Poll: 20 * time.Millisecond,
		SoftStop: 5 * time.Second, KillWait: 2 * time.Second, OutputEvery: 5 * time.Millisecond,
		RescueEvery: 50 * time.Millisecond, SweepEvery: time.Hour,
	}
}

// running is a scheduler that runs.
type running struct {
	*Scheduler
	cancel context.CancelFunc
	done   chan error
}

// start runs a scheduler until the test ends or stop is called.
func (b *bundle) start(cfg Config) *running {
	return b.startOn(b.svc, b.st, cfg)
}

func (b *bundle) startOn(svc *lifecycle.Service, st store.Store, cfg Config) *running {
	b.t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(&testLog{t: b.t}, nil))
	}
	s, err := New(svc, st, runner.Set{"noop": noopRunner{}, "func": b.funcs}, cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Scheduler: s, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if _, open := <-r.done; open {
			close(r.done)
		}
	})
	return r
}

// stop stops it in an orderly way and returns what Run returned.
func (r *running) stop() error {
	r.cancel()
	err := <-r.done
	close(r.done)
	return err
}

// testLog writes to the test's log until the test has ended.
type testLog struct {
	t  *testing.T
	mu sync.Mutex
	b  strings.Builder
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p)
	return len(p), nil
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (b *bundle) request(action, name string, change ...func(*squall.Request)) *squall.Execution {
	b.t.Helper()
	r := squall.Request{Action: squall.Ref{Pack: "t", Name: action}, User: "ann"}
	if name != "" {
		r.Parameters = json.RawMessage(`{"name":"` + name + `"}`)
	}
	for _, c := range change {
		c(&r)
	}
	ex, err := b.svc.Request(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return ex
}

func (b *bundle) get(id squall.ID) (ex *squall.Execution) {
	b.t.Helper()
	if err := b.st.View(b.t.Context(), func(tx store.Tx) (err error) {
		ex, err = tx.Execution(b.t.Context(), id, store.WithAll)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return ex
}

// await waits until the execution is in one of the states.
func (b *bundle) await(id squall.ID, want ...squall.Status) *squall.Execution {
	b.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		ex := b.get(id)
		for _, w := range want {
			if ex.Status == w {
				return ex
			}
		}
		if time.Now().After(deadline) || ex.Status.Final() {
			b.t.Fatalf("%s is %s (%v), want %v", id, ex.Status, ex.Log, want)
		}
		time.Sleep(3 * time.Millisecond)
	}
}

// awaitBegun waits until the runner has begun with the execution.
func (b *bundle) awaitBegun(id squall.ID) {
	b.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		b.funcs.mu.Lock()
		n := b.funcs.begun[id]
		b.funcs.mu.Unlock()
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s is not begun: %v", id, b.get(id).Log)
		}
		time.Sleep(time.Millisecond)
	}
}

func (b *bundle) output(id squall.ID) (chunks []squall.Chunk) {
	b.t.Helper()
	if err := b.st.View(b.t.Context(), func(tx store.Tx) (err error) {
		chunks, err = tx.Output(b.t.Context(), id, 0, 0)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return chunks
}
