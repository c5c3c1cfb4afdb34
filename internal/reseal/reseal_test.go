package reseal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func update(t *testing.T, st store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := st.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

const secrets = 25

// fill puts secrets of ring into the store.
func fill(t *testing.T, st store.Store, ring *auth.Keyring) (expires time.Time) {
	t.Helper()
	ids := squall.NewIDSource()
	expires = time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	schema := &squall.ConfigSchema{Pack: "p", Attributes: squall.Schema{{Name: "password", Secret: true}, {Name: "host"}}}
	form, err := param.CompileConfig(schema)
	if err != nil {
		t.Fatal(err)
	}
	values, err := form.Seal(json.RawMessage(`{"host":"h","password":"of the pack"}`), func(plain string) string { return ring.Seal(auth.ForConfig("p"), plain) })
	if err != nil {
		t.Fatal(err)
	}
	update(t, st, func(tx store.Tx) error {
		for i := range secrets {
			k := &squall.KeyValue{ID: ids.Next(tx.Now()), KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: fmt.Sprint("k", i)}, Secret: true, ExpiresAt: expires}
			if i%5 == 0 {
				k.KeyRef = squall.KeyRef{Scope: squall.UserScope, User: "ann", Name: k.Name}
			}
			k.Value = ring.Seal(auth.ForDatastore, fmt.Sprint("plain ", i))
			if err := tx.PutKey(t.Context(), k); err != nil {
				return err
			}
		}
		plain := &squall.KeyValue{ID: ids.Next(tx.Now()), KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: "open"}, Value: "not secret"}
		lost := &squall.KeyValue{ID: ids.Next(tx.Now()), KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: "lost"}, Secret: true,
			Value: auth.NewKeyring(tx.Now()).Seal(auth.ForDatastore, "x")}
		for _, k := range []*squall.KeyValue{plain, lost} {
			if err := tx.PutKey(t.Context(), k); err != nil {
				return err
			}
		}
		if err := store.Put(t.Context(), tx, schema); err != nil {
			return err
		}
		return store.Put(t.Context(), tx, &squall.PackConfig{Pack: "p", Values: values})
	})
	return expires
}

// check opens everything with ring and counts what is of its newest key.
func check(t *testing.T, st store.Store, ring *auth.Keyring, expires time.Time) (newest int) {
	t.Helper()
	err := st.View(t.Context(), func(tx store.Tx) error {
		keys, err := tx.FindKeys(t.Context(), store.KeyFilter{})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if !k.Secret || k.Name == "lost" {
				continue
			}
			plain, err := ring.Open(auth.ForDatastore, k.Value)
			if err != nil || plain != "plain "+strings.TrimPrefix(k.Name, "k") || !k.ExpiresAt.Equal(expires) {
				t.Errorf("%s: %q, %v, ends %s", k.UID(), plain, err, k.ExpiresAt)
			}
			if ring.Newest(k.Value) {
				newest++
			}
		}
		doc, err := tx.Content(t.Context(), store.Configs, "p")
		if err != nil {
			return err
		}
		c, err := store.Decode[squall.PackConfig](doc)
		if err != nil {
			return err
		}
		var values struct{ Host, Password string }
		if err := json.Unmarshal(c.Values, &values); err != nil {
			return err
		}
		sealed := strings.TrimPrefix(values.Password, "sealed:")
		if plain, err := ring.Open(auth.ForConfig("p"), sealed); err != nil || plain != `"of the pack"` || values.Host != "h" {
			t.Errorf("configuration: %s, %v", plain, err)
		}
		if ring.Newest(sealed) {
			newest++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest
}

func TestRun(t *testing.T) {
	t.Parallel()
	st := open(t)
	old := auth.NewKeyring(time.Now())
	expires := fill(t, st, old)
	ring := old.Rotate(time.Now())
	if n := check(t, st, ring, expires); n != 0 {
		t.Fatalf("%d are of the new key before anything was done", n)
	}
	var log strings.Builder
	s := &Sealer{Store: st, Ring: ring, Log: slog.New(slog.NewTextHandler(&log, nil)), Batch: 4}
	report, err := s.Run(t.Context())
	if err != nil || report != (Report{Resealed: secrets + 1, Failed: 1}) {
		t.Errorf("Run = %+v, %v", report, err)
	}
	if n := check(t, st, ring, expires); n != secrets+1 {
		t.Errorf("%d of %d are of the new key", n, secrets+1)
	}
	if !strings.Contains(log.String(), "st2kv.system:lost") || strings.Contains(log.String(), "plain ") {
		t.Errorf("log: %s", log.String())
	}
	// The new key alone opens everything; and there is nothing left to do.
	if report, err = s.Run(t.Context()); err != nil || report.Resealed != 0 {
		t.Errorf("again: %+v, %v", report, err)
	}
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
	t.Parallel()
	for left := range 6 {
		st := open(t)
		old := auth.NewKeyring(time.Now())
		expires := fill(t, st, old)
		ring := old.Rotate(time.Now())
		s := &Sealer{Store: &stopping{st, left}, Ring: ring, Log: slog.New(slog.DiscardHandler), Batch: 5}
		report, err := s.Run(t.Context())
		if !errors.Is(err, errStop) {
			t.Fatalf("stopped after %d transactions: %v", left, err)
		}
		if n := check(t, st, ring, expires); n != report.Resealed {
			t.Errorf("after %d transactions %d are of the new key, %d were reported", left, n, report.Resealed)
		}
		s.Store = st
		if _, err := s.Run(t.Context()); err != nil || check(t, st, ring, expires) != secrets+1 {
			t.Errorf("resumed after %d transactions: %v", left, err)
		}
	}
}
