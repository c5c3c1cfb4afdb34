package squall

import (
	"encoding/json"
	"time"
)

// APIKey is the credential of a program: it acts as its user until it is
// disabled or deleted. Only a hash of the secret is stored.
type APIKey struct {
	ID        ID
	User      string
	Hash      string // of the secret, as auth.HashAPIKey makes it
	Enabled   bool
	Metadata  json.RawMessage // a JSON object, nil when empty
	CreatedAt time.Time
}

// UID returns StackStorm's universal name of the key.
func (k *APIKey) UID() string { return "api_key:" + k.Hash }

// AuditEntry says that somebody changed something, or tried to and was refused.
type AuditEntry struct {
	ID        ID
	At        time.Time
	User      string // "" when nobody was authenticated
	Method    string // how they showed who they are: "token", "api_key", "password", "proxy"; "" when they did not
	Action    string // the permission it takes, or method and path pattern of the route
	Target    string // what it was done to: a UID, or the path asked for
	From      string // address of the client
	RequestID string
	Outcome   AuditOutcome
	Detail    string // why it was refused or failed
}

// AuditOutcome is how an attempt ended.
type AuditOutcome string

// The outcomes.
const (
	AuditDone    AuditOutcome = "done"
	AuditDenied  AuditOutcome = "denied"  // not authenticated, or not permitted
	AuditInvalid AuditOutcome = "refused" // permitted, but the request was wrong or came at the wrong time
	AuditFailed  AuditOutcome = "failed"  // permitted and right, but the server could not do it
)
