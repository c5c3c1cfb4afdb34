package postgres

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
	err := t.send(`
		INSERT INTO datastore (scope, owner, name, id, secret, expires_at, updated_at, value) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
		ON CONFLICT (scope, owner, name) DO UPDATE SET id = excluded.id, secret = excluded.secret, expires_at = excluded.expires_at,
			updated_at = excluded.updated_at, value = excluded.value`,
		string(k.Scope), k.User, k.Name, k.ID, k.Secret, k.ExpiresAt, updated, []byte(k.Value))
	return wrap("store key "+k.String(), err)
}

const keyColumns = `scope, owner, name, id, secret, expires_at, updated_at, value`

// Key implements store.Keys.
func (t *tx) Key(ctx context.Context, ref squall.KeyRef) (*squall.KeyValue, error) {
	list, err := t.keys(ctx, `
		SELECT `+keyColumns+` FROM datastore
		WHERE scope = $1 AND owner = $2 AND name = $3 AND (expires_at = 0 OR expires_at > $4)`,
		string(ref.Scope), ref.User, ref.Name, t.now)
	return first(list, err, "key", ref.String())
}

// FindKeys implements store.Keys.
func (t *tx) FindKeys(ctx context.Context, f store.KeyFilter) ([]*squall.KeyValue, error) {
	p := &params{}
	where := t.keyCondition(p, f)
	list, err := t.keys(ctx, `SELECT `+keyColumns+` FROM datastore WHERE `+where+
		` ORDER BY scope, owner, name LIMIT `+p.add(driver.Limit(f.Limit))+` OFFSET `+p.add(max(0, f.Offset)), p.args...)
	return list, wrap("find keys", err)
}

// CountKeys implements store.Keys.
func (t *tx) CountKeys(ctx context.Context, f store.KeyFilter) (int, error) {
	p := &params{}
	n := 0
	_, err := t.one(ctx, `SELECT count(*) FROM datastore WHERE `+t.keyCondition(p, f), p.args, func(r *row) error {
		n = r.int()
		return nil
	})
	return n, wrap("count keys", err)
}

func (t *tx) keyCondition(p *params, f store.KeyFilter) string {
	where := "(expires_at = 0 OR expires_at > " + p.add(t.now) + ")"
	if f.Scope != "" {
		where += " AND scope = " + p.add(string(f.Scope))
	} else {
		where += " AND scope IN ('system', 'user')"
	}
	if f.User != "" {
		where += " AND owner = " + p.add(f.User)
	}
	if f.Prefix != "" {
		where += " AND starts_with(name, " + p.add(f.Prefix) + ")"
	}
	return where
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
	live := false
	err := t.writeEach(`DELETE FROM datastore WHERE scope = $1 AND owner = $2 AND name = $3 RETURNING expires_at = 0 OR expires_at > $4`,
		[]any{string(ref.Scope), ref.User, ref.Name, t.now}, func(r *row) error {
			live = r.bool()
			return nil
		})
	return live, wrap("delete key "+ref.String(), err)
}

// DeleteExpiredKeys implements store.Keys.
func (t *tx) DeleteExpiredKeys(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`
		DELETE FROM datastore WHERE (scope, owner, name) IN (
			SELECT scope, owner, name FROM datastore WHERE expires_at > 0 AND expires_at < $1 ORDER BY expires_at LIMIT $2)`,
		before, driver.Limit(limit))
	return n, wrap("delete expired keys", err)
}
