package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	sqlite "modernc.org/sqlite"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// newestVersion is the version of the last file in migrations.
var newestVersion = driver.NewestMigration(migrationFiles)

// migrate brings the schema to the newest version. An up-to-date file costs one
// query; goose is only asked when there is something to do.
func migrate(ctx context.Context, c *conn, path, dsn string) error {
	version, err := schemaVersion(ctx, c)
	switch {
	case err != nil:
		return err
	case version == newestVersion:
		return nil
	case version > newestVersion:
		return squall.Errorf(squall.Conflict,
			"database %s has schema version %d, this program knows up to %d: it was used by a newer release; start that release, or restore a backup made before",
			path, version, newestVersion)
	}
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate database %s: %w", path, err)
	}
	return nil
}

// schemaVersion returns 0 for a new file.
func schemaVersion(ctx context.Context, c *conn) (int64, error) {
	tables, err := c.number(ctx, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`)
	if err != nil || tables == 0 {
		return 0, err
	}
	return c.number(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`)
}
