package wire

import "encoding/json"

// TokenRequest is the body of POST /auth/v1/tokens; all of it is optional.
type TokenRequest struct {
	TTL  *int64 `json:"ttl,omitempty"` // seconds
	User string `json:"user,omitempty"`
}

// Token is the answer: the only time the secret is shown.
type Token struct {
	User     string          `json:"user"`
	Token    string          `json:"token"`
	Expiry   Time            `json:"expiry"`
	Metadata json.RawMessage `json:"metadata"`
	Service  bool            `json:"service"`
	ID       string          `json:"id"`
}

// TokenValid is the answer of POST /auth/v1/tokens/validate.
type TokenValid struct {
	Valid bool `json:"valid"`
}

// User is the answer of GET /api/v1/user: who the caller is.
type User struct {
	Name           string         `json:"username"`
	Authentication Authentication `json:"authentication"`
	RBAC           RBAC           `json:"rbac"`
}

// Authentication says how the caller came in.
type Authentication struct {
	Method   string `json:"method"`
	Location string `json:"location"`               // "header" or "query"
	Expire   string `json:"token_expire,omitempty"` // to the second; API keys have none
}

// RBAC says what the caller may do.
type RBAC struct {
	Enabled bool     `json:"enabled"`
	Roles   []string `json:"roles"`
	Admin   bool     `json:"is_admin"`
}

// Root is the answer of GET /api/v1/.
type Root struct {
	Version string `json:"version"`
	DocsURL string `json:"docs_url"`
}
