package portable

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// PutUser implements store.Accounts.
func (t Statements) PutUser(_ context.Context, u *squall.User) error {
	groups, err := driver.UserGroups(u)
	if err != nil {
		return err
	}
	created := u.CreatedAt
	if created.IsZero() {
		created = t.Now()
	}
	err = t.Send(`
		INSERT INTO users (`+userColumns+`) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, admin = excluded.admin, created_at = excluded.created_at,
			source = excluded.source, member_of = excluded.member_of, disabled = excluded.disabled, description = excluded.description`,
		u.Name, u.PasswordHash, u.Admin, created, string(u.Source), groups, u.Disabled, u.Description)
	return driver.Wrap("store user "+u.Name, err)
}

const userColumns = `name, password_hash, admin, created_at, source, member_of, disabled, description`

// User implements store.Accounts.
func (t Statements) User(ctx context.Context, name string) (*squall.User, error) {
	list, err := t.users(ctx, `SELECT `+userColumns+` FROM users WHERE name = ?`, name)
	return first(list, err, "user", name)
}

// Users implements store.Accounts.
func (t Statements) Users(ctx context.Context) ([]*squall.User, error) {
	list, err := t.users(ctx, `SELECT `+userColumns+` FROM users ORDER BY name`)
	return list, driver.Wrap("list users", err)
}

func (t Statements) users(ctx context.Context, query string, args ...any) ([]*squall.User, error) {
	var list []*squall.User
	err := t.Each(ctx, query, args, func(r Row) error {
		u := &squall.User{
			Name: r.Text(), PasswordHash: r.Text(), Admin: r.Bool(), CreatedAt: r.Time(),
			Source: squall.UserSource(r.Text()), Groups: driver.Groups(r.Text()), Disabled: r.Bool(), Description: r.Text(),
		}
		list = append(list, u)
		return nil
	})
	return list, err
}

// DeleteUser implements store.Accounts.
func (t Statements) DeleteUser(_ context.Context, name string) error {
	err := t.Send(`DELETE FROM users WHERE name = ?`, name)
	return driver.Wrap("delete user "+name, err)
}

// DeleteToken implements store.Accounts.
func (t Statements) DeleteToken(_ context.Context, digest string) error {
	err := t.Send(`DELETE FROM tokens WHERE digest = ?`, digest)
	return driver.Wrap("delete token", err)
}

// DeleteTokens implements store.Accounts.
func (t Statements) DeleteTokens(_ context.Context, expiredBefore time.Time, limit int) (int, error) {
	n, err := t.Write(`
		DELETE FROM tokens WHERE digest IN (SELECT digest FROM tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`,
		expiredBefore, driver.Limit(limit))
	return n, driver.Wrap("delete tokens", err)
}
