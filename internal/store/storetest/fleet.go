package storetest

import (
	"errors"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testFleetNodes(b *bundle) {
	full := &squall.FleetNode{Name: "web2", Address: "10.0.0.2", Port: 2222, Tags: []string{"web", "x"}, Attrs: map[string]string{"rack": "7"}, Source: "file"}
	b.update(func(tx store.Tx) error {
		return errors.Join(tx.PutFleetNode(b.Context(), full), tx.PutFleetNode(b.Context(), &squall.FleetNode{Name: "db", Port: 1}), tx.PutFleetNode(b.Context(), &squall.FleetNode{Name: "db"}))
	})
	list := func() (nodes []*squall.FleetNode) {
		b.view(func(tx store.Tx) (err error) { nodes, err = tx.FleetNodes(b.Context()); return err })
		return nodes
	}
	got := list()
	if len(got) != 2 || got[0].Name != "db" || got[0].Port != 0 {
		b.Fatalf("%+v", got)
	}
	b.equal("node", got[1], full)
	if got[1].UpdatedAt.IsZero() {
		b.Errorf("no time of update")
	}
	for _, want := range []bool{true, false} {
		b.update(func(tx store.Tx) error {
			ok, err := tx.DeleteFleetNode(b.Context(), "db")
			if ok != want {
				b.Errorf("deleted %t, want %t", ok, want)
			}
			return err
		})
	}
	if len(list()) != 1 {
		b.Errorf("%d machines are left", len(list()))
	}
}

func testRollouts(b *bundle) {
	ids := squall.NewIDSource()
	older, newer := ids.Next(time.Now()), ids.Next(time.Now().Add(time.Second))
	r := &squall.Rollout{
		ID: older, Action: squall.Ref{Pack: "core", Name: "remote"}, Parameters: []byte(`{"cmd":"x"}`), Param: "hosts", Target: "web", User: "ann",
		Batches: "1, 20%", Pause: time.Minute, Canary: true, MaxFail: "10%", State: squall.RolloutRunning,
		Hosts: []squall.RolloutHost{{Name: "web1", Target: "web1:22", Batch: 0}, {Name: "web2", Batch: 1}},
	}
	b.update(func(tx store.Tx) error {
		return errors.Join(tx.InsertRollout(b.Context(), r), tx.InsertRollout(b.Context(), &squall.Rollout{ID: newer, State: squall.RolloutSucceeded}))
	})
	read := func(id squall.ID) (r *squall.Rollout) {
		b.view(func(tx store.Tx) (err error) { r, err = tx.Rollout(b.Context(), id); return err })
		return r
	}
	b.equal("rollout", read(older), r)
	stale := *r
	move := func(r *squall.Rollout, want bool) {
		b.update(func(tx store.Tx) error {
			c := *r // fn may run again
			ok, err := tx.UpdateRollout(b.Context(), &c)
			if ok != want {
				b.Errorf("updated %t, want %t", ok, want)
			}
			return err
		})
	}
	listed := func(open bool) (found []squall.ID) {
		b.view(func(tx store.Tx) error {
			list, err := tx.Rollouts(b.Context(), open, 0)
			for _, r := range list {
				found = append(found, r.ID)
			}
			return err
		})
		return found
	}
	b.equal("all", listed(false), []squall.ID{newer, older})
	b.equal("open", listed(true), []squall.ID{older})
	r.Hosts[0].Execution, r.Hosts[0].Status = newer, squall.Running
	r.State = squall.RolloutStopped
	move(r, true)
	b.equal("stopped, but a machine still works", listed(true), []squall.ID{older})
	move(&stale, false) // somebody was faster
	r.Revision = 2
	b.equal("after it", read(older), r)
	r.Hosts[0].Status = squall.Failed
	move(r, true)
	b.equal("none is open", len(listed(true)), 0)
	b.view(func(tx store.Tx) error {
		_, err := tx.Rollout(b.Context(), ids.Next(time.Now()))
		if squall.KindOf(err) != squall.NotFound {
			b.Errorf("one that is not there: %v", err)
		}
		return nil
	})
}

func testHostLocks(b *bundle) {
	ids := squall.NewIDSource()
	one, two := ids.Next(time.Now()), ids.Next(time.Now())
	lock := func(host string, owner squall.ID, want bool) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			ok, err := tx.LockHost(b.Context(), host, owner)
			if ok != want {
				b.Errorf("%s gets %s: %t, want %t", owner, host, ok, want)
			}
			return err
		})
	}
	unlock := func(host string, owner squall.ID) {
		b.update(func(tx store.Tx) error { return tx.UnlockHost(b.Context(), host, owner) })
	}
	lock("web1", one, true)
	lock("web1", one, true)
	lock("web1", two, false)
	lock("web2", two, true)
	unlock("web1", two)
	lock("web1", two, false)
	unlock("web1", one)
	lock("web1", two, true)
}
