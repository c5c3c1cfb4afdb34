package sqlite

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// DueWaiting implements store.Gates.
func (t *tx) DueWaiting(ctx context.Context, limit int) (ids []squall.ID, err error) {
	err = t.Each(ctx, `
		SELECT id FROM executions AS e INDEXED BY executions_delayed WHERE status = 'delayed' AND max(not_before, created_at) <= ?
		  AND EXISTS (SELECT 1 FROM gate_places WHERE execution = e.id AND waiting = 1) ORDER BY id LIMIT ?`,
		[]any{t.now, driver.Limit(limit)}, func(r portable.Row) error {
			ids = append(ids, r.ID())
			return nil
		})
	return ids, driver.Wrap("list due executions at gates", err)
}
