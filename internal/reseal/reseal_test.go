package reseal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/auth"
	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// eachStore runs a test on every database.
func eachStore(t *testing.T, test func(t *testing.T, st store.Store)) {
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
		},
		"postgres": func(t *testing.T) (store.Store, error) {
			return postgres.Open(t.Context(), postgres.Options{DSN: pgtest.DSN(t)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, st)
		})
	}
}

func update(t *testing.T, st store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := st.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// world is a database with secrets everywhere.
type world struct {
	st      store.Store
	expires time.Time
	large   string // a secret whose document is stored apart
	ids     map[string]squall.ID
}

const (
	keys    = 25
	secrets = keys + 1 /* configuration */ + 2 /* notes */ + 1 /* rollout */ + 4 /* parameters and results */ + 1 /* state */ + 2 /* rows */
)

var action = squall.Ref{Pack: "p", Name: "act"}

func row(kind store.WorkflowRowKind, n int64, doc []byte) store.WorkflowRow {
	return store.WorkflowRow{WorkflowKey: store.WorkflowKey{Kind: kind, Number: n}, Doc: doc}
}

// whole seals rows and states.
func whole(ring *auth.Keyring, plain string) []byte {
	return []byte(auth.SealedPrefix + ring.Seal(auth.ForWorkflows, plain))
}

// fill puts secrets of ring into the store.
func fill(t *testing.T, st store.Store, ring *auth.Keyring) *world {
	t.Helper()
	ids := squall.NewIDSource()
	w := &world{st: st, expires: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), large: strings.Repeat("very large, ", 400), ids: map[string]squall.ID{}}
	for _, name := range []string{"small", "large", "rollout"} {
		w.ids[name] = ids.Next(time.Now())
	}
	member := func(p auth.Purpose, name, plain string) json.RawMessage {
		doc, _ := json.Marshal(plain)
		return fmt.Appendf(nil, `{"n":1,%q:%s}`, name, ring.SealDocument(p, doc))
	}
	update(t, st, func(tx store.Tx) error {
		var list []*squall.KeyValue
		add := func(ref squall.KeyRef, secret bool, value string) {
			list = append(list, &squall.KeyValue{ID: ids.Next(tx.Now()), KeyRef: ref, Secret: secret, ExpiresAt: w.expires, Value: value})
		}
		for i := range keys {
			ref := squall.KeyRef{Scope: squall.SystemScope, Name: fmt.Sprint("k", i)}
			if i%5 == 0 {
				ref.Scope, ref.User = squall.UserScope, fmt.Sprint("user", i%2)
			}
			add(ref, true, ring.Seal(auth.ForDatastore, fmt.Sprint("plain ", i)))
		}
		add(squall.KeyRef{Scope: squall.InternalScope, Name: "keyring"}, true, ring.Seal(auth.ForNote, "squall"))
		add(squall.KeyRef{Scope: squall.InternalScope, Name: "login/x"}, true, ring.Seal(auth.ForSignOn, "login"))
		add(squall.KeyRef{Scope: squall.SystemScope, Name: "open"}, false, "not secret")
		add(squall.KeyRef{Scope: squall.SystemScope, Name: "lost"}, true, auth.NewKeyring(tx.Now()).Seal(auth.ForDatastore, "x"))
		for _, k := range list {
			if err := tx.PutKey(t.Context(), k); err != nil {
				return err
			}
		}
		for name, secret := range map[string]string{"small": "a secret", "large": w.large} {
			id := w.ids[name]
			ex := &squall.Execution{ID: id, Action: action, Runner: "orquesta", Status: squall.Succeeded, Log: []squall.Change{{Status: squall.Requested, At: tx.Now()}},
				Parameters: member(auth.ForParameters(action), "pw", secret), Context: json.RawMessage(`{"a":1}`), Result: member(auth.ForResult(id), "pin", secret)}
			if err := tx.InsertExecution(t.Context(), ex); err != nil {
				return err
			}
		}
		c := store.WorkflowChange{ID: w.ids["small"], Root: w.ids["small"], State: whole(ring, "a state"), Put: []store.WorkflowRow{
			row(store.WorkflowTask, 1, whole(ring, "a row")), row(store.WorkflowContext, 1, whole(ring, w.large)), row(store.WorkflowContext, 2, []byte(`{"plain":1}`))}}
		if _, err := tx.ChangeWorkflow(t.Context(), c); err != nil {
			return err
		}
		r := &squall.Rollout{ID: w.ids["rollout"], Action: action, Parameters: member(auth.ForRollout(w.ids["rollout"]), "pw", "of the rollout"), State: squall.RolloutRunning}
		if err := tx.InsertRollout(t.Context(), r); err != nil {
			return err
		}
		return store.Put(t.Context(), tx, &squall.PackConfig{Pack: "p", Values: member(auth.ForConfig("p"), "password", "of the pack")})
	})
	return w
}

