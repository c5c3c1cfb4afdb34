package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Keys is the datastore of keys and values. What has expired at Now is not
// there for any method that reads, whether or not it was swept already. The
// store never sees the plain text of a secret.
type Keys interface {
	// PutKey writes the key, replacing what has its name, and sets UpdatedAt to
	// Now when it is zero. Error kind: Invalid.
	PutKey(ctx context.Context, k *squall.KeyValue) error
	// Key reads one. Error kind: NotFound.
	Key(ctx context.Context, ref squall.KeyRef) (*squall.KeyValue, error)
	// FindKeys lists keys by scope, owner and name, ascending by bytes.
	FindKeys(ctx context.Context, f KeyFilter) ([]*squall.KeyValue, error)
	// CountKeys counts what f finds without its Offset and Limit.
	CountKeys(ctx context.Context, f KeyFilter) (int, error)
	// DeleteKey removes the key and reports whether it was there.
	DeleteKey(ctx context.Context, ref squall.KeyRef) (bool, error)
	// DeleteExpiredKeys removes keys that expired before t, at most limit
	// (0: all); returns how many.
	DeleteExpiredKeys(ctx context.Context, before time.Time, limit int) (int, error)
}

// KeyFilter selects keys; zero fields do not restrict.
type KeyFilter struct {
	Scope  squall.Scope  // empty: system and user
	User   string        // owner; keys of scope system have none and are left out by it
	Prefix string        // of the name
	After  squall.KeyRef // keyset: keys behind this one; with a Scope only
	Offset int
	Limit  int // 0: no limit
}
