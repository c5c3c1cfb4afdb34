package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testPacks(b *bundle) {
	core := &squall.Pack{Ref: "core", Name: "core", Description: "☂ \x00", Version: "1.0.0", Author: "a", Email: "e", Path: "/p"}
	put := func(p *squall.Pack) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.PutPack(b.Context(), p) })
	}
	put(&squall.Pack{Ref: "linux", Name: "linux"})
	put(&squall.Pack{Ref: "core", Name: "old"})
	put(core)
	action := &squall.Action{Ref: squall.Ref{Pack: "core", Name: "noop"}, Runner: "noop"}
	other := &squall.Action{Ref: squall.Ref{Pack: "linux", Name: "noop"}, Runner: "noop"}
	b.update(func(tx store.Tx) error {
		if err := tx.PutAction(b.Context(), action); err != nil {
			return err
		}
		return tx.PutAction(b.Context(), other)
	})
	b.view(func(tx store.Tx) error {
		got, err := tx.Pack(b.Context(), "core")
		b.equal("pack", got, core)
		if err != nil {
			return err
		}
		list, err := tx.Packs(b.Context())
		b.equal("packs", list, []*squall.Pack{core, {Ref: "linux", Name: "linux"}})
		if err != nil {
			return err
		}
		_, err = tx.Pack(b.Context(), "nobody")
		b.wantKind("unknown pack", err, squall.NotFound)
		return nil
	})
	b.update(func(tx store.Tx) error { return tx.DeletePack(b.Context(), "core") })
	b.update(func(tx store.Tx) error { return tx.DeletePack(b.Context(), "core") }) // again: nothing to do
	b.view(func(tx store.Tx) error {
		_, err := tx.Pack(b.Context(), "core")
		b.wantKind("deleted pack", err, squall.NotFound)
		_, err = tx.Action(b.Context(), action.Ref)
		b.wantKind("action of a deleted pack", err, squall.NotFound)
		if _, err := tx.ActionVersion(b.Context(), action.Version()); err != nil {
			return fmt.Errorf("version of an action of a deleted pack: %w", err)
		}
		_, err = tx.Action(b.Context(), other.Ref)
		return err
	})
}

func testActions(b *bundle) {
	position := 2
	ref := squall.Ref{Pack: "linux", Name: "vm.get"}
	first := &squall.Action{
		Ref: ref, Description: "☂", Runner: "local-shell-cmd", Enabled: true, EntryPoint: "x.sh",
		Parameters: squall.Schema{
			{Name: "z", Type: json.RawMessage(`"string"`), Default: json.RawMessage(`null`), Required: true, Position: &position},
			{Name: "a", Type: json.RawMessage(`["integer","null"]`), Secret: true, Rest: json.RawMessage(`{"enum":[1,2]}`)},
		},
		Tags: []squall.Tag{{Name: "n", Value: "v"}}, Notify: json.RawMessage(`{"on-complete":{}}`), Output: json.RawMessage(`{}`),
		Repeatable: true, Labels: map[string]string{"os": "linux"}, MetadataFile: "actions/x.yaml",
	}
	second := *first
	second.Description, second.Enabled = "changed", false
	source := ""
	put := func(a *squall.Action) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.PutAction(b.Context(), a) })
	}
	register := func(a *squall.Action) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.RegisterAction(b.Context(), a) })
		source = a.Version()
	}
	check := func(current *squall.Action, versions ...*squall.Action) {
		b.Helper()
		b.view(func(tx store.Tx) error {
			got, err := tx.Action(b.Context(), ref)
			present, versionsErr := tx.ActionVersions(b.Context(), ref.Pack)
			if versionsErr != nil {
				return versionsErr
			}
			want := map[squall.Ref]store.Registered{}
			if current != nil {
				want[ref] = store.Registered{Version: current.Version(), Source: source}
			}
			b.equal("versions", present, want)
			version, versionErr := tx.CurrentVersion(b.Context(), ref)
			if current == nil {
				b.wantKind("deleted action", err, squall.NotFound)
				b.wantKind("version of a deleted action", versionErr, squall.NotFound)
			} else {
				b.equal("action", got, current)
				b.equal("current version", version, current.Version())
			}
			for _, v := range versions {
				got, err := tx.ActionVersion(b.Context(), v.Version())
				if err != nil {
					return err
				}
				b.equal("version", got, v)
			}
			return nil
		})
	}
	put(first)
	put(first)
	check(first, first)
	put(&second)
	check(&second, first, &second)
	put(first) // back to the old form
	check(first, first, &second)
	register(first) // the same form, now from a file
	check(first, first, &second)
	put(&second) // changed since; the file is remembered
	check(&second, first, &second)
	register(&second)
	check(&second, first, &second)
	b.update(func(tx store.Tx) error { return tx.DeleteAction(b.Context(), ref) })
	check(nil, first, &second)
	b.view(func(tx store.Tx) error {
		_, err := tx.ActionVersion(b.Context(), "nothing")
		b.wantKind("unknown version", err, squall.NotFound)
		return nil
	})
}

