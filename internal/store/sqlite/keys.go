package sqlite

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutKey implements store.Keys.
func (t *tx) PutKey(_ context.Context, k *squall.KeyValue) error {
	if err := driver.CheckKey(k); err != nil {
		return err
	}
	updated := k.UpdatedAt
	if updated.IsZero() {
		updated = t.now
	}
	_, err := t.write(`
		INSERT OR REPLACE INTO datastore (scope, owner, name, id, secret, expires_at, updated_at, value) VALUES (?,?,?,?,?,?,?,?)`,
		string(k.Scope), k.User, k.Name, k.ID, k.Secret, k.ExpiresAt, updated, []byte(k.Value))
	return wrap("store key "+k.String(), err)
}

const keyColumns = `scope, owner, name, id, secret, expires_at, updated_at, value`

// Key implements store.Keys.
func (t *tx) Key(ctx context.Context, ref squall.KeyRef) (*squall.KeyValue, error) {
	list, err := t.keys(ctx, `
		SELECT `+keyColumns+` FROM datastore
		WHERE scope = ? AND owner = ? AND name = ? AND (expires_at = 0 OR expires_at > ?)`,
		string(ref.Scope), ref.User, ref.Name, t.now)
	return first(list, err, "key", ref.String())
}

// FindKeys implements store.Keys.
func (t *tx) FindKeys(ctx context.Context, f store.KeyFilter) ([]*squall.KeyValue, error) {
	where := t.keyCondition(f)
	list, err := t.keys(ctx, `SELECT `+keyColumns+` FROM datastore WHERE `+where.sql+` ORDER BY scope, owner, name LIMIT ? OFFSET ?`,
		append(where.args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, wrap("find keys", err)
}

// CountKeys implements store.Keys.
func (t *tx) CountKeys(ctx context.Context, f store.KeyFilter) (int, error) {
	where := t.keyCondition(f)
	n, err := t.number(ctx, `SELECT count(*) FROM datastore WHERE `+where.sql, where.args...)
	return int(n), wrap("count keys", err)
}

func (t *tx) keyCondition(f store.KeyFilter) *condition {
	c := &condition{}
	c.and("(expires_at = 0 OR expires_at > ?)", t.now)
	if f.Scope != "" {
		c.and("scope = ?", string(f.Scope))
	} else {
		c.and("scope IN ('system', 'user')")
	}
	if f.User != "" {
		c.and("owner = ?", f.User)
	}
	if f.Prefix != "" {
		c.and("substr(name, 1, length(?)) = ?", f.Prefix, f.Prefix)
	}
	return c
}

func (t *tx) keys(ctx context.Context, query string, args ...any) ([]*squall.KeyValue, error) {
	var list []*squall.KeyValue
	err := t.each(ctx, query, args, func(r *row) error {
		list = append(list, &squall.KeyValue{
			KeyRef: squall.KeyRef{Scope: squall.Scope(r.text()), User: r.text(), Name: r.text()},
			ID:     r.id(), Secret: r.bool(), ExpiresAt: r.time(), UpdatedAt: r.time(), Value: string(r.bytes()),
		})
		return nil
	})
	return list, err
}

// DeleteKey implements store.Keys.
func (t *tx) DeleteKey(_ context.Context, ref squall.KeyRef) (bool, error) {
	live := 0
	err := t.writeEach(`DELETE FROM datastore WHERE scope = ? AND owner = ? AND name = ? RETURNING expires_at = 0 OR expires_at > ?`,
		[]any{string(ref.Scope), ref.User, ref.Name, t.now}, func(r *row) error {
			live = r.int()
			return nil
		})
	return live > 0, wrap("delete key "+ref.String(), err)
}

// DeleteExpiredKeys implements store.Keys.
func (t *tx) DeleteExpiredKeys(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`
		DELETE FROM datastore WHERE rowid IN (
			SELECT rowid FROM datastore WHERE expires_at > 0 AND expires_at < ? ORDER BY expires_at LIMIT ?)`,
		before, driver.Limit(limit))
	return n, wrap("delete expired keys", err)
}
