package postgres

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// DueWaiting implements store.Gates.
func (t *tx) DueWaiting(ctx context.Context, limit int) (ids []squall.ID, err error) {
	err = t.Each(ctx, `
		SELECT id FROM executions AS e WHERE status = 'delayed' AND greatest(not_before, created_at) <= $1
		  AND EXISTS (SELECT 1 FROM gate_places WHERE execution = e.id AND waiting) ORDER BY id LIMIT $2`,
		[]any{t.now, driver.Limit(limit)}, func(r portable.Row) error {
			ids = append(ids, r.ID())
			return nil
		})
	return ids, driver.Wrap("list due executions at gates", err)
}
