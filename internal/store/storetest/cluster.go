package storetest

import (
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func (b *bundle) join(n store.Node, ttl time.Duration) (epoch int64) {
	b.Helper()
	b.update(func(tx store.Tx) (err error) {
		epoch, err = tx.JoinNode(b.Context(), n, ttl)
		return err
	})
	return epoch
}

func (b *bundle) renew(name string, epoch int64, ttl time.Duration, want bool) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		got, err := tx.RenewNode(b.Context(), name, epoch, ttl)
		if err == nil && got != want {
			b.Errorf("RenewNode(%s, %d) = %v, want %v", name, epoch, got, want)
		}
		return err
	})
}

// holds checks HoldsLease, alone and in an update.
func (b *bundle) holds(name string, epoch int64, want bool) {
	b.Helper()
	check := func(tx store.Tx) error {
		got, err := tx.HoldsLease(b.Context(), store.Owner{Node: name, Epoch: epoch})
		if err == nil && got != want {
			b.Errorf("HoldsLease(%s, %d) = %v, want %v", name, epoch, got, want)
		}
		return err
	}
	b.view(check)
	b.update(check)
}

func (b *bundle) nodes() (list []store.Node) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		list, err = tx.Nodes(b.Context())
		return err
	})
	return list
}

func testNodes(b *bundle) {
	started := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	b1 := store.Node{Name: "b", Host: "höst", PID: 4711, Version: "1.2", URL: "http://b:9101", Slots: 40, Queues: []string{"gpu", "ssd"}, StartedAt: started,
		Keeps: []string{"local-shell-cmd", "other"}, KeepFor: 90 * time.Second}
	b1.Epoch = b.join(b1, time.Minute)
	a := store.Node{Name: "a", StartedAt: started}
	a.Epoch = b.join(a, time.Minute)

	got := b.nodes()
	if len(got) != 2 {
		b.Fatalf("%d nodes, want 2", len(got))
	}
	for i, want := range []store.Node{a, b1} {
		want.LeaseUntil = got[i].LeaseUntil
		b.equal("node", got[i], want)
		if left := time.Until(got[i].LeaseUntil); left < 50*time.Second || left > 70*time.Second {
			b.Errorf("lease of %s ends in %v, want a minute", got[i].Name, left)
		}
	}

	b.renew("a", a.Epoch, time.Minute, true)
	b.renew("a", a.Epoch-1, time.Minute, false)
	b.renew("a", a.Epoch+1, time.Minute, false)
	b.renew("nobody", a.Epoch, time.Minute, false)
	b.holds("a", a.Epoch, true)
	b.holds("a", a.Epoch-1, false)
	b.holds("nobody", a.Epoch, false)
	b.holds("", 0, false)
	second := b.join(a, time.Minute)
	b.holds("a", a.Epoch, false)
	b.holds("a", second, true)
	if second <= a.Epoch {
		b.Errorf("epoch %d after %d", second, a.Epoch)
	}
	b.renew("a", a.Epoch, time.Minute, false) // the older incarnation has lost it
	b.renew("a", second, time.Minute, true)

	leave := func(name string, epoch int64) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.LeaveNode(b.Context(), name, epoch) })
	}
	leave("a", a.Epoch) // of another epoch: stays
	b.renew("a", second, time.Minute, true)
	leave("a", second)
	b.renew("a", second, time.Minute, false)
	b.holds("a", second, false)
	if left := time.Until(b.nodes()[0].LeaseUntil); left > time.Second {
		b.Errorf("lease ends %v after it was left", left)
	}

	third := b.join(a, time.Minute)
	b.renew("a", third, 20*time.Millisecond, true) // from now on the short time counts
	time.Sleep(40 * time.Millisecond)
	b.renew("a", third, time.Minute, false) // ran out
	b.holds("a", third, false)
	b.update(func(tx store.Tx) error { // what one update changes is seen by its next question
		for _, want := range []bool{true, false} {
			epoch, err := tx.JoinNode(b.Context(), store.Node{Name: "c"}, time.Hour)
			if err != nil {
				return err
			}
			if !want {
				if err := tx.LeaveNode(b.Context(), "c", epoch); err != nil {
					return err
				}
			}
			got, err := tx.HoldsLease(b.Context(), store.Owner{Node: "c", Epoch: epoch})
			if err != nil || got != want {
				b.Errorf("HoldsLease = %v, %v, want %v", got, err, want)
			}
		}
		return nil
	})

	forget := func(before time.Time, want int) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			n, err := tx.ForgetNodes(b.Context(), before)
			b.equal("nodes forgotten", n, want)
			return err
		})
	}
	ex := b.insert(running("a", third))
	forget(time.Now().Add(-time.Hour), 0)
	forget(time.Now().Add(time.Second), 1) // c, but not a: it owns an open execution
	b.move(store.Move{ID: ex.ID, From: []squall.Status{squall.Running}, To: squall.Abandoned}, true)
	forget(time.Now().Add(time.Second), 1)
	if list := b.nodes(); len(list) != 1 || list[0].Name != "b" {
		b.Errorf("nodes left: %+v", list)
	}
	if fourth := b.join(a, time.Minute); fourth <= third {
		b.Errorf("epoch %d of a forgotten node, had %d", fourth, third)
	}
	b.wantKind("name with NUL", b.s.Update(b.Context(), func(tx store.Tx) error {
		_, err := tx.JoinNode(b.Context(), store.Node{Name: "a\x00"}, time.Minute)
		return err
	}), squall.Invalid)
}

func testLocks(b *bundle) {
	try := func(name, owner string, ttl time.Duration, want bool) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			got, err := tx.TryLock(b.Context(), name, owner, ttl)
			if err == nil && got != want {
				b.Errorf("TryLock(%s, %s) = %v, want %v", name, owner, got, want)
			}
			return err
		})
	}
	unlock := func(name, owner string) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.Unlock(b.Context(), name, owner) })
	}
	try("sweep", "a", time.Minute, true)
	try("sweep", "b", time.Minute, false)
	try("rescue", "b", time.Minute, true)
	try("sweep", "a", time.Hour, true) // prolonged
	try("sweep", "b", time.Minute, false)
	try("sweep", "a", 20*time.Millisecond, true) // here to a shorter time
	time.Sleep(40 * time.Millisecond)
	try("sweep", "b", time.Minute, true) // ran out
	try("sweep", "a", time.Minute, false)
	unlock("sweep", "a") // not the owner
	try("sweep", "a", time.Minute, false)
	unlock("sweep", "b")
	try("sweep", "a", time.Minute, true)
	unlock("nothing", "a")
}
