package lifecycle_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// catalog has the runner types of the tests.
type catalog map[string]*squall.RunnerType

func (c catalog) RunnerType(name string) (*squall.RunnerType, bool) {
	rt, ok := c[name]
	return rt, ok
}

var types = catalog{
	"noop": {Name: "noop"},
	"shell": {Name: "shell", Parameters: squall.Schema{
		{Name: "cmd", Type: json.RawMessage(`"string"`)},
		{Name: "timeout", Type: json.RawMessage(`"integer"`), Default: json.RawMessage(`60`)},
	}},
	"old-shell": nil,
	"far": {Name: "far", Parameters: squall.Schema{
		{Name: "detach", Type: json.RawMessage(`"boolean"`), Default: json.RawMessage(`false`)},
	}},
}

func init() { types["old-shell"] = types["shell"] }

func ref(name string) squall.Ref { return squall.Ref{Pack: "core", Name: name} }

// bundle is a service on a fresh database with some actions and one node.
type bundle struct {
	*lifecycle.Service
	st  store.Store
	own store.Owner
}

// eachStore runs the test on every database there is.
func eachStore(t *testing.T, test func(t *testing.T, b *bundle)) {
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t)
			b := &bundle{Service: lifecycle.New(st, types, lifecycle.Options{Log: slog.New(slog.DiscardHandler)}), st: st}
			update(t, st, func(ctx context.Context, tx store.Tx) error {
				for _, a := range []squall.Action{
					{Ref: ref("noop"), Runner: "noop", Enabled: true},
					{Ref: ref("shell"), Runner: "shell", Enabled: true, Parameters: squall.Schema{{Name: "cmd", Required: true}}},
					{Ref: ref("old"), Runner: "old-shell", Enabled: true},
					{Ref: ref("again"), Runner: "noop", Enabled: true, Repeatable: true},
					{Ref: ref("far"), Runner: "far", Enabled: true},
					{Ref: ref("off"), Runner: "noop"},
					{Ref: ref("strange"), Runner: "nosuch", Enabled: true},
				} {
					if err := tx.PutAction(ctx, &a); err != nil {
						return err
					}
				}
				return nil
			})
			b.own = b.join(t, "n1", time.Minute)
			test(t, b)
		})
	}
}

var drivers = map[string]func(t *testing.T) store.Store{
	"sqlite": func(t *testing.T) store.Store {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "squall.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeStore(t, st) })
		return st
	},
}

func closeStore(t *testing.T, st store.Store) {
	if err := st.Check(context.Background()); err != nil {
		t.Errorf("the database is not sound: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

func update(t *testing.T, st store.Store, fn func(context.Context, store.Tx) error) {
	t.Helper()
	if err := st.Update(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, st store.Store, fn func(context.Context, store.Tx) error) {
	t.Helper()
	if err := st.View(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) join(t *testing.T, name string, ttl time.Duration) store.Owner {
	t.Helper()
	own := store.Owner{Node: name}
	update(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
		own.Epoch, err = tx.JoinNode(ctx, store.Node{Name: name, Slots: 4}, ttl)
		return err
	})
	return own
}

func (b *bundle) request(t *testing.T, action string, change ...func(*squall.Request)) *squall.Execution {
	t.Helper()
	r := squall.Request{Action: ref(action), User: "ann"}
	for _, c := range change {
		c(&r)
	}
	ex, err := b.Request(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return ex
}

func params(doc string) func(*squall.Request) {
	return func(r *squall.Request) { r.Parameters = json.RawMessage(doc) }
}

func (b *bundle) claim(t *testing.T) *squall.Execution {
	t.Helper()
	claimed, err := b.Claim(t.Context(), b.own, 1, nil)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %d, %v", len(claimed), err)
	}
	return claimed[0]
}

func (b *bundle) get(t *testing.T, id squall.ID) (ex *squall.Execution) {
	t.Helper()
	view(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
		ex, err = tx.Execution(ctx, id, store.WithAll)
		return err
	})
	return ex
}

// states is the log as a list of states.
func states(ex *squall.Execution) (list []squall.Status) {
	for _, c := range ex.Log {
		list = append(list, c.Status)
	}
	return list
}

func wantLog(t *testing.T, ex *squall.Execution, want ...squall.Status) {
	t.Helper()
	if diff := cmp.Diff(want, states(ex)); diff != "" {
		t.Errorf("log: %s", diff)
	}
	if ex.Status != want[len(want)-1] {
		t.Errorf("status %s", ex.Status)
	}
}

func wantKind(t *testing.T, err error, want squall.Kind) {
	t.Helper()
	if err == nil || squall.KindOf(err) != want {
		t.Errorf("got error %v, want one of kind %s", err, want)
	}
}

// messages lists the outbox as "kind state" of one execution.
func (b *bundle) messages(t *testing.T, id squall.ID) (list []string) {
	t.Helper()
	view(t, b.st, func(ctx context.Context, tx store.Tx) error {
		ms, err := tx.ReadOutbox(ctx, "", 1000)
		for _, m := range ms {
			if m.Execution == id {
				list = append(list, string(m.Kind)+" "+string(m.Status))
			}
		}
		return err
	})
	return list
}
