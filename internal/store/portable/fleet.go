package portable

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// PutFleetNode implements store.Fleet.
func (t Statements) PutFleetNode(_ context.Context, n *squall.FleetNode) error {
	if n.Name == "" {
		return squall.Errorf(squall.Invalid, "a machine needs a name")
	}
	if err := driver.CheckText(n.Name); err != nil {
		return err
	}
	n.UpdatedAt = t.Now()
	doc, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("store machine %s: %w", n.Name, err)
	}
	err = t.Send(`INSERT INTO fleet_nodes (name, doc) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET doc = excluded.doc`, n.Name, doc)
	return driver.Wrap("store machine "+n.Name, err)
}

// DeleteFleetNode implements store.Fleet.
func (t Statements) DeleteFleetNode(_ context.Context, name string) (bool, error) {
	n, err := t.Write(`DELETE FROM fleet_nodes WHERE name = ?`, name)
	return n > 0, driver.Wrap("delete machine "+name, err)
}

// FleetNodes implements store.Fleet.
func (t Statements) FleetNodes(ctx context.Context) ([]*squall.FleetNode, error) {
	var list []*squall.FleetNode
	err := t.Each(ctx, `SELECT doc FROM fleet_nodes ORDER BY name`, nil, func(r Row) error {
		var n squall.FleetNode
		list = append(list, &n)
		return json.Unmarshal(r.Bytes(), &n)
	})
	return list, driver.Wrap("list machines", err)
}

// InsertRollout implements store.Fleet.
func (t Statements) InsertRollout(_ context.Context, r *squall.Rollout) error {
	r.Revision = 1
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store rollout %s: %w", r.ID, err)
	}
	n, err := t.Write(`INSERT INTO rollouts (id, open, revision, doc) VALUES (?, ?, 1, ?) ON CONFLICT (id) DO NOTHING`, r.ID, driver.Flag(r.Open()), doc)
	if err == nil && n == 0 {
		return squall.Errorf(squall.Conflict, "rollout %s exists", r.ID)
	}
	return driver.Wrap("store rollout "+string(r.ID), err)
}

// UpdateRollout implements store.Fleet.
func (t Statements) UpdateRollout(_ context.Context, r *squall.Rollout) (bool, error) {
	next := *r
	next.Revision++
	doc, err := json.Marshal(&next)
	if err != nil {
		return false, fmt.Errorf("store rollout %s: %w", r.ID, err)
	}
	n, err := t.Write(`UPDATE rollouts SET open = ?, revision = ?, doc = ? WHERE id = ? AND revision = ?`,
		driver.Flag(r.Open()), next.Revision, doc, r.ID, r.Revision)
	if err != nil || n == 0 {
		return false, driver.Wrap("store rollout "+string(r.ID), err)
	}
	r.Revision = next.Revision
	return true, nil
}

// Rollout implements store.Fleet.
func (t Statements) Rollout(ctx context.Context, id squall.ID) (*squall.Rollout, error) {
	list, err := t.rollouts(ctx, `SELECT doc FROM rollouts WHERE id = ?`, id)
	return first(list, err, "rollout", string(id))
}

// Rollouts implements store.Fleet.
func (t Statements) Rollouts(ctx context.Context, open bool, limit int) ([]*squall.Rollout, error) {
	where := ""
	if open {
		where = "WHERE open = 1 "
	}
	list, err := t.rollouts(ctx, `SELECT doc FROM rollouts `+where+`ORDER BY id DESC LIMIT ?`, cmp.Or(limit, driver.DefaultLimit))
	return list, driver.Wrap("list rollouts", err)
}

func (t Statements) rollouts(ctx context.Context, query string, args ...any) ([]*squall.Rollout, error) {
	var list []*squall.Rollout
	err := t.Each(ctx, query, args, func(r Row) error {
		var o squall.Rollout
		list = append(list, &o)
		return json.Unmarshal(r.Bytes(), &o)
	})
	return list, err
}

// LockHost implements store.Fleet.
func (t Statements) LockHost(_ context.Context, host string, owner squall.ID) (bool, error) {
	if err := driver.CheckText(host); err != nil {
		return false, err
	}
	n, err := t.Write(`
		INSERT INTO host_locks (host, owner) VALUES (?, ?)
		ON CONFLICT (host) DO UPDATE SET owner = excluded.owner WHERE host_locks.owner = excluded.owner`, host, owner)
	return n > 0, driver.Wrap("lock machine "+host, err)
}

// UnlockHost implements store.Fleet.
func (t Statements) UnlockHost(_ context.Context, host string, owner squall.ID) error {
	err := t.Send(`DELETE FROM host_locks WHERE host = ? AND owner = ?`, host, owner)
	return driver.Wrap("unlock machine "+host, err)
}
