package sqlite

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// LockGate implements store.Gates. There is one writer, so there is nobody to
// wait for.
func (t *tx) LockGate(_ context.Context, gate string) (doc []byte, err error) {
	if err := driver.CheckText(gate); err != nil {
		return nil, err
	}
	err = t.writeEach(`INSERT INTO gates (gate, used) VALUES (?,?) ON CONFLICT (gate) DO UPDATE SET used = excluded.used RETURNING doc`,
		[]any{gate, t.now}, func(r *row) error {
			doc = r.bytes()
			return nil
		})
	return doc, wrap("lock gate "+gate, err)
}

// PutGate implements store.Gates.
func (t *tx) PutGate(_ context.Context, gate string, doc []byte) error {
	_, err := t.write(`UPDATE gates SET doc = ? WHERE gate = ?`, doc, gate)
	return wrap("change gate "+gate, err)
}

// CountGate implements store.Gates.
func (t *tx) CountGate(ctx context.Context, gate string) (int, error) {
	n, err := t.number(ctx, `SELECT count(*) FROM gate_places WHERE gate = ? AND waiting = 0`, gate)
	return int(n), wrap("count gate "+gate, err)
}

// PutPlace implements store.Gates.
func (t *tx) PutPlace(_ context.Context, p store.Place) error {
	_, err := t.write(`INSERT INTO gate_places (execution, gate, waiting) VALUES (?,?,?)
		ON CONFLICT (execution, gate) DO UPDATE SET waiting = excluded.waiting`, p.Execution, p.Gate, p.Waiting)
	return wrap("put execution into gate "+p.Gate, err)
}

// Places implements store.Gates.
func (t *tx) Places(ctx context.Context, execution squall.ID) (list []store.Place, err error) {
	err = t.each(ctx, `SELECT gate, waiting FROM gate_places WHERE execution = ? ORDER BY gate`, []any{execution}, func(r *row) error {
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
	_, err = t.write(`DELETE FROM gate_places WHERE execution = ?`, execution)
	return list, wrap("leave gates", err)
}

// Waiting implements store.Gates.
func (t *tx) Waiting(ctx context.Context, gate string, limit int) (ids []squall.ID, err error) {
	query, args := `SELECT execution FROM gate_places WHERE gate = ? AND waiting = 1 ORDER BY execution LIMIT ?`, []any{gate, driver.Limit(limit)}
	if gate == "" {
		query, args = `SELECT DISTINCT execution FROM gate_places WHERE waiting = 1 ORDER BY execution LIMIT ?`, args[1:]
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
		SELECT id FROM executions AS e INDEXED BY executions_delayed WHERE status = 'delayed' AND max(not_before, created_at) <= ?
		  AND EXISTS (SELECT 1 FROM gate_places WHERE execution = e.id AND waiting = 1) ORDER BY id LIMIT ?`,
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
			SELECT 1 FROM executions WHERE id = p.execution AND status NOT IN `+finalStates+`) LIMIT ?`, []any{driver.Limit(limit)}, func(r *row) error {
		ids = append(ids, r.id())
		return nil
	})
	return ids, wrap("list stale places", err)
}

// TrimGates implements store.Gates.
func (t *tx) TrimGates(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`DELETE FROM gates WHERE gate IN (SELECT gate FROM gates AS g WHERE used < ?
		AND NOT EXISTS (SELECT 1 FROM gate_places WHERE gate = g.gate) LIMIT ?)`, before, driver.Limit(limit))
	return n, wrap("trim gates", err)
}

// ReleaseWorkflow implements store.Gates.
func (t *tx) ReleaseWorkflow(_ context.Context, id squall.ID) error {
	_, err := t.write(`UPDATE workflow_events SET due = 0 WHERE workflow = ? AND due > ?`, id, t.now)
	return wrap("release workflow "+string(id), err)
}
