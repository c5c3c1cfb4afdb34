package storetest

import (
	"fmt"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func (b *bundle) putKey(k *squall.KeyValue) *squall.KeyValue {
	b.Helper()
	b.update(func(tx store.Tx) error {
		if k.ID == "" {
			k.ID = b.ids.Next(tx.Now())
		}
		k.UpdatedAt = tx.Now()
		return tx.PutKey(b.Context(), k)
	})
	return k
}

func system(name, val string) *squall.KeyValue {
	return &squall.KeyValue{KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: name}, Value: val}
}

func owned(user, name, val string) *squall.KeyValue {
	return &squall.KeyValue{KeyRef: squall.KeyRef{Scope: squall.UserScope, User: user, Name: name}, Value: val}
}

func testKeys(b *bundle) {
	keys := []*squall.KeyValue{
		system("a", "1"), system("a:b", "nul \x00 ☂ \xff"), system("z", strings.Repeat("x", 100_000)), system("empty", ""),
		owned("alice", "a", "hers"), owned("bob", "a", "his"), owned("bob", "a:b", "his other"),
	}
	keys[2].Secret = true
	for _, k := range keys {
		b.putKey(k)
	}
	b.view(func(tx store.Tx) error {
		for _, want := range keys {
			got, err := tx.Key(b.Context(), want.KeyRef)
			if err != nil {
				return err
			}
			b.equal("key "+want.UID(), got, want)
		}
		for _, ref := range []squall.KeyRef{
			{Scope: squall.SystemScope, Name: "nope"}, {Scope: squall.UserScope, User: "carol", Name: "a"},
			{Scope: squall.SystemScope, Name: "alice:a"}, {Scope: squall.SystemScope, User: "alice", Name: "a"}, {},
		} {
			_, err := tx.Key(b.Context(), ref)
			b.wantKind(fmt.Sprintf("key %+v", ref), err, squall.NotFound)
		}
		return nil
	})

	changed := *keys[0]
	changed.Value, changed.Secret, changed.ID = "2", true, ""
	b.putKey(&changed)
	b.view(func(tx store.Tx) error {
		got, err := tx.Key(b.Context(), changed.KeyRef)
		b.equal("changed key", got, &changed)
		return err
	})

	remove := func(ref squall.KeyRef, want bool) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			found, err := tx.DeleteKey(b.Context(), ref)
			b.equal("deleted "+ref.UID(), found, want)
			return err
		})
	}
	remove(keys[4].KeyRef, true)
	remove(keys[4].KeyRef, false)
	b.view(func(tx store.Tx) error {
		_, err := tx.Key(b.Context(), keys[4].KeyRef)
		b.wantKind("deleted key", err, squall.NotFound)
		_, err = tx.Key(b.Context(), keys[5].KeyRef)
		return err
	})

	for _, bad := range []*squall.KeyValue{system("", "x"), owned("", "a", "x"), owned("a:b", "c", "x"), system("a\x00", "x"), system("\xff", "x")} {
		bad.ID = b.ids.Next(time.Now())
		b.wantKind(fmt.Sprintf("put %+v", bad.KeyRef), b.s.Update(b.Context(), func(tx store.Tx) error {
			return tx.PutKey(b.Context(), bad)
		}), squall.Invalid)
	}
	b.wantKind("put without identifier", b.s.Update(b.Context(), func(tx store.Tx) error {
		return tx.PutKey(b.Context(), system("n", "x"))
	}), squall.Invalid)
}