func testUsers(b *bundle) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 7000, time.UTC)
	alice := &squall.User{Name: "alice", PasswordHash: "$2a$10$", Admin: true, CreatedAt: created}
	bob := &squall.User{
		Name: "bób", CreatedAt: created, Source: "ldap", Groups: []string{"hpc users", "Größen"}, Disabled: true, Description: "from the directory",
	}
	put := func(u *squall.User) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.PutUser(b.Context(), u) })
	}
	put(bob)
	put(&squall.User{Name: "alice"})
	put(alice)
	b.view(func(tx store.Tx) error {
		got, err := tx.User(b.Context(), "alice")
		b.equal("user", got, alice)
		if err != nil {
			return err
		}
		list, err := tx.Users(b.Context())
		b.equal("users", list, []*squall.User{alice, bob})
		if err != nil {
			return err
		}
		_, err = tx.User(b.Context(), "Alice")
		b.wantKind("other case", err, squall.NotFound)
		return nil
	})
	b.update(func(tx store.Tx) error { return tx.DeleteUser(b.Context(), "alice") })
	b.view(func(tx store.Tx) error {
		_, err := tx.User(b.Context(), "alice")
		b.wantKind("deleted user", err, squall.NotFound)
		return nil
	})
}

func testTokens(b *bundle) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 7000, time.UTC)
	token := func(digest string, expires time.Duration) *squall.Token {
		return &squall.Token{ID: b.ids.Next(at), User: "alice", Digest: digest, ExpiresAt: at.Add(expires), CreatedAt: at, Service: true, Metadata: `{"a":1}`}
	}
	tokens := []*squall.Token{token("d1", time.Hour), token("d2", 2*time.Hour), token("d3", 3*time.Hour), token("d4", 4*time.Hour)}
	b.update(func(tx store.Tx) error {
		for _, k := range tokens {
			if err := tx.PutToken(b.Context(), k); err != nil {
				return err
			}
		}
		return nil
	})
	left := func(want ...*squall.Token) {
		b.Helper()
		b.view(func(tx store.Tx) error {
			var got []*squall.Token
			for _, k := range tokens {
				t, err := tx.TokenByDigest(b.Context(), k.Digest)
				if err == nil {
					got = append(got, t)
				} else {
					b.wantKind("deleted token", err, squall.NotFound)
				}
			}
			b.equal("tokens", got, want)
			return nil
		})
	}
	left(tokens...)
	expire := func(before time.Duration, limit, want int) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			n, err := tx.DeleteTokens(b.Context(), at.Add(before), limit)
			b.equal("tokens deleted", n, want)
			return err
		})
	}
	expire(time.Hour, 0, 0)
	expire(3*time.Hour, 1, 1)
	left(tokens[1:]...)
	expire(3*time.Hour, 0, 1)
	left(tokens[2:]...)
	b.update(func(tx store.Tx) error { return tx.DeleteToken(b.Context(), "d3") })
	left(tokens[3])
	changed := *tokens[3]
	changed.ExpiresAt, changed.Service = at.Add(time.Minute), false
	b.update(func(tx store.Tx) error { return tx.PutToken(b.Context(), &changed) })
	left(&changed)
}
