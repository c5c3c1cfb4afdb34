// Package postgres keeps the store in PostgreSQL (13 or newer), for several
// nodes at once.
//
// A few committers, each with a connection of its own, take the updates that
// wait, run them in one transaction and answer them. Writes whose result nobody
// waits for are queued and sent together with the next read or with the commit.
// Wake-ups go out after the commit, merged, over a connection of their own:
// NOTIFY inside the transactions would make them queue for one lock.
//
// Instants, leases and locks go by the database's clock. When the connection is
// lost during a commit, the database is asked afterwards what became of the
// transaction; see resolve.go.
package postgres
