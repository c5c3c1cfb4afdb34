package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// newestVersion is the version of the last file in migrations.
var newestVersion = driver.NewestMigration(migrationFiles)

// migrate brings the schema to the newest version. A session lock of the
// database makes nodes that start at once wait for each other.
func migrate(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig) error {
	version, err := schemaVersion(ctx, conn)
	switch {
	case err != nil:
		return err
	case version == newestVersion:
		return nil
	case version > newestVersion:
		return squall.Errorf(squall.Conflict,
			"the database has schema version %d, this program knows up to %d: it was used by a newer release; start that release on every node",
			version, newestVersion)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// schemaVersion returns 0 for a new database.
func schemaVersion(ctx context.Context, conn *pgx.Conn) (version int64, err error) {
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	err = conn.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	return version, err
}
