package lifecycle_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/auth"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// secretBundle is a service with a keyring the test has, an action that reads
// the datastore and the pack's configuration, and what it reads.
func secretBundle(t *testing.T, b *bundle) *auth.Keyring {
	t.Helper()
	ring := auth.NewKeyring(time.Now())
	b.Service = lifecycle.New(b.st, types, lifecycle.Options{Keyring: ring})
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	update(t, b.st, func(ctx context.Context, tx store.Tx) error {
		for _, k := range []squall.KeyValue{
			{KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: "pw"}, Value: ring.Seal(auth.ForDatastore, "hush"), Secret: true},
			{KeyRef: squall.KeyRef{Scope: squall.UserScope, User: "ann", Name: "k"}, Value: "hers"},
			{KeyRef: squall.KeyRef{Scope: squall.UserScope, User: "bob", Name: "k"}, Value: "his"},
			{KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: "over"}, Value: "x", ExpiresAt: tx.Now().Add(-time.Second)},
		} {
			k.ID = squall.NewIDSource().Next(tx.Now())
			if err := tx.PutKey(ctx, &k); err != nil {
				return err
			}
		}
		for _, noun := range []any{
			&squall.ConfigSchema{Pack: "core", Attributes: squall.Schema{
				{Name: "password", Type: raw(`"string"`), Secret: true}, {Name: "region", Default: raw(`"eu"`)},
			}},
			&squall.PackConfig{Pack: "core", Values: raw(`{"password":"{{ st2kv.system.pw }}","mine":"{{ st2kv.user.k }}"}`)},
		} {
			c, err := store.ContentOf(noun)
			if err != nil {
				return err
			}
			if err := tx.PutContent(ctx, c); err != nil {
				return err
			}
		}
		return tx.PutAction(ctx, &squall.Action{Ref: ref("login"), Runner: "shell", Enabled: true, Parameters: squall.Schema{
			{Name: "cmd", Type: raw(`"string"`), Default: raw(`"{{ config_context.region }}-{{ config_context.mine }}-{{ action_context.user }}"`)},
			{Name: "password", Type: raw(`"string"`), Secret: true, Default: raw(`"{{ config_context.password }}"`)},
			{Name: "over", Type: raw(`"string"`), Default: raw(`"[{{ st2kv.system.over }}]"`)},
			{Name: "fixed", Type: raw(`"string"`), Secret: true, Immutable: true, Default: raw(`"{{ st2kv.system.pw | decrypt_kv }}"`)},
		}})
	})
	return ring
}

// started returns what a run of ex begins with, by parameter.
func (b *bundle) started(t *testing.T, ex *squall.Execution) map[string]any {
	t.Helper()
	def, err := b.Definition(t.Context(), ex.ActionVersion)
	if err != nil {
		t.Fatal(err)
	}
	params, err := b.OpenParameters(def, ex.Parameters)
	if err != nil {
		t.Fatal(err)
	}
	runner, action, err := b.Start(t.Context(), def, ex, params)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, m := range []map[string]any{runner, action} {
		for k, v := range m {
			all[k] = v
		}
	}
	delete(all, "timeout")
	return all
}

func TestDatastoreInParameters(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		secretBundle(t, b)
		want := map[string]any{"cmd": "eu-hers-ann", "password": "hush", "over": "[]", "fixed": "hush"}
		for name, ex := range map[string]*squall.Execution{
			"request": b.request(t, "login"),
			"within a transaction": func() (ex *squall.Execution) {
				update(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
					ex, err = b.RequestTx(ctx, tx, squall.Request{Action: ref("login"), User: "ann"})
					return err
				})
				return ex
			}(),
			// A caller cannot read another user's keys by saying who he is.
			"false context": b.request(t, "login", func(r *squall.Request) { r.Context = json.RawMessage(`{"api_user":"bob","user":"bob"}`) }),
		} {
			if d := cmp.Diff(want, b.started(t, ex)); d != "" {
				t.Errorf("%s starts with (-want +got):\n%s", name, d)
			}
			stored := string(b.get(t, ex.ID).Parameters)
			if strings.Contains(stored, "hush") || !strings.Contains(stored, "sealed:") {
				t.Errorf("%s: stored %s", name, stored)
			}
		}
		his := b.started(t, b.request(t, "login", func(r *squall.Request) { r.User = "bob" }))
		if his["cmd"] != "eu-his-bob" {
			t.Errorf("bob's run starts with %v", his)
		}
	})
}

// TestSealedForOneAction: the sealed value of one action's parameter is not
// opened as another's.
func TestSealedForOneAction(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		ring := secretBundle(t, b)
		ex := b.request(t, "login", params(`{"password":"given"}`))
		def, err := b.Definition(t.Context(), ex.ActionVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, purpose := range []auth.Purpose{auth.ForDatastore, auth.ForParameters(ref("other")), auth.ForConfig("core")} {
			doc := json.RawMessage(`{"password":"sealed:` + ring.Seal(purpose, `"x"`) + `"}`)
			if got, err := b.OpenParameters(def, doc); squall.KindOf(err) != squall.Invalid {
				t.Errorf("opened what was sealed for %q: %s, %v", purpose, got, err)
			}
		}
		// What was stored before secrets were sealed still starts.
		if got, err := b.OpenParameters(def, json.RawMessage(`{"password":"old"}`)); err != nil || string(got) != `{"password":"old"}` {
			t.Errorf("an old row: %s, %v", got, err)
		}
	})
}

func TestExpiredKeysAreSwept(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		secretBundle(t, b)
		if n, err := b.Sweep(t.Context(), lifecycle.Retention{}); n != 1 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
	})
}
