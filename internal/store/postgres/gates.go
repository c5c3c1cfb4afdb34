package postgres

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// LockGate implements store.Gates. The update keeps the row locked until the end
// of the transaction.
func (t *tx) LockGate(_ context.Context, gate string) (doc []byte, err error) {
	if err := driver.CheckText(gate); err != nil {
		return nil, err
	}
	err = t.writeEach(`INSERT INTO gates (gate, used) VALUES ($1,$2) ON CONFLICT (gate) DO UPDATE SET used = excluded.used RETURNING doc`,
		[]any{gate, t.now}, func(r *row) error {
			doc = r.bytes()
			return nil
		})
	return doc, wrap("lock gate "+gate, err)
}

// PutGate implements store.Gates.
func (t *tx) PutGate(_ context.Context, gate string, doc []byte) error {
	err := t.send(`UPDATE gates SET doc = $1 WHERE gate = $2`, doc, gate)
	return wrap("change gate "+gate, err)
}

// CountGate implements store.Gates.
func (t *tx) CountGate(ctx context.Context, gate string) (int, error) {
	n, err := t.number(ctx, `SELECT count(*) FROM gate_places WHERE gate = $1 AND NOT waiting`, gate)
	return int(n), wrap("count gate "+gate, err)
}

// PutPlace implements store.Gates.
func (t *tx) PutPlace(_ context.Context, p store.Place) error {
	err := t.send(`INSERT INTO gate_places (execution, gate, waiting) VALUES ($1,$2,$3)
		ON CONFLICT (execution, gate) DO UPDATE SET waiting = excluded.waiting`, p.Execution, p.Gate, p.Waiting)
	return wrap("put execution into gate "+p.Gate, err)
}

// Places implements store.Gates.
func (t *tx) Places(ctx context.Context, execution squall.ID) (list []store.Place, err error) {
	err = t.each(ctx, `SELECT gate, waiting FROM gate_places WHERE execution = $1 ORDER BY gate`, []any{execution}, func(r *row) error {
		list = append(list, store.Place{Gate: r.text(), Waiting: r.bool(), Execution: execution})
		return nil
	})
	return list, wrap("list gates of execution", err)
}

// LeaveGates implements store.Gates.
func (t *tx) LeaveGates(ctx context.Context, execution squall.ID) ([]store.Place, error) {
	list, err := t.Places(ctx, execution)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = t.send(`DELETE FROM gate_places WHERE execution = $1`, execution)
	return list, wrap("leave gates", err)
}

// Waiting implements store.Gates.
func (t *tx) Waiting(ctx context.Context, gate string, limit int) (ids []squall.ID, err error) {
	query, args := `SELECT execution FROM gate_places WHERE gate = $1 AND waiting ORDER BY execution LIMIT $2`, []any{gate, driver.Limit(limit)}
	if gate == "" {
		query, args = `SELECT DISTINCT execution FROM gate_places WHERE waiting ORDER BY execution LIMIT $1`, args[1:]
	}
	err = t.each(ctx, query, args, func(r *row) error {
		ids = append(ids, r.id())
		return nil
	})
	return ids, wrap("list who waits at gate "+gate, err)
}

// DueWaiting implements store.Gates.
func (t *tx) DueWaiting(ctx context.Context, limit int) (ids []squall.ID, err error) {
	err = t.each(ctx, `
		SELECT id FROM executions AS e WHERE status = 'delayed' AND greatest(not_before, created_at) <= $1
		  AND EXISTS (SELECT 1 FROM gate_places WHERE execution = e.id AND waiting) ORDER BY id LIMIT $2`,
		[]any{t.now, driver.Limit(limit)}, func(r *row) error {
			ids = append(ids, r.id())
			return nil
		})
	return ids, wrap("list due executions at gates", err)
}

// StalePlaces implements store.Gates.
func (t *tx) StalePlaces(ctx context.Context, limit int) (ids []squall.ID, err error) {
	err = t.each(ctx, `
		SELECT DISTINCT execution FROM gate_places AS p WHERE NOT EXISTS (
			SELECT 1 FROM executions WHERE id = p.execution AND status NOT IN `+finalStates+`) LIMIT $1`, []any{driver.Limit(limit)}, func(r *row) error {
		ids = append(ids, r.id())
		return nil
	})
	return ids, wrap("list stale places", err)
}

// TrimGates implements store.Gates.
func (t *tx) TrimGates(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`DELETE FROM gates WHERE gate IN (SELECT gate FROM gates AS g WHERE used < $1
		AND NOT EXISTS (SELECT 1 FROM gate_places WHERE gate = g.gate) LIMIT $2)`, before, driver.Limit(limit))
	return n, wrap("trim gates", err)
}

// ReleaseWorkflow implements store.Gates.
func (t *tx) ReleaseWorkflow(_ context.Context, id squall.ID) error {
	err := t.send(`UPDATE workflow_events SET due = 0 WHERE workflow = $1 AND due > $2`, id, t.now)
	return wrap("release workflow "+string(id), err)
}
