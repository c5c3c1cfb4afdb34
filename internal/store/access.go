package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Access is the keys of programs, and the record of who did what.
type Access interface {
	// PutAPIKey writes the key, replacing what has its ID; CreatedAt is Now when
	// it is zero. Error kinds: Invalid; Conflict when another key has the hash.
	PutAPIKey(ctx context.Context, k *squall.APIKey) error
	// APIKey reads one. Error kind: NotFound.
	APIKey(ctx context.Context, id squall.ID) (*squall.APIKey, error)
	// APIKeyByHash reads the key of a secret, enabled or not. Error kind: NotFound.
	APIKeyByHash(ctx context.Context, hash string) (*squall.APIKey, error)
	// FindAPIKeys lists keys, the oldest first.
	FindAPIKeys(ctx context.Context, f APIKeyFilter) ([]*squall.APIKey, error)
	// CountAPIKeys counts what f finds without its Offset and Limit.
	CountAPIKeys(ctx context.Context, f APIKeyFilter) (int, error)
	// DeleteAPIKey removes the key and reports whether it was there.
	DeleteAPIKey(ctx context.Context, id squall.ID) (bool, error)

	// AppendAudit adds an entry to the audit log; At is Now when it is zero.
	// Entries cannot be changed, by whatever way: the database refuses it.
	AppendAudit(ctx context.Context, e *squall.AuditEntry) error
	// FindAudit lists entries, the newest first.
	FindAudit(ctx context.Context, f AuditFilter) ([]*squall.AuditEntry, error)
	// CountAudit counts what f finds without its Offset and Limit.
	CountAudit(ctx context.Context, f AuditFilter) (int, error)
	// TrimAudit deletes entries older than t, at most limit (0: all); returns how many.
	TrimAudit(ctx context.Context, before time.Time, limit int) (int, error)
}

// APIKeyFilter selects API keys; zero fields do not restrict.
type APIKeyFilter struct {
	User   string
	Offset int
	Limit  int // 0: no limit
}

// AuditFilter selects entries of the audit log; zero fields do not restrict.
type AuditFilter struct {
	User    string
	Action  string
	Target  string
	From    string
	Outcome squall.AuditOutcome
	Since   time.Time // at or after
	Until   time.Time // before
	Offset  int
	Limit   int // 0: no limit
}
