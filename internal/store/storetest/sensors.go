package storetest

import (
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testHeldLocks(b *bundle) {
	take := func(name, owner string, ttl time.Duration) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			_, err := tx.TryLock(b.Context(), name, owner, ttl)
			return err
		})
	}
	take("sensor:b", "n2", time.Hour)
	take("sensor:a", "n1", time.Hour)
	take("sensor:gone", "n1", time.Millisecond)
	take("sensors", "n1", time.Hour)
	take("other", "n1", time.Hour)
	time.Sleep(5 * time.Millisecond)
	b.view(func(tx store.Tx) error {
		list, err := tx.Locks(b.Context(), "sensor:")
		if err != nil {
			return err
		}
		for i := range list {
			if left := list[i].Until.Sub(tx.Now()); left < 59*time.Minute || left > time.Hour {
				b.Errorf("lock %s is held for %v more", list[i].Name, left)
			}
			list[i].Until = time.Time{}
		}
		b.equal("locks", list, []store.Lock{{Name: "sensor:a", Owner: "n1"}, {Name: "sensor:b", Owner: "n2"}})
		return nil
	})
}

func testSensorStates(b *bundle) {
	put := func(s store.SensorState) {
		b.Helper()
		b.update(func(tx store.Tx) error { return tx.PutSensorState(b.Context(), &s) })
	}
	states := func() (list []*store.SensorState) {
		b.Helper()
		b.view(func(tx store.Tx) (err error) {
			list, err = tx.SensorStates(b.Context())
			return err
		})
		return list
	}
	at := time.Date(2026, 11, 22, 3, 0, 0, 1000, time.UTC)
	second := store.SensorState{Name: "p.B", Node: "n1", State: "waiting", Since: at, Error: "exit status 1", UpdatedAt: at}
	first := store.SensorState{Name: "p.A:x", Node: "n2", PID: 77, State: "running", Since: at, Restarts: 3, Events: 1 << 40,
		LastEventAt: at, CPU: 1500 * time.Millisecond, RSS: 1 << 33, UpdatedAt: at.Add(time.Hour)}
	put(second)
	put(store.SensorState{Name: "p.A:x", Node: "n1", State: "starting", Error: "old"})
	put(first)
	b.equal("states", states(), []*store.SensorState{&first, &second})
	b.update(func(tx store.Tx) error {
		n, err := tx.DeleteSensorStates(b.Context(), at.Add(time.Minute))
		b.equal("deleted states", n, 1)
		return err
	})
	b.equal("states left", states(), []*store.SensorState{&first})
	b.wantKind("name with NUL", b.s.Update(b.Context(), func(tx store.Tx) error {
		return tx.PutSensorState(b.Context(), &store.SensorState{Name: "a\x00"})
	}), squall.Invalid)
}
