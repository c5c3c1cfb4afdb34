package portable

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutAPIKey implements store.Access.
func (t Statements) PutAPIKey(ctx context.Context, k *squall.APIKey) error {
	if err := driver.CheckAPIKey(k); err != nil {
		return err
	}
	same, err := t.Number(ctx, `SELECT count(*) FROM api_keys WHERE hash = ? AND id <> ?`, k.Hash, k.ID)
	switch {
	case err != nil:
		return driver.Wrap("store API key", err)
	case same > 0:
		return squall.Errorf(squall.Conflict, "there is an API key with this hash already")
	}
	created := k.CreatedAt
	if created.IsZero() {
		created = t.Now()
	}
	err = t.Send(`
		INSERT INTO api_keys (id, hash, owner, enabled, metadata, created_at) VALUES (?,?,?,?,?,?)
		ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, owner = excluded.owner, enabled = excluded.enabled,
			metadata = excluded.metadata, created_at = excluded.created_at`,
		k.ID, k.Hash, k.User, k.Enabled, string(k.Metadata), created)
	return driver.Wrap("store API key", err)
}

const apiKeyColumns = `id, hash, owner, enabled, metadata, created_at`

// APIKey implements store.Access.
func (t Statements) APIKey(ctx context.Context, id squall.ID) (*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE id = ?`, id)
	return first(list, err, "API key", string(id))
}

// APIKeyByHash implements store.Access.
func (t Statements) APIKeyByHash(ctx context.Context, hash string) (*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = ?`, hash)
	return first(list, err, "API key with hash", hash)
}

// FindAPIKeys implements store.Access.
func (t Statements) FindAPIKeys(ctx context.Context, f store.APIKeyFilter) ([]*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE owner = ? OR CAST(? AS text) = '' ORDER BY id LIMIT ? OFFSET ?`,
		f.User, f.User, driver.Limit(f.Limit), max(0, f.Offset))
	return list, driver.Wrap("find API keys", err)
}

// CountAPIKeys implements store.Access.
func (t Statements) CountAPIKeys(ctx context.Context, f store.APIKeyFilter) (int, error) {
	n, err := t.Number(ctx, `SELECT count(*) FROM api_keys WHERE owner = ? OR CAST(? AS text) = ''`, f.User, f.User)
	return int(n), driver.Wrap("count API keys", err)
}

func (t Statements) apiKeys(ctx context.Context, query string, args ...any) ([]*squall.APIKey, error) {
	var list []*squall.APIKey
	err := t.Each(ctx, query, args, func(r Row) error {
		k := &squall.APIKey{ID: r.ID(), Hash: r.Text(), User: r.Text(), Enabled: r.Bool()}
		if text := r.Text(); text != "" {
			k.Metadata = []byte(text)
		}
		k.CreatedAt = r.Time()
		list = append(list, k)
		return nil
	})
	return list, err
}

// DeleteAPIKey implements store.Access.
func (t Statements) DeleteAPIKey(_ context.Context, id squall.ID) (bool, error) {
	n, err := t.Write(`DELETE FROM api_keys WHERE id = ?`, id)
	return n > 0, driver.Wrap("delete API key", err)
}

// AppendAudit implements store.Access.
func (t Statements) AppendAudit(_ context.Context, e *squall.AuditEntry) error {
	e, err := driver.AuditText(e)
	if err != nil {
		return err
	}
	at := e.At
	if at.IsZero() {
		at = t.Now()
	}
	err = t.Send(`
		INSERT INTO audit (id, at, who, method, action, target, origin, request_id, outcome, detail) VALUES (?,?,?,?,?,?,?,?,?,?)`,
		e.ID, at, e.User, e.Method, e.Action, e.Target, e.From, e.RequestID, string(e.Outcome), e.Detail)
	return driver.Wrap("append to the audit log", err)
}

// FindAudit implements store.Access.
func (t Statements) FindAudit(ctx context.Context, f store.AuditFilter) ([]*squall.AuditEntry, error) {
	where := auditCondition(f)
	var list []*squall.AuditEntry
	err := t.Each(ctx, `
		SELECT id, at, who, method, action, target, origin, request_id, outcome, detail FROM audit
		WHERE `+where.SQL+` ORDER BY id DESC LIMIT ? OFFSET ?`,
		append(where.Args, driver.Limit(f.Limit), max(0, f.Offset)), func(r Row) error {
			list = append(list, &squall.AuditEntry{
				ID: r.ID(), At: r.Time(), User: r.Text(), Method: r.Text(), Action: r.Text(), Target: r.Text(), From: r.Text(),
				RequestID: r.Text(), Outcome: squall.AuditOutcome(r.Text()), Detail: r.Text(),
			})
			return nil
		})
	return list, driver.Wrap("find audit entries", err)
}

// CountAudit implements store.Access.
func (t Statements) CountAudit(ctx context.Context, f store.AuditFilter) (int, error) {
	where := auditCondition(f)
	n, err := t.Number(ctx, `SELECT count(*) FROM audit WHERE `+where.SQL, where.Args...)
	return int(n), driver.Wrap("count audit entries", err)
}

func auditCondition(f store.AuditFilter) *driver.Condition {
	c := &driver.Condition{SQL: "TRUE"}
	for _, m := range []struct{ column, value string }{
		{"who", f.User}, {"action", f.Action}, {"target", f.Target}, {"origin", f.From}, {"outcome", string(f.Outcome)},
	} {
		if m.value != "" {
			c.And(m.column+" = ?", m.value)
		}
	}
	if !f.Since.IsZero() {
		c.And("at >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		c.And("at < ?", f.Until)
	}
	return c
}

// TrimAudit implements store.Access.
func (t Statements) TrimAudit(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)`, before, driver.Limit(limit))
	return n, driver.Wrap("trim the audit log", err)
}
