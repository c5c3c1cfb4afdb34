package portable

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// LockGate implements store.Gates. Whoever changes the row has it to himself
// until the transaction ends.
func (t Statements) LockGate(_ context.Context, gate string) (doc []byte, err error) {
	if err := driver.CheckText(gate); err != nil {
		return nil, err
	}
	err = t.WriteEach(`INSERT INTO gates (gate, used) VALUES (?,?) ON CONFLICT (gate) DO UPDATE SET used = excluded.used RETURNING doc`,
		[]any{gate, t.Now()}, func(r Row) error {
			doc = r.Bytes()
			return nil
		})
	return doc, driver.Wrap("lock gate "+gate, err)
}

// PutGate implements store.Gates.
func (t Statements) PutGate(_ context.Context, gate string, doc []byte) error {
	err := t.Send(`UPDATE gates SET doc = ? WHERE gate = ?`, doc, gate)
	return driver.Wrap("change gate "+gate, err)
}

// CountGate implements store.Gates.
func (t Statements) CountGate(ctx context.Context, gate string) (int, error) {
	n, err := t.Number(ctx, `SELECT count(*) FROM gate_places WHERE gate = ? AND waiting = FALSE`, gate)
	return int(n), driver.Wrap("count gate "+gate, err)
}

// PutPlace implements store.Gates.
func (t Statements) PutPlace(_ context.Context, p store.Place) error {
	err := t.Send(`INSERT INTO gate_places (execution, gate, waiting) VALUES (?,?,?)
		ON CONFLICT (execution, gate) DO UPDATE SET waiting = excluded.waiting`, p.Execution, p.Gate, p.Waiting)
	return driver.Wrap("put execution into gate "+p.Gate, err)
}

// Places implements store.Gates.
func (t Statements) Places(ctx context.Context, execution squall.ID) (list []store.Place, err error) {
	err = t.Each(ctx, `SELECT gate, waiting FROM gate_places WHERE execution = ? ORDER BY gate`, []any{execution}, func(r Row) error {
		list = append(list, store.Place{Gate: r.Text(), Waiting: r.Bool(), Execution: execution})
		return nil
	})
	return list, driver.Wrap("list gates of execution", err)
}

// LeaveGates implements store.Gates.
func (t Statements) LeaveGates(ctx context.Context, execution squall.ID) ([]store.Place, error) {
	list, err := t.Places(ctx, execution)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = t.Send(`DELETE FROM gate_places WHERE execution = ?`, execution)
	return list, driver.Wrap("leave gates", err)
}

// Waiting implements store.Gates.
func (t Statements) Waiting(ctx context.Context, gate string, limit int) (ids []squall.ID, err error) {
	query, args := `SELECT execution FROM gate_places WHERE gate = ? AND waiting = TRUE ORDER BY execution LIMIT ?`, []any{gate, driver.Limit(limit)}
	if gate == "" {
		query, args = `SELECT DISTINCT execution FROM gate_places WHERE waiting = TRUE ORDER BY execution LIMIT ?`, args[1:]
	}
	err = t.Each(ctx, query, args, func(r Row) error {
		ids = append(ids, r.ID())
		return nil
	})
	return ids, driver.Wrap("list who waits at gate "+gate, err)
}

// StalePlaces implements store.Gates.
func (t Statements) StalePlaces(ctx context.Context, limit int) (ids []squall.ID, err error) {
	err = t.Each(ctx, `
		SELECT DISTINCT execution FROM gate_places AS p WHERE NOT EXISTS (
			SELECT 1 FROM executions WHERE id = p.execution AND status NOT IN `+FinalStates+`) LIMIT ?`, []any{driver.Limit(limit)}, func(r Row) error {
		ids = append(ids, r.ID())
		return nil
	})
	return ids, driver.Wrap("list stale places", err)
}

// TrimGates implements store.Gates.
func (t Statements) TrimGates(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`DELETE FROM gates WHERE gate IN (SELECT gate FROM gates AS g WHERE used < ?
		AND NOT EXISTS (SELECT 1 FROM gate_places WHERE gate = g.gate) LIMIT ?)`, before, driver.Limit(limit))
	return n, driver.Wrap("trim gates", err)
}

// ReleaseWorkflow implements store.Gates.
func (t Statements) ReleaseWorkflow(_ context.Context, id squall.ID) error {
	err := t.Send(`UPDATE workflow_events SET due = 0 WHERE workflow = ? AND due > ?`, id, t.Now())
	return driver.Wrap("release workflow "+string(id), err)
}
