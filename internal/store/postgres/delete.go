package postgres

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// DeleteExecutions implements store.Executions.
func (t *tx) DeleteExecutions(ctx context.Context, before time.Time, limit int) (int, error) {
	if t.job == nil {
		return 0, portable.ErrReadOnly
	}
	slack, err := t.Number(ctx, `SELECT value FROM meta WHERE key = 'id_slack'`)
	if err != nil {
		return 0, driver.Wrap("delete executions", err)
	}
	// What ended before was created before: only the oldest identifiers are read.
	_, high := driver.IDBounds(time.Time{}, before, time.Duration(slack)*time.Second)
	var roots []squall.ID
	var sizes []int
	total := 0
	err = t.Each(ctx, `
		SELECT id, 1 + (SELECT count(*) FROM executions AS d WHERE d.root = e.id AND d.child) FROM executions AS e
		WHERE (child, id) < (false, $1) AND status IN `+portable.FinalStates+` AND ended_at > 0 AND ended_at < $2
		  AND NOT EXISTS (SELECT 1 FROM executions AS d WHERE d.root = e.id AND d.child
		                  AND (d.status NOT IN `+portable.FinalStates+` OR d.ended_at = 0 OR d.ended_at >= $2))
		ORDER BY child, id LIMIT $3 FOR UPDATE OF e SKIP LOCKED`, []any{high, before, driver.Limit(limit)}, func(r portable.Row) error {
		roots, sizes = append(roots, r.ID()), append(sizes, r.Int())
		return nil
	})
	if err != nil {
		return 0, driver.Wrap("find executions to delete", err)
	}
	for i, root := range roots {
		if total > 0 && total+sizes[i] > driver.Limit(limit) {
			break
		}
		if err := t.DeleteTree(root); err != nil {
			return 0, err
		}
		total += sizes[i]
	}
	return total, nil
}