// check opens everything with ring and counts what is of its newest key.
func (w *world) check(t *testing.T, ring *auth.Keyring) (newest int) {
	t.Helper()
	ctx := t.Context()
	count := func(doc []byte) {
		for sealed := range auth.SealedTexts(doc) {
			if ring.Newest(sealed) {
				newest++
			}
		}
	}
	member := func(what string, p auth.Purpose, doc []byte, name, plain string) {
		t.Helper()
		count(doc)
		opened, _ := ring.OpenDocument(p, doc)
		want, _ := json.Marshal(plain)
		if string(opened) != fmt.Sprintf(`{"n":1,%q:%s}`, name, want) {
			t.Errorf("%s: %.200s", what, opened)
		}
	}
	open := func(what string, doc []byte, plain string) {
		t.Helper()
		count(doc)
		sealed, _ := bytes.CutPrefix(doc, []byte(auth.SealedPrefix))
		if got, err := ring.Open(auth.ForWorkflows, string(sealed)); err != nil || got != plain {
			t.Errorf("%s: %.200q, %v", what, got, err)
		}
	}
	err := w.st.View(ctx, func(tx store.Tx) error {
		for _, scope := range []squall.Scope{squall.SystemScope, squall.UserScope, squall.InternalScope} {
			list, err := tx.FindKeys(ctx, store.KeyFilter{Scope: scope})
			if err != nil {
				return err
			}
			for _, k := range list {
				if !k.Secret || k.Name == "lost" {
					continue
				}
				p, want := auth.ForDatastore, "plain "+strings.TrimPrefix(k.Name, "k")
				switch k.Name {
				case "keyring":
					p, want = auth.ForNote, "squall"
				case "login/x":
					p, want = auth.ForSignOn, "login"
				}
				if plain, err := ring.Open(p, k.Value); err != nil || plain != want || !k.ExpiresAt.Equal(w.expires) {
					t.Errorf("%s: %q, %v, ends %s", k.UID(), plain, err, k.ExpiresAt)
				}
				if ring.Newest(k.Value) {
					newest++
				}
			}
		}
		doc, err := tx.Content(ctx, store.Configs, "p")
		if err != nil {
			return err
		}
		c, err := store.Decode[squall.PackConfig](doc)
		if err != nil {
			return err
		}
		member("configuration", auth.ForConfig("p"), c.Values, "password", "of the pack")
		for name, secret := range map[string]string{"small": "a secret", "large": w.large} {
			ex, err := tx.Execution(ctx, w.ids[name], store.WithAll)
			if err != nil {
				return err
			}
			member("parameters", auth.ForParameters(action), ex.Parameters, "pw", secret)
			member("result", auth.ForResult(ex.ID), ex.Result, "pin", secret)
			if ex.Version != 1 {
				t.Errorf("the execution has version %d", ex.Version)
			}
		}
		flow, err := tx.Workflow(ctx, w.ids["small"])
		if err != nil {
			return err
		}
		open("state", flow.State, "a state")
		rows, err := tx.WorkflowRows(ctx, w.ids["small"])
		if err != nil {
			return err
		}
		open("row", rows[0].Doc, "a row")
		open("large row", rows[1].Doc, w.large)
		if string(rows[2].Doc) != `{"plain":1}` || flow.Revision != 1 {
			t.Errorf("%s, revision %d", rows[2].Doc, flow.Revision)
		}
		r, err := tx.Rollout(ctx, w.ids["rollout"])
		if err == nil {
			member("rollout", auth.ForRollout(r.ID), r.Parameters, "pw", "of the rollout")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest
}

// usesOf are the parts that need a key.
func usesOf(t *testing.T, s *Sealer, key string) (list []string) {
	t.Helper()
	uses, err := s.Uses(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uses {
		list = append(list, fmt.Sprintf("%d %s", u.Count, u.Part))
		if u.Sample == "" {
			t.Errorf("%s: which?", u.Part)
		}
	}
	return list
}

func TestRun(t *testing.T) {
	eachStore(t, func(t *testing.T, st store.Store) {
		old := auth.NewKeyring(time.Now())
		w := fill(t, st, old)
		ring := old.Rotate(time.Now())
		if n := w.check(t, ring); n != 0 {
			t.Fatalf("%d are of the new key before anything was done", n)
		}
		var log strings.Builder
		told := map[string]int{}
		s := &Sealer{Store: st, Ring: ring, Log: slog.New(slog.NewTextHandler(&log, nil)), Batch: 4,
			Progress: func(part string, _, resealed int) { told[part] = resealed }}
		want := "20 the datastore, 5 the users' datastores, 2 notes of the server, 1 configurations of packs, 1 rollouts, 2 executions, 1 workflows, 1 rows of workflows, 3 large values of executions"
		if got := strings.Join(usesOf(t, s, old.Keys()[0]), ", "); got != want {
			t.Errorf("the key is used by %s\nwant %s", got, want)
		}
		report, err := s.Run(t.Context())
		if err != nil || report != (Report{Resealed: secrets, Failed: 1}) {
			t.Errorf("Run = %+v, %v; there are %d", report, err, secrets)
		}
		if told["the datastore"] != 20 || told["large values of executions"] != 3 {
			t.Errorf("progress: %v", told)
		}
		if !strings.Contains(log.String(), "key lost") || strings.Contains(log.String(), "plain ") {
			t.Errorf("log: %s", log.String())
		}
		if got := usesOf(t, s, old.Keys()[0]); len(got) > 0 {
			t.Errorf("the key is still used by %v", got)
		}
		if report, err = s.Run(t.Context()); err != nil || report.Resealed != 0 {
			t.Errorf("again: %+v, %v", report, err)
		}
		alone, err := ring.Without(old.Keys()[0])
		if err != nil {
			t.Fatal(err)
		}
		if n := w.check(t, alone); n != secrets {
			t.Errorf("%d of %d are of the new key", n, secrets)
		}
		if err := st.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// stopping ends after some transactions, as a crash would.
type stopping struct {
	store.Store
	left int
}

func (s *stopping) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.left--; s.left < 0 {
		return errStop
	}
	return s.Store.Update(ctx, fn)
}

var errStop = errors.New("stopped")

// Wherever it is stopped, everything can be read, and the next run ends it.
func TestResume(t *testing.T) {
	eachStore(t, func(t *testing.T, st store.Store) {
		ring := auth.NewKeyring(time.Now())
		w := fill(t, st, ring)
		stops := 0
		for left := 0; ; left++ {
			ring = ring.Rotate(time.Now()) // everything is to be done anew
			s := &Sealer{Store: &stopping{st, left}, Ring: ring, Log: slog.New(slog.DiscardHandler), Batch: 5}
			report, err := s.Run(t.Context())
			if n := w.check(t, ring); n != report.Resealed {
				t.Errorf("after %d transactions %d are of the new key, %d were reported", left, n, report.Resealed)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, errStop) {
				t.Fatalf("stopped after %d transactions: %v", left, err)
			}
			stops++
			s.Store = st
			if _, err := s.Run(t.Context()); err != nil || w.check(t, ring) != secrets {
				t.Errorf("resumed after %d transactions: %v", left, err)
			}
		}
		if stops < 10 {
			t.Errorf("it was stopped %d times only", stops)
		}
	})
}

// meanwhile lets something else happen between reading and writing.
type meanwhile struct {
	store.Store
	happen func(store.Tx) error
}

func (m *meanwhile) Update(ctx context.Context, fn func(store.Tx) error) error {
	if m.happen != nil {
		if err := m.Store.Update(ctx, m.happen); err != nil {
			return err
		}
		m.happen = nil
	}
	return m.Store.Update(ctx, fn)
}

// What somebody changes between reading and writing is not overwritten, nor what
// he removes brought back.
func TestChangesMeanwhileStay(t *testing.T) {
	eachStore(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		old := auth.NewKeyring(time.Now())
		w := fill(t, st, old)
		ring := old.Rotate(time.Now())
		name := func(n string) squall.KeyRef { return squall.KeyRef{Scope: squall.SystemScope, Name: n} }
		run := func(happen func(store.Tx) error) {
			t.Helper()
			m := &meanwhile{st, happen}
			if _, err := (&Sealer{Store: m, Ring: ring, Log: slog.New(slog.DiscardHandler), Batch: 1000}).Run(ctx); err != nil || m.happen != nil {
				t.Fatal(err)
			}
			ring = ring.Rotate(time.Now()) // for the next one
		}
		view := func(fn func(store.Tx) error) {
			t.Helper()
			if err := st.View(ctx, fn); err != nil {
				t.Fatal(err)
			}
		}

		run(func(tx store.Tx) error {
			k, err := tx.Key(ctx, name("k1"))
			if err != nil {
				return err
			}
			k.Value = old.Seal(auth.ForDatastore, "new")
			if _, err := tx.DeleteKey(ctx, name("k2")); err != nil {
				return err
			}
			return tx.PutKey(ctx, k)
		})
		view(func(tx store.Tx) error {
			if _, err := tx.Key(ctx, name("k2")); squall.KindOf(err) != squall.NotFound {
				t.Errorf("the deleted key: %v", err)
			}
			k, err := tx.Key(ctx, name("k1"))
			if err != nil {
				return err
			}
			plain, err := ring.Open(auth.ForDatastore, k.Value)
			if plain != "new" {
				t.Errorf("the changed key holds %q", plain)
			}
			return err
		})
		update(t, st, func(tx store.Tx) error { // the rest of the datastore is done with
			for _, scope := range []squall.Scope{squall.SystemScope, squall.UserScope, squall.InternalScope} {
				list, err := tx.FindKeys(ctx, store.KeyFilter{Scope: scope})
				if err != nil {
					return err
				}
				for _, k := range list {
					if _, err := tx.DeleteKey(ctx, k.KeyRef); err != nil {
						return err
					}
				}
			}
			return nil
		})

		run(func(tx store.Tx) error {
			return store.Put(ctx, tx, &squall.PackConfig{Pack: "p", Values: json.RawMessage(`{"n":2}`)})
		})
		view(func(tx store.Tx) error {
			c, err := tx.Content(ctx, store.Configs, "p")
			if err == nil && !strings.Contains(string(c.Doc), `{"n":2}`) {
				t.Errorf("the changed configuration is %s", c.Doc)
			}
			return err
		})

		var stale squall.Rollout
		run(func(tx store.Tx) error { // somebody reads a rollout before, and writes it back behind
			r, err := tx.Rollout(ctx, w.ids["rollout"])
			stale = *r
			return err
		})
		update(t, st, func(tx store.Tx) error {
			ok, err := tx.UpdateRollout(ctx, &stale)
			if ok {
				t.Error("a rollout that was read before was written back")
			}
			r, err2 := tx.Rollout(ctx, stale.ID)
			if err2 == nil {
				r.Parameters = nil
				_, err2 = tx.UpdateRollout(ctx, r)
			}
			return errors.Join(err, err2)
		})

		large := whole(ring, strings.Repeat("new and large", 300))
		for _, fresh := range [][]byte{whole(ring, "new"), large} {
			base := int64(0)
			run(func(tx store.Tx) error {
				flow, err := tx.Workflow(ctx, w.ids["small"])
				if err != nil {
					return err
				}
				base = flow.Revision
				_, err = tx.ChangeWorkflow(ctx, store.WorkflowChange{ID: flow.ID, Root: flow.Root, Base: base, State: fresh, Put: []store.WorkflowRow{row(store.WorkflowTask, 1, fresh), row(store.WorkflowContext, 1, fresh)}})
				return err
			})
			view(func(tx store.Tx) error {
				flow, err := tx.Workflow(ctx, w.ids["small"])
				if err != nil {
					return err
				}
				rows, err := tx.WorkflowRows(ctx, flow.ID)
				if err != nil {
					return err
				}
				for what, doc := range map[string][]byte{"state": flow.State, "row": rows[0].Doc, "other row": rows[1].Doc} {
					sealed, _ := bytes.CutPrefix(doc, []byte(auth.SealedPrefix))
					if plain, err := ring.Open(auth.ForWorkflows, string(sealed)); err != nil || !strings.HasPrefix(plain, "new") {
						t.Errorf("the changed %s is %.30q, %v", what, plain, err)
					}
				}
				return nil
			})
		}
		// A whole tree goes away meanwhile.
		run(func(tx store.Tx) error {
			_, err := tx.DeleteExecutions(ctx, tx.Now().Add(time.Hour), 10)
			return err
		})
		if err := st.Check(ctx); err != nil {
			t.Error(err)
		}
	})
}

// What only looks sealed needs no key; large values that nobody has any more go
// away with their key.
func TestLookAlikes(t *testing.T) {
	eachStore(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		old := auth.NewKeyring(time.Now())
		ring := old.Rotate(time.Now())
		id := squall.NewIDSource().Next(time.Now())
		// Somebody has seen the ciphertext of a key of the datastore.
		seen := fmt.Appendf(nil, `{"x":"sealed:%s","y":%q}`, old.Seal(auth.ForDatastore, "z"), strings.Repeat("y", 3000))
		update(t, st, func(tx store.Tx) error {
			ex := &squall.Execution{ID: id, Action: action, Runner: "orquesta", Status: squall.Succeeded, Log: []squall.Change{{Status: squall.Requested, At: tx.Now()}}, Parameters: seen, Context: seen, Result: seen[:200]}
			if err := tx.InsertExecution(ctx, ex); err != nil {
				return err
			}
			ev := &squall.Event{ID: squall.NewIDSource().Next(tx.Now()), Trigger: squall.Ref{Pack: "core", Name: "x"}, Type: squall.Ref{Pack: "core", Name: "x"}, Payload: seen}
			_, err := tx.InsertEvent(ctx, ev)
			return err
		})
		s := &Sealer{Store: st, Ring: ring, Log: slog.New(slog.DiscardHandler)}
		if got := usesOf(t, s, old.Keys()[0]); len(got) > 0 {
			t.Errorf("used by %v", got)
		}
		if report, err := s.Run(ctx); err != nil || report != (Report{}) {
			t.Errorf("Run = %+v, %v", report, err)
		}
		for i, doc := range [][]byte{whole(old, strings.Repeat("first", 1000)), whole(ring, "second")} {
			update(t, st, func(tx store.Tx) error {
				_, err := tx.ChangeWorkflow(ctx, store.WorkflowChange{ID: id, Root: id, Base: int64(i), State: doc})
				return err
			})
		}
		if got := usesOf(t, s, old.Keys()[0]); len(got) != 1 || got[0] != "1 large values of executions" {
			t.Errorf("an overwritten value is seen as %v", got)
		}
		if _, err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		if got := usesOf(t, s, old.Keys()[0]); len(got) > 0 {
			t.Errorf("an overwritten value is still there: %v", got)
		}
		if err := st.View(ctx, func(tx store.Tx) error {
			ex, err := tx.Execution(ctx, id, store.WithAll)
			if err == nil && (string(ex.Parameters) != string(seen) || string(ex.Context) != string(seen)) {
				t.Errorf("what looks sealed was changed: %s", ex.Parameters)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		if err := st.Check(ctx); err != nil {
			t.Error(err)
		}
	})
}
