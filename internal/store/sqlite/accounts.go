package sqlite

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// PutToken implements store.Accounts.
func (t *tx) PutToken(_ context.Context, k *squall.Token) error {
	if err := driver.CheckText(k.Digest, k.User, k.Metadata); err != nil {
		return err
	}
	if !k.ID.Valid() {
		return squall.Errorf(squall.Invalid, "%q is not an identifier", k.ID)
	}
	created := k.CreatedAt
	if created.IsZero() {
		created = t.now
	}
	_, err := t.Write(`
		INSERT OR REPLACE INTO tokens (digest, id, user, expires_at, created_at, service, metadata) VALUES (?,?,?,?,?,?,?)`,
		k.Digest, k.ID, k.User, k.ExpiresAt, created, k.Service, k.Metadata)
	return driver.Wrap("store token", err)
}

// TokenByDigest implements store.Accounts.
func (t *tx) TokenByDigest(ctx context.Context, digest string) (*squall.Token, error) {
	var k *squall.Token
	_, err := t.One(ctx, `SELECT digest, id, user, expires_at, created_at, service, metadata FROM tokens WHERE digest = ?`, []any{digest}, func(r portable.Row) error {
		k = &squall.Token{
			Digest: r.Text(), ID: r.ID(), User: r.Text(), ExpiresAt: r.Time(), CreatedAt: r.Time(), Service: r.Bool(), Metadata: r.Text(),
		}
		return nil
	})
	if err == nil && k == nil {
		return nil, squall.Errorf(squall.NotFound, "the token does not exist")
	}
	return k, driver.Wrap("read token", err)
}