func testFindKeys(b *bundle) {
	for _, k := range []*squall.KeyValue{
		owned("bob", "b", ""), owned("alice", "b", ""), owned("alice", "a%", ""), owned("alice", "ab", ""),
		system("aé1", ""), system("aé2", ""), system("ae", ""), system("_", ""), system("B", ""),
	} {
		b.putKey(k)
	}
	b.putKey(&squall.KeyValue{KeyRef: squall.KeyRef{Scope: squall.InternalScope, Name: "a"}}) // in no list
	all := []string{"B", "_", "ae", "aé1", "aé2", "alice:a%", "alice:ab", "alice:b", "bob:b"}
	for _, c := range []struct {
		filter store.KeyFilter
		want   []string
		count  int
	}{
		{store.KeyFilter{}, all, 9},
		{store.KeyFilter{Scope: squall.SystemScope}, all[:5], 5},
		{store.KeyFilter{Scope: squall.InternalScope}, []string{"a"}, 1},
		{store.KeyFilter{Scope: squall.UserScope}, all[5:], 4},
		{store.KeyFilter{Scope: squall.UserScope, User: "alice"}, all[5:8], 3},
		{store.KeyFilter{User: "bob"}, all[8:], 1},
		{store.KeyFilter{User: "carol"}, []string{}, 0},
		{store.KeyFilter{Prefix: "a"}, all[2:7], 5},
		{store.KeyFilter{Prefix: "aé"}, all[3:5], 2},
		{store.KeyFilter{Prefix: "a%"}, all[5:6], 1},
		{store.KeyFilter{Prefix: "_"}, all[1:2], 1},
		{store.KeyFilter{Prefix: "b"}, all[7:], 2},
		{store.KeyFilter{Scope: squall.SystemScope, Offset: 1, Limit: 2}, all[1:3], 5},
		{store.KeyFilter{Limit: 100, Offset: 8}, all[8:], 9},
		{store.KeyFilter{Offset: 9}, []string{}, 9},
	} {
		b.view(func(tx store.Tx) error {
			list, err := tx.FindKeys(b.Context(), c.filter)
			if err != nil {
				return err
			}
			got := []string{}
			for _, k := range list {
				got = append(got, k.String())
			}
			b.equal(fmt.Sprintf("keys of %+v", c.filter), got, c.want)
			n, err := tx.CountKeys(b.Context(), c.filter)
			b.equal(fmt.Sprintf("count of %+v", c.filter), n, c.count)
			return err
		})
	}
}

// testKeyExpiry: what has expired is gone for every reader, swept or not.
func testKeyExpiry(b *bundle) {
	var now time.Time
	b.view(func(tx store.Tx) error {
		now = tx.Now()
		return nil
	})
	over, over2, later, never := system("over", "x"), system("over2", "x"), system("later", "x"), system("never", "x")
	over.ExpiresAt, over2.ExpiresAt, later.ExpiresAt = now.Add(-time.Hour), now.Add(-time.Microsecond), now.Add(time.Hour)
	for _, k := range []*squall.KeyValue{over, over2, later, never} {
		b.putKey(k)
	}
	b.view(func(tx store.Tx) error {
		for _, k := range []*squall.KeyValue{over, over2} {
			_, err := tx.Key(b.Context(), k.KeyRef)
			b.wantKind("expired key", err, squall.NotFound)
		}
		list, err := tx.FindKeys(b.Context(), store.KeyFilter{})
		b.equal("live keys", list, []*squall.KeyValue{later, never})
		if err != nil {
			return err
		}
		n, err := tx.CountKeys(b.Context(), store.KeyFilter{})
		b.equal("live keys", n, 2)
		return err
	})
	b.update(func(tx store.Tx) error {
		found, err := tx.DeleteKey(b.Context(), over2.KeyRef)
		b.equal("an expired key was there", found, false)
		return err
	})
	b.putKey(system("over2", "again"))
	sweep := func(before time.Time, limit, want int) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			n, err := tx.DeleteExpiredKeys(b.Context(), before, limit)
			b.equal("swept", n, want)
			return err
		})
	}
	sweep(now.Add(-2*time.Hour), 0, 0)
	sweep(now, 0, 1)
	b.putKey(over)
	b.putKey(over2)
	sweep(now, 1, 1)
	sweep(now, 1, 1)
	sweep(now.Add(2*time.Hour), 0, 1)
	b.view(func(tx store.Tx) error {
		list, err := tx.FindKeys(b.Context(), store.KeyFilter{})
		b.equal("what is left", list, []*squall.KeyValue{never})
		return err
	})
}
