package postgres

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

const finalStates = `('succeeded', 'failed', 'timeout', 'canceled', 'abandoned')`

// DeleteExecutions implements store.Executions.
func (t *tx) DeleteExecutions(ctx context.Context, before time.Time, limit int) (int, error) {
	if t.job == nil {
		return 0, errReadOnly
	}
	slack, err := t.number(ctx, `SELECT value FROM meta WHERE key = 'id_slack'`)
	if err != nil {
		return 0, wrap("delete executions", err)
	}
	// What ended before was created before: only the oldest identifiers are read.
	_, high := driver.IDBounds(time.Time{}, before, time.Duration(slack)*time.Second)
	var roots []squall.ID
	var sizes []int
	total := 0
	err = t.each(ctx, `
		SELECT id, 1 + (SELECT count(*) FROM executions AS d WHERE d.root = e.id AND d.child) FROM executions AS e
		WHERE (child, id) < (false, $1) AND status IN `+finalStates+` AND ended_at > 0 AND ended_at < $2
		  AND NOT EXISTS (SELECT 1 FROM executions AS d WHERE d.root = e.id AND d.child
		                  AND (d.status NOT IN `+finalStates+` OR d.ended_at = 0 OR d.ended_at >= $2))
		ORDER BY child, id LIMIT $3 FOR UPDATE OF e SKIP LOCKED`, []any{high, before, driver.Limit(limit)}, func(r *row) error {
		roots, sizes = append(roots, r.id()), append(sizes, r.int())
		return nil
	})
	if err != nil {
		return 0, wrap("find executions to delete", err)
	}
	for i, root := range roots {
		if total > 0 && total+sizes[i] > driver.Limit(limit) {
			break
		}
		if err := t.deleteTree(root); err != nil {
			return 0, err
		}
		total += sizes[i]
	}
	return total, nil
}

// deleteTree removes an execution with all its descendants and what belongs to
// them.
func (t *tx) deleteTree(root squall.ID) error {
	for _, query := range []string{
		`DELETE FROM output WHERE execution = $1`,
		`DELETE FROM output WHERE execution IN (SELECT id FROM executions WHERE root = $1 AND child)`,
		`DELETE FROM workflow_rows WHERE workflow IN (SELECT id FROM workflows WHERE root = $1)`,
		`DELETE FROM workflow_events WHERE workflow = $1`,
		`DELETE FROM workflow_events WHERE workflow IN (SELECT id FROM executions WHERE root = $1 AND child)`,
		`DELETE FROM workflows WHERE root = $1`,
		`DELETE FROM docs WHERE root = $1`,
		`DELETE FROM executions WHERE root = $1 AND child`,
		`DELETE FROM executions WHERE id = $1`,
	} {
		if err := t.send(query, root); err != nil {
			return wrap("delete execution "+string(root), err)
		}
	}
	return nil
}
