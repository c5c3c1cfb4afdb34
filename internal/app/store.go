package app

import (
	"context"
	"log/slog"
	"path/filepath"

	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/sqlite"
)

var discardLog = slog.New(slog.DiscardHandler)

// sqlitePath is where the embedded database lies.
func sqlitePath(c *Config) string { return filepath.Join(c.Server.Data, "squall.db") }

// openStore opens the configured database and brings its schema up to date.
func openStore(ctx context.Context, c *Config, obs store.Observer, log *slog.Logger) (store.Store, error) {
	if c.Database.URL != "" {
		return postgres.Open(ctx, postgres.Options{DSN: c.Database.URL, Observer: obs, Log: log})
	}
	return sqlite.Open(ctx, sqlite.Options{Path: sqlitePath(c), Observer: obs, Log: log})
}
