package sqlite

import (
	"context"

	"squall/internal/store"
	"squall/internal/store/driver"
)

// ContentChanged makes the next version known.
func (t *tx) ContentChanged(kind store.ContentKind) error {
	if !kind.Versioned() {
		return nil
	}
	t.Wake(store.TopicCatalog)
	next := t.store.numbers.catalog + 1
	if _, err := t.Write(`UPDATE meta SET value = ? WHERE key = 'catalog'`, next); err != nil {
		return err
	}
	t.store.numbers.catalog = next
	return nil
}

// ContentVersion implements store.Contents. The committer has it in memory.
func (t *tx) ContentVersion(ctx context.Context) (int64, error) {
	if t.job != nil {
		return t.store.numbers.catalog, nil
	}
	n, err := t.Number(ctx, `SELECT value FROM meta WHERE key = 'catalog'`)
	return n, driver.Wrap("read the version of the content", err)
}
