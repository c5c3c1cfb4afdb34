package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// ClaimDeliveries implements store.Deliveries.
func (t *tx) ClaimDeliveries(_ context.Context, limit int, lease time.Duration) ([]*store.Delivery, error) {
	var list []*store.Delivery
	err := t.WriteEach(`
		UPDATE deliveries SET attempt = attempt + 1, due = ? WHERE id IN (
			SELECT id FROM deliveries WHERE state = 'open' AND due <= ? ORDER BY due, id LIMIT ?)
		RETURNING `+portable.DeliveryColumns, []any{t.now.Add(lease), t.now, driver.Limit(limit)}, func(r portable.Row) error {
		list = append(list, portable.ScanDelivery(r))
		return r.Err()
	})
	slices.SortFunc(list, func(a, b *store.Delivery) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, driver.Wrap("claim deliveries", err)
}
