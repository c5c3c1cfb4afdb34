package portable

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutKey implements store.Keys.
func (t Statements) PutKey(_ context.Context, k *squall.KeyValue) error {
	if err := driver.CheckKey(k); err != nil {
		return err
	}
	updated := k.UpdatedAt
	if updated.IsZero() {
		updated = t.Now()
	}
	err := t.Send(`
		INSERT INTO datastore (scope, owner, name, id, secret, expires_at, updated_at, value) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (scope, owner, name) DO UPDATE SET id = excluded.id, secret = excluded.secret, expires_at = excluded.expires_at,
			updated_at = excluded.updated_at, value = excluded.value`,
		string(k.Scope), k.User, k.Name, k.ID, k.Secret, k.ExpiresAt, updated, []byte(k.Value))
	return driver.Wrap("store key "+k.String(), err)
}

const keyColumns = `scope, owner, name, id, secret, expires_at, updated_at, value`

// Key implements store.Keys.
func (t Statements) Key(ctx context.Context, ref squall.KeyRef) (*squall.KeyValue, error) {
	list, err := t.keys(ctx, `
		SELECT `+keyColumns+` FROM datastore
		WHERE scope = ? AND owner = ? AND name = ? AND (expires_at = 0 OR expires_at > ?)`,
		string(ref.Scope), ref.User, ref.Name, t.Now())
	return first(list, err, "key", ref.String())
}

// FindKeys implements store.Keys.
func (t Statements) FindKeys(ctx context.Context, f store.KeyFilter) ([]*squall.KeyValue, error) {
	where := t.keyCondition(f)
	list, err := t.keys(ctx, `SELECT `+keyColumns+` FROM datastore WHERE `+where.SQL+` ORDER BY scope, owner, name LIMIT ? OFFSET ?`,
		append(where.Args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, driver.Wrap("find keys", err)
}

// CountKeys implements store.Keys.
func (t Statements) CountKeys(ctx context.Context, f store.KeyFilter) (int, error) {
	where := t.keyCondition(f)
	n, err := t.Number(ctx, `SELECT count(*) FROM datastore WHERE `+where.SQL, where.Args...)
	return int(n), driver.Wrap("count keys", err)
}

func (t Statements) keyCondition(f store.KeyFilter) *driver.Condition {
	c := &driver.Condition{}
	c.And("(expires_at = 0 OR expires_at > ?)", t.Now())
	if f.Scope != "" {
		c.And("scope = ?", string(f.Scope))
	} else {
		c.And("scope IN ('system', 'user')")
	}
	if f.User != "" {
		c.And("owner = ?", f.User)
	}
	if f.After.Name != "" {
		c.And("(owner, name) > (?, ?)", f.After.User, f.After.Name)
	}
	if f.Prefix != "" {
		c.And("substr(name, 1, length(CAST(? AS text))) = ?", f.Prefix, f.Prefix)
	}
	return c
}

func (t Statements) keys(ctx context.Context, query string, args ...any) ([]*squall.KeyValue, error) {
	var list []*squall.KeyValue
	err := t.Each(ctx, query, args, func(r Row) error {
		list = append(list, &squall.KeyValue{
			KeyRef: squall.KeyRef{Scope: squall.Scope(r.Text()), User: r.Text(), Name: r.Text()},
			ID:     r.ID(), Secret: r.Bool(), ExpiresAt: r.Time(), UpdatedAt: r.Time(), Value: string(r.Bytes()),
		})
		return nil
	})
	return list, err
}

// DeleteKey implements store.Keys.
func (t Statements) DeleteKey(_ context.Context, ref squall.KeyRef) (bool, error) {
	live := false
	err := t.WriteEach(`DELETE FROM datastore WHERE scope = ? AND owner = ? AND name = ? RETURNING expires_at = 0 OR expires_at > ?`,
		[]any{string(ref.Scope), ref.User, ref.Name, t.Now()}, func(r Row) error {
			live = r.Bool()
			return nil
		})
	return live, driver.Wrap("delete key "+ref.String(), err)
}

// DeleteExpiredKeys implements store.Keys.
func (t Statements) DeleteExpiredKeys(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`
		DELETE FROM datastore WHERE (scope, owner, name) IN (
			SELECT scope, owner, name FROM datastore WHERE expires_at > 0 AND expires_at < ? ORDER BY expires_at LIMIT ?)`,
		before, driver.Limit(limit))
	return n, driver.Wrap("delete expired keys", err)
}
