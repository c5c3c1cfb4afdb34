package postgres

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// PutUser implements store.Accounts.
func (t *tx) PutUser(_ context.Context, u *squall.User) error {
	groups, err := driver.UserGroups(u)
	if err != nil {
		return err
	}
	created := u.CreatedAt
	if created.IsZero() {
		created = t.now
	}
	err = t.send(`
		INSERT INTO users (`+userColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
		ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, admin = excluded.admin, created_at = excluded.created_at,
			source = excluded.source, member_of = excluded.member_of, disabled = excluded.disabled, description = excluded.description`,
		u.Name, u.PasswordHash, u.Admin, created, string(u.Source), groups, u.Disabled, u.Description)
	return wrap("store user "+u.Name, err)
}

const userColumns = `name, password_hash, admin, created_at, source, member_of, disabled, description`

// User implements store.Accounts.
func (t *tx) User(ctx context.Context, name string) (*squall.User, error) {
	list, err := t.users(ctx, `SELECT `+userColumns+` FROM users WHERE name = $1`, name)
	return first(list, err, "user", name)
}

// Users implements store.Accounts.
func (t *tx) Users(ctx context.Context) ([]*squall.User, error) {
	list, err := t.users(ctx, `SELECT `+userColumns+` FROM users ORDER BY name`)
	return list, wrap("list users", err)
}

func (t *tx) users(ctx context.Context, query string, args ...any) ([]*squall.User, error) {
	var list []*squall.User
	err := t.each(ctx, query, args, func(r *row) error {
		u := &squall.User{
			Name: r.text(), PasswordHash: r.text(), Admin: r.bool(), CreatedAt: r.time(),
			Source: squall.UserSource(r.text()), Groups: driver.Groups(r.text()), Disabled: r.bool(), Description: r.text(),
		}
		list = append(list, u)
		return nil
	})
	return list, err
}

// DeleteUser implements store.Accounts.
func (t *tx) DeleteUser(_ context.Context, name string) error {
	err := t.send(`DELETE FROM users WHERE name = $1`, name)
	return wrap("delete user "+name, err)
}

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
	err := t.send(`
		INSERT INTO tokens (digest, id, username, expires_at, created_at, service, metadata) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (digest) DO UPDATE SET id = excluded.id, username = excluded.username, expires_at = excluded.expires_at,
			created_at = excluded.created_at, service = excluded.service, metadata = excluded.metadata`,
		k.Digest, k.ID, k.User, k.ExpiresAt, created, k.Service, k.Metadata)
	return wrap("store token", err)
}

// TokenByDigest implements store.Accounts.
func (t *tx) TokenByDigest(ctx context.Context, digest string) (*squall.Token, error) {
	var k *squall.Token
	_, err := t.one(ctx, `SELECT digest, id, username, expires_at, created_at, service, metadata FROM tokens WHERE digest = $1`, []any{digest}, func(r *row) error {
		k = &squall.Token{
			Digest: r.text(), ID: r.id(), User: r.text(), ExpiresAt: r.time(), CreatedAt: r.time(), Service: r.bool(), Metadata: r.text(),
		}
		return nil
	})
	if err == nil && k == nil {
		return nil, squall.Errorf(squall.NotFound, "the token does not exist")
	}
	return k, wrap("read token", err)
}

// DeleteToken implements store.Accounts.
func (t *tx) DeleteToken(_ context.Context, digest string) error {
	err := t.send(`DELETE FROM tokens WHERE digest = $1`, digest)
	return wrap("delete token", err)
}

// DeleteTokens implements store.Accounts.
func (t *tx) DeleteTokens(_ context.Context, expiredBefore time.Time, limit int) (int, error) {
	n, err := t.write(`
		DELETE FROM tokens WHERE digest IN (SELECT digest FROM tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
		expiredBefore, driver.Limit(limit))
	return n, wrap("delete tokens", err)
}
