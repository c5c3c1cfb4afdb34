package postgres

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
	same, err := t.number(ctx, `SELECT count(*) FROM api_keys WHERE hash = $1 AND id <> $2`, k.Hash, k.ID)
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
	err = t.send(`
		INSERT INTO api_keys (id, hash, owner, enabled, metadata, created_at) VALUES ($1,$2,$3,$4,$5,$6)
		ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, owner = excluded.owner, enabled = excluded.enabled,
			metadata = excluded.metadata, created_at = excluded.created_at`,
		k.ID, k.Hash, k.User, k.Enabled, string(k.Metadata), created)
	return wrap("store API key", err)
}

const apiKeyColumns = `id, hash, owner, enabled, metadata, created_at`

// APIKey implements store.Access.
func (t *tx) APIKey(ctx context.Context, id squall.ID) (*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE id = $1`, id)
	return first(list, err, "API key", string(id))
}

// APIKeyByHash implements store.Access.
func (t *tx) APIKeyByHash(ctx context.Context, hash string) (*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = $1`, hash)
	return first(list, err, "API key with hash", hash)
}

// FindAPIKeys implements store.Access.
func (t *tx) FindAPIKeys(ctx context.Context, f store.APIKeyFilter) ([]*squall.APIKey, error) {
	list, err := t.apiKeys(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE owner = $1 OR $1 = '' ORDER BY id LIMIT $2 OFFSET $3`,
		f.User, driver.Limit(f.Limit), max(0, f.Offset))
	return list, wrap("find API keys", err)
}

// CountAPIKeys implements store.Access.
func (t *tx) CountAPIKeys(ctx context.Context, f store.APIKeyFilter) (int, error) {
	n, err := t.number(ctx, `SELECT count(*) FROM api_keys WHERE owner = $1 OR $1 = ''`, f.User)
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
	n, err := t.write(`DELETE FROM api_keys WHERE id = $1`, id)
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
	err = t.send(`
		INSERT INTO audit (id, at, who, method, action, target, origin, request_id, outcome, detail) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
		e.ID, at, e.User, e.Method, e.Action, e.Target, e.From, e.RequestID, string(e.Outcome), e.Detail)
	return wrap("append to the audit log", err)
}

// FindAudit implements store.Access.
func (t *tx) FindAudit(ctx context.Context, f store.AuditFilter) ([]*squall.AuditEntry, error) {
	p := &params{}
	where := auditCondition(p, f)
	var list []*squall.AuditEntry
	err := t.each(ctx, `
		SELECT id, at, who, method, action, target, origin, request_id, outcome, detail FROM audit
		WHERE `+where+` ORDER BY id DESC LIMIT `+p.add(driver.Limit(f.Limit))+` OFFSET `+p.add(max(0, f.Offset)), p.args, func(r *row) error {
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
	p := &params{}
	n, err := t.number(ctx, `SELECT count(*) FROM audit WHERE `+auditCondition(p, f), p.args...)
	return int(n), wrap("count audit entries", err)
}

func auditCondition(p *params, f store.AuditFilter) string {
	where := "true"
	for _, m := range []struct{ column, value string }{
		{"who", f.User}, {"action", f.Action}, {"target", f.Target}, {"origin", f.From}, {"outcome", string(f.Outcome)},
	} {
		if m.value != "" {
			where += " AND " + m.column + " = " + p.add(m.value)
		}
	}
	if !f.Since.IsZero() {
		where += " AND at >= " + p.add(f.Since)
	}
	if !f.Until.IsZero() {
		where += " AND at < " + p.add(f.Until)
	}
	return where
}

// TrimAudit implements store.Access.
func (t *tx) TrimAudit(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)`, before, driver.Limit(limit))
	return n, wrap("trim the audit log", err)
}
