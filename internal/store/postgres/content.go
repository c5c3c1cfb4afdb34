package postgres

import (
	"context"

	"squall/internal/store"
	"squall/internal/store/driver"
)

// ContentChanged makes the next version known. Of many changes in a transaction
// the last one counts.
func (t *tx) ContentChanged(kind store.ContentKind) error {
	if !kind.Versioned() {
		return nil
	}
	t.Wake(store.TopicCatalog)
	t.group.catalog = 0
	return t.Send(`UPDATE meta SET value = value + 1 WHERE key = 'catalog'`)
}

// ContentVersion implements store.Contents. A group asks the database once.
func (t *tx) ContentVersion(ctx context.Context) (int64, error) {
	if t.group != nil && t.group.catalog > 0 {
		return t.group.catalog, nil
	}
	n, err := t.Number(ctx, `SELECT value FROM meta WHERE key = 'catalog'`)
	if err == nil && t.group != nil {
		t.group.catalog = n
	}
	return n, driver.Wrap("read the version of the content", err)
}
