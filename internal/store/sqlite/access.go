package sqlite

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// PutAPIKey implements store.Access.
func (t *tx) PutAPIKey(ctx context.Context, k *squall.APIKey) error {
	if err := driver.CheckAPIKey(k); err != nil {
		return err
	}
	same, err := t.number(ctx, `SELECT count(*) FROM api_keys WHERE hash = ? AND id <> ?`, k.Hash, k.ID)
	switch {
	case err != nil:
		return wrap("store API key", err)
	case same > 0:
		return squall.Errorf(squall.Conflict, "there is an API key with this hash already")
	}
	created := k.CreatedAt
	if created.IsZero() {
		created = t.now
	}
	_, err = t.write(`INSERT OR REPLACE INTO api_keys (id, hash, owner, enabled, metadata, created_at) VALUES (?,?,?,?,?,?)`,
		k.ID, k.Hash, k.User, k.Enabled, string(k.Metadata), created)
	return wrap("store API key", err)
}

const apiKeyColumns = `id, hash, owner, enabled, metadata, created_at`

// APIKey implements store.Access.
func (t *tx) APIKey(ctx context.Context, id squall.ID) (*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE id = ?`, id)
	return first(list, err, "API key", string(id))
}

// APIKeyByHash implements store.Access.
func (t *tx) APIKeyByHash(ctx context.Context, hash string) (*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = ?`, hash)
	return first(list, err, "API key with hash", hash)
}

// FindAPIKeys implements store.Access.
func (t *tx) FindAPIKeys(ctx context.Context, f store.APIKeyFilter) ([]*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE owner = ? OR ? = '' ORDER BY id LIMIT ? OFFSET ?`,
		f.User, f.User, driver.Limit(f.Limit), max(0, f.Offset))
	return list, wrap("find API keys", err)
}

// CountAPIKeys implements store.Access.
func (t *tx) CountAPIKeys(ctx context.Context, f store.APIKeyFilter) (int, error) {
	n, err := t.number(ctx, `SELECT count(*) FROM api_keys WHERE owner = ? OR ? = ''`, f.User, f.User)
	return int(n), wrap("count API keys", err)
}

func (t *tx) apiKeys(ctx context.Context, query string, args ...any) ([]*squall.APIKey, error) {
	var list []*squall.APIKey
	err := t.each(ctx, query, args, func(r *row) error {
		k := &squall.APIKey{ID: r.id(), Hash: r.text(), User: r.text(), Enabled: r.bool()}
		if text := r.text(); text != "" {
			k.Metadata = []byte(text)
		}
		k.CreatedAt = r.time()
		list = append(list, k)
		return nil
	})
	return list, err
}

// DeleteAPIKey implements store.Access.
func (t *tx) DeleteAPIKey(_ context.Context, id squall.ID) (bool, error) {
	n, err := t.write(`DELETE FROM api_keys WHERE id = ?`, id)
	return n > 0, wrap("delete API key", err)
}

// AppendAudit implements store.Access.
func (t *tx) AppendAudit(_ context.Context, e *squall.AuditEntry) error {
	e, err := driver.AuditText(e)
	if err != nil {
		return err
	}
	at := e.At
	if at.IsZero() {
		at = t.now
	}
	_, err = t.write(`
		INSERT INTO audit (id, at, who, method, action, target, origin, request_id, outcome, detail) VALUES (?,?,?,?,?,?,?,?,?,?)`,
		e.ID, at, e.User, e.Method, e.Action, e.Target, e.From, e.RequestID, string(e.Outcome), e.Detail)
	return wrap("append to the audit log", err)
}

// FindAudit implements store.Access.
func (t *tx) FindAudit(ctx context.Context, f store.AuditFilter) ([]*squall.AuditEntry, error) {
	where := auditCondition(f)
	var list []*squall.AuditEntry
	err := t.each(ctx, `
		SELECT id, at, who, method, action, target, origin, request_id, outcome, detail FROM audit
		WHERE `+where.sql+` ORDER BY id DESC LIMIT ? OFFSET ?`,
		append(where.args, driver.Limit(f.Limit), max(0, f.Offset)), func(r *row) error {
			list = append(list, &squall.AuditEntry{
				ID: r.id(), At: r.time(), User: r.text(), Method: r.text(), Action: r.text(), Target: r.text(), From: r.text(),
				RequestID: r.text(), Outcome: squall.AuditOutcome(r.text()), Detail: r.text(),
			})
			return nil
		})
	return list, wrap("find audit entries", err)
}

// CountAudit implements store.Access.
func (t *tx) CountAudit(ctx context.Context, f store.AuditFilter) (int, error) {
	where := auditCondition(f)
	n, err := t.number(ctx, `SELECT count(*) FROM audit WHERE `+where.sql, where.args...)
	return int(n), wrap("count audit entries", err)
}

func auditCondition(f store.AuditFilter) *condition {
	c := &condition{sql: "1"}
	for _, m := range []struct{ column, value string }{
		{"who", f.User}, {"action", f.Action}, {"target", f.Target}, {"origin", f.From}, {"outcome", string(f.Outcome)},
	} {
		if m.value != "" {
			c.and(m.column+" = ?", m.value)
		}
	}
	if !f.Since.IsZero() {
		c.and("at >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		c.and("at < ?", f.Until)
	}
	return c
}

// TrimAudit implements store.Access.
func (t *tx) TrimAudit(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)`, before, driver.Limit(limit))
	return n, wrap("trim the audit log", err)
}
