package sqlite

import (
	"errors"
	"fmt"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"squall/internal/squall"
)

// resultCode returns SQLite's primary result code, 0 when err is none of SQLite's.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// isDatabaseFault reports whether err says that the database as a whole cannot
// be used now, in contrast to a fault of one statement. Such an error ends the
// whole group: SQLite may have rolled the transaction back already.
func isDatabaseFault(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH,
		sqlite3.SQLITE_ABORT, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// explain turns a fault of the database into an error for the user, of kind
// Unavailable, that says what is wrong with which file. Others pass.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	var what string
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL:
		what = "no space is left for it: free space on its file system"
	case sqlite3.SQLITE_READONLY:
		what = "it is read-only: check the permissions of the file, of its directory and how the file system is mounted"
	case sqlite3.SQLITE_IOERR:
		what = "reading or writing it failed: check the disk and the kernel's log"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		what = "it cannot be opened: check that it exists and its permissions"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		what = "another program has locked it: close whatever else has it open"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		what = "it is damaged or not a SQLite database: restore it from a backup"
	case sqlite3.SQLITE_NOMEM:
		what = "memory is short"
	default:
		return err
	}
	return &squall.Error{
		Kind: squall.Unavailable,
		Msg:  fmt.Sprintf("database %s: %s (%v)", s.path, what, err),
		Err:  err,
	}
}
