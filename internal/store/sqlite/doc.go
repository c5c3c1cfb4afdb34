// Package sqlite keeps the store in one SQLite file, in the server's process.
//
// One goroutine, the committer, owns the only connection that writes. It takes
// all updates that wait, runs them in one transaction, commits once and answers
// them (WAL, synchronous=FULL: what was answered survives a power cut). Readers
// use connections of their own and see a snapshot; they neither wait for the
// committer nor hold it up.
//
// The package talks to the driver's connections directly and keeps prepared
// statements per connection: at ten microseconds per statement database/sql
// would cost as much as SQLite itself.
//
// One process at a time: Open takes a lock beside the file.
package sqlite
