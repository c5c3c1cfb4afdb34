// Package driver is what the two drivers of package store share and what is
// no SQL: the queue that groups updates, the store's clock, the wake-ups inside
// one process, and the encoding of documents, logs and identifiers in columns.
//
// Updates flow in through Queue.Do and out through Queue.Take to a driver's
// committer, which runs them in one transaction and answers each. The package
// never touches a database and starts no goroutine.
package driver
