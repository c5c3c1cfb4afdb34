package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// AdminPasswordFile is where the first start leaves the password of the user
// admin, in the data directory, readable by the server's user only.
const AdminPasswordFile = "admin-password"

// ensureAdmin creates the user admin when there is no user at all. The file is
// written before the user, so that a crash between the two leaves a password
// without a user, which the next start uses, and never a user nobody can be.
func ensureAdmin(ctx context.Context, st store.Store, dir string, log *slog.Logger) error {
	var users []*squall.User
	err := st.View(ctx, func(tx store.Tx) (err error) {
		users, err = tx.Users(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	if len(users) > 0 {
		return nil
	}
	path := filepath.Join(dir, AdminPasswordFile)
	password, err := adminPassword(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	err = st.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.User(ctx, "admin"); err == nil {
			return nil // another node of a new cluster was faster
		}
		return tx.PutUser(ctx, &squall.User{Name: "admin", PasswordHash: hash, Admin: true, CreatedAt: tx.Now()})
	})
	if err != nil {
		return fmt.Errorf("create user admin: %w", err)
	}
	log.Info("created the user admin", "password_file", path)
	return nil
}

// adminPassword returns the password that an interrupted first start left, or a new one.
func adminPassword(path string) (string, error) {
	if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
		return string(text), nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	password := rand.Text()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.WriteString(password); err != nil {
		return "", err
	}
	return password, f.Sync()
}
