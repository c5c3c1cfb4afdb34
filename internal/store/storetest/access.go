package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testAPIKeys(b *bundle) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	key := func(user, hash, metadata string) *squall.APIKey {
		k := &squall.APIKey{ID: b.ids.Next(now), User: user, Hash: hash, Enabled: true, CreatedAt: now}
		if metadata != "" {
			k.Metadata = json.RawMessage(metadata)
		}
		b.update(func(tx store.Tx) error { return tx.PutAPIKey(b.Context(), k) })
		return k
	}
	a, c := key("ann", "aa", `{"app":"x"}`), key("bob", "bb", "")
	d := key("ann", "dd", "")
	b.view(func(tx store.Tx) error {
		for _, want := range []*squall.APIKey{a, c, d} {
			got, err := tx.APIKey(b.Context(), want.ID)
			if err != nil {
				return err
			}
			b.equal("key by identifier", got, want)
			got, err = tx.APIKeyByHash(b.Context(), want.Hash)
			if err != nil {
				return err
			}
			b.equal("key by hash", got, want)
		}
		_, err := tx.APIKey(b.Context(), b.ids.Next(now))
		b.wantKind("unknown key", err, squall.NotFound)
		_, err = tx.APIKeyByHash(b.Context(), "")
		b.wantKind("unknown hash", err, squall.NotFound)
		for _, l := range []struct {
			f     store.APIKeyFilter
			want  []*squall.APIKey
			count int
		}{
			{store.APIKeyFilter{}, []*squall.APIKey{a, c, d}, 3},
			{store.APIKeyFilter{User: "ann"}, []*squall.APIKey{a, d}, 2},
			{store.APIKeyFilter{User: "ann", Offset: 1, Limit: 5}, []*squall.APIKey{d}, 2},
			{store.APIKeyFilter{Limit: 1}, []*squall.APIKey{a}, 3},
		} {
			got, err := tx.FindAPIKeys(b.Context(), l.f)
			if err != nil {
				return err
			}
			b.equal(fmt.Sprintf("keys of %+v", l.f), got, l.want)
			n, err := tx.CountAPIKeys(b.Context(), l.f)
			if err != nil {
				return err
			}
			b.equal(fmt.Sprintf("number of %+v", l.f), n, l.count)
		}
		return nil
	})

	off := *a
	off.Enabled, off.User = false, "carol"
	b.update(func(tx store.Tx) error { return tx.PutAPIKey(b.Context(), &off) })
	b.view(func(tx store.Tx) error {
		got, err := tx.APIKeyByHash(b.Context(), a.Hash)
		b.equal("changed key", got, &off)
		return err
	})
	for _, bad := range []struct {
		key  squall.APIKey
		kind squall.Kind
	}{
		{squall.APIKey{ID: b.ids.Next(now), User: "x", Hash: "bb"}, squall.Conflict},
		{squall.APIKey{ID: "zz", User: "x", Hash: "cc"}, squall.Invalid},
		{squall.APIKey{ID: b.ids.Next(now), Hash: "cc"}, squall.Invalid},
		{squall.APIKey{ID: b.ids.Next(now), User: "x"}, squall.Invalid},
		{squall.APIKey{ID: b.ids.Next(now), User: "x\x00", Hash: "cc"}, squall.Invalid},
	} {
		b.wantKind(fmt.Sprintf("put %+v", bad.key), b.s.Update(b.Context(), func(tx store.Tx) error {
			return tx.PutAPIKey(b.Context(), &bad.key)
		}), bad.kind)
	}
	for _, want := range []bool{true, false} {
		b.update(func(tx store.Tx) error {
			found, err := tx.DeleteAPIKey(b.Context(), c.ID)
			b.equal("deleted", found, want)
			return err
		})
	}
}

func testAudit(b *bundle) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var all []*squall.AuditEntry // newest first
	for i := range 6 {
		at := start.Add(time.Duration(i) * time.Minute)
		e := &squall.AuditEntry{
			ID: b.ids.Next(at), At: at, User: []string{"ann", "bob", ""}[i%3], Method: "token", Action: "action_execute",
			Target: "action:core:local", From: "127.0.0.1", RequestID: fmt.Sprint("r", i), Outcome: squall.AuditDone, Detail: "d",
		}
		if i%2 == 1 {
			e.Outcome, e.Action = squall.AuditDenied, "secret_view"
		}
		b.update(func(tx store.Tx) error { return tx.AppendAudit(b.Context(), e) })
		all = append([]*squall.AuditEntry{e}, all...)
	}
	b.view(func(tx store.Tx) error {
		for _, l := range []struct {
			f     store.AuditFilter
			want  []*squall.AuditEntry
			count int
		}{
			{store.AuditFilter{}, all, 6},
			{store.AuditFilter{Limit: 2, Offset: 1}, all[1:3], 6},
			{store.AuditFilter{User: "bob"}, []*squall.AuditEntry{all[1], all[4]}, 2},
			{store.AuditFilter{Outcome: squall.AuditDenied}, []*squall.AuditEntry{all[0], all[2], all[4]}, 3},
			{store.AuditFilter{Action: "secret_view", User: "ann"}, []*squall.AuditEntry{all[2]}, 1},
			{store.AuditFilter{Target: "action:core"}, nil, 0},
			{store.AuditFilter{From: "127.0.0.1", Since: all[2].At, Until: all[0].At}, all[1:3], 2},
		} {
			got, err := tx.FindAudit(b.Context(), l.f)
			if err != nil {
				return err
			}
			b.equal(fmt.Sprintf("entries of %+v", l.f), got, l.want)
			n, err := tx.CountAudit(b.Context(), l.f)
			if err != nil {
				return err
			}
			b.equal(fmt.Sprintf("number of %+v", l.f), n, l.count)
		}
		return nil
	})

	// What an attacker sends must not keep the entry out.
	hostile := &squall.AuditEntry{ID: b.ids.Next(time.Now()), User: "a\x00\xff", Target: strings.Repeat("é", 10_000), Outcome: squall.AuditDenied}
	b.update(func(tx store.Tx) error { return tx.AppendAudit(b.Context(), hostile) })
	b.view(func(tx store.Tx) error {
		got, err := tx.FindAudit(b.Context(), store.AuditFilter{Limit: 1})
		if err == nil && (got[0].User != "a\uFFFD\uFFFD" || len(got[0].Target) > 1100 || got[0].At.IsZero()) {
			b.Errorf("hostile entry is %+v", got[0])
		}
		return err
	})
	if err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.AppendAudit(b.Context(), all[0]) }); err == nil {
		b.Error("an entry could be written over")
	}
	for _, want := range []int{2, 1, 0} {
		b.update(func(tx store.Tx) error {
			n, err := tx.TrimAudit(b.Context(), all[2].At, 2)
			b.equal("trimmed", n, want)
			return err
		})
	}
}
