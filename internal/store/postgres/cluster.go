package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// JoinNode implements store.Cluster. Epochs come from one sequence for all
// names, so that they grow also for a node that was forgotten in between.
func (t *tx) JoinNode(ctx context.Context, n store.Node, ttl time.Duration) (int64, error) {
	if err := driver.CheckText(slices.Concat([]string{n.Name, n.Host, n.Version, n.URL}, n.Queues, n.Keeps)...); err != nil {
		return 0, err
	}
	queues, err := json.Marshal(n.Queues)
	if err != nil {
		return 0, fmt.Errorf("join node %s: %w", n.Name, err)
	}
	if t.job == nil {
		return 0, portable.ErrReadOnly
	}
	epoch, err := t.Number(ctx, `SELECT nextval('node_epochs')`)
	if err != nil {
		return 0, fmt.Errorf("join node %s: %w", n.Name, err)
	}
	if n.StartedAt.IsZero() {
		n.StartedAt = t.now
	}
	_, err = t.writeNodes(`
		INSERT INTO nodes (name, epoch, host, pid, version, url, slots, queues, started_at, lease_until, keeps, keep_for, joined_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)
		ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, host = excluded.host, pid = excluded.pid, version = excluded.version,
			url = excluded.url, slots = excluded.slots, queues = excluded.queues, started_at = excluded.started_at, lease_until = excluded.lease_until,
			keeps = excluded.keeps, keep_for = excluded.keep_for, joined_at = excluded.joined_at`,
		n.Name, epoch, n.Host, n.PID, n.Version, n.URL, n.Slots, string(queues), n.StartedAt, t.now.Add(ttl),
		driver.Marked(n.Keeps), n.KeepFor.Microseconds(), t.now)
	if err != nil {
		return 0, fmt.Errorf("join node %s: %w", n.Name, err)
	}
	return epoch, nil
}

// RenewNode implements store.Cluster.
func (t *tx) RenewNode(_ context.Context, name string, epoch int64, ttl time.Duration) (bool, error) {
	n, err := t.writeNodes(`UPDATE nodes SET lease_until = $1 WHERE name = $2 AND epoch = $3 AND lease_until > $4`, t.now.Add(ttl), name, epoch, t.now)
	return n > 0, driver.Wrap("renew lease of node "+name, err)
}

// HoldsLease implements store.Cluster. Finishing and output ask it every time,
// so a group asks the database once per owner.
func (t *tx) HoldsLease(ctx context.Context, o store.Owner) (bool, error) {
	var leases map[store.Owner]bool
	if t.group != nil {
		leases = t.group.leases
	}
	if live, known := leases[o]; known {
		return live, nil
	}
	n, err := t.Number(ctx, `SELECT count(*) FROM nodes WHERE name = $1 AND epoch = $2 AND lease_until > $3`, o.Node, o.Epoch, t.now)
	if err != nil {
		return false, fmt.Errorf("read lease of node %s: %w", o.Node, err)
	}
	if leases != nil {
		leases[o] = n > 0
	}
	return n > 0, nil
}

// writeNodes is write for the table of nodes.
func (t *tx) writeNodes(query string, args ...any) (int, error) {
	if t.group != nil {
		clear(t.group.leases)
	}
	return t.Write(query, args...)
}

// LeaveNode implements store.Cluster.
func (t *tx) LeaveNode(_ context.Context, name string, epoch int64) error {
	_, err := t.writeNodes(`UPDATE nodes SET lease_until = $1 WHERE name = $2 AND epoch = $3 AND lease_until > $4`, t.now, name, epoch, t.now)
	return driver.Wrap("end lease of node "+name, err)
}

// Nodes implements store.Cluster.
func (t *tx) Nodes(ctx context.Context) ([]store.Node, error) {
	var list []store.Node
	err := t.Each(ctx, `
		SELECT name, epoch, host, pid, version, url, slots, queues, started_at, lease_until, keeps, keep_for FROM nodes ORDER BY name`, nil, func(r portable.Row) error {
		n := store.Node{
			Name: r.Text(), Epoch: r.Int64(), Host: r.Text(), PID: r.Int(), Version: r.Text(), URL: r.Text(), Slots: r.Int(),
		}
		if err := json.Unmarshal([]byte(r.Text()), &n.Queues); err != nil {
			return fmt.Errorf("queues of node %s: %w", n.Name, err)
		}
		n.StartedAt, n.LeaseUntil = r.Time(), r.Time()
		n.Keeps, n.KeepFor = driver.Unmarked(r.Text()), time.Duration(r.Int64())*time.Microsecond
		list = append(list, n)
		return nil
	})
	return list, driver.Wrap("list nodes", err)
}

// ForgetNodes implements store.Cluster.
func (t *tx) ForgetNodes(_ context.Context, before time.Time) (int, error) {
	n, err := t.writeNodes(`
		DELETE FROM nodes WHERE lease_until < $1 AND name NOT IN (
			SELECT node FROM executions
			WHERE status IN ('requested', 'delayed', 'scheduled', 'running', 'pending', 'pausing', 'paused', 'resuming', 'canceling'))`, before)
	return n, driver.Wrap("forget nodes", err)
}

// TryLock implements store.Cluster.
func (t *tx) TryLock(_ context.Context, name, owner string, ttl time.Duration) (bool, error) {
	if err := driver.CheckText(name, owner); err != nil {
		return false, err
	}
	n, err := t.Write(`
		INSERT INTO locks (name, owner, until) VALUES ($1,$2,$3)
		ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
		WHERE locks.owner = excluded.owner OR locks.until <= $4`, name, owner, t.now.Add(ttl), t.now)
	return n > 0, driver.Wrap("take lock "+name, err)
}

// Unlock implements store.Cluster.
func (t *tx) Unlock(_ context.Context, name, owner string) error {
	err := t.Send(`DELETE FROM locks WHERE name = $1 AND owner = $2`, name, owner)
	return driver.Wrap("release lock "+name, err)
}
