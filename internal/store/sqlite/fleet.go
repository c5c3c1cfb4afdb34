package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// PutFleetNode implements store.Fleet.
func (t *tx) PutFleetNode(_ context.Context, n *squall.FleetNode) error {
	if n.Name == "" {
		return squall.Errorf(squall.Invalid, "a machine needs a name")
	}
	if err := driver.CheckText(n.Name); err != nil {
		return err
	}
	n.UpdatedAt = t.now
	doc, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("store machine %s: %w", n.Name, err)
	}
	_, err = t.write(`INSERT INTO fleet_nodes (name, doc) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET doc = excluded.doc`, n.Name, doc)
	return wrap("store machine "+n.Name, err)
}

// DeleteFleetNode implements store.Fleet.
func (t *tx) DeleteFleetNode(_ context.Context, name string) (bool, error) {
	n, err := t.write(`DELETE FROM fleet_nodes WHERE name = ?`, name)
	return n > 0, wrap("delete machine "+name, err)
}

// FleetNodes implements store.Fleet.
func (t *tx) FleetNodes(ctx context.Context) ([]*squall.FleetNode, error) {
	var list []*squall.FleetNode
	err := t.each(ctx, `SELECT doc FROM fleet_nodes ORDER BY name`, nil, func(r *row) error {
		var n squall.FleetNode
		list = append(list, &n)
		return json.Unmarshal(r.bytes(), &n)
	})
	return list, wrap("list machines", err)
}

// InsertRollout implements store.Fleet.
func (t *tx) InsertRollout(_ context.Context, r *squall.Rollout) error {
	r.Revision = 1
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store rollout %s: %w", r.ID, err)
	}
	n, err := t.write(`INSERT INTO rollouts (id, open, revision, doc) VALUES (?, ?, 1, ?) ON CONFLICT (id) DO NOTHING`, r.ID, driver.Flag(r.Open()), doc)
	if err == nil && n == 0 {
		return squall.Errorf(squall.Conflict, "rollout %s exists", r.ID)
	}
	return wrap("store rollout "+string(r.ID), err)
}

// UpdateRollout implements store.Fleet.
func (t *tx) UpdateRollout(_ context.Context, r *squall.Rollout) (bool, error) {
	next := *r
	next.Revision++
	doc, err := json.Marshal(&next)
	if err != nil {
		return false, fmt.Errorf("store rollout %s: %w", r.ID, err)
	}
	n, err := t.write(`UPDATE rollouts SET open = ?, revision = ?, doc = ? WHERE id = ? AND revision = ?`,
		driver.Flag(r.Open()), next.Revision, doc, r.ID, r.Revision)
	if err != nil || n == 0 {
		return false, wrap("store rollout "+string(r.ID), err)
	}
	r.Revision = next.Revision
	return true, nil
}

// Rollout implements store.Fleet.
func (t *tx) Rollout(ctx context.Context, id squall.ID) (*squall.Rollout, error) {
	list, err := t.rollouts(ctx, `SELECT doc FROM rollouts WHERE id = ?`, id)
	return first(list, err, "rollout", string(id))
}

// Rollouts implements store.Fleet.
func (t *tx) Rollouts(ctx context.Context, open bool, limit int) ([]*squall.Rollout, error) {
	where := ""
	if open {
		where = "WHERE open = 1 "
	}
	list, err := t.rollouts(ctx, `SELECT doc FROM rollouts `+where+`ORDER BY id DESC LIMIT ?`, cmp.Or(limit, driver.DefaultLimit))
	return list, wrap("list rollouts", err)
}

func (t *tx) rollouts(ctx context.Context, query string, args ...any) ([]*squall.Rollout, error) {
	var list []*squall.Rollout
	err := t.each(ctx, query, args, func(r *row) error {
		var o squall.Rollout
		list = append(list, &o)
		return json.Unmarshal(r.bytes(), &o)
	})
	return list, err
}

// LockHost implements store.Fleet.
func (t *tx) LockHost(_ context.Context, host string, owner squall.ID) (bool, error) {
	if err := driver.CheckText(host); err != nil {
		return false, err
	}
	n, err := t.write(`
		INSERT INTO host_locks (host, owner) VALUES (?, ?)
		ON CONFLICT (host) DO UPDATE SET owner = excluded.owner WHERE host_locks.owner = excluded.owner`, host, owner)
	return n > 0, wrap("lock machine "+host, err)
}

// UnlockHost implements store.Fleet.
func (t *tx) UnlockHost(_ context.Context, host string, owner squall.ID) error {
	_, err := t.write(`DELETE FROM host_locks WHERE host = ? AND owner = ?`, host, owner)
	return wrap("unlock machine "+host, err)
}
