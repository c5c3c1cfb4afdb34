package squall

import "time"

// User is somebody who can authenticate.
type User struct {
	Name         string
	PasswordHash string // bcrypt; empty: cannot log in with a password
	Admin        bool
	CreatedAt    time.Time
}

// Token is a bearer credential. Only a digest of the secret is stored.
type Token struct {
	ID        ID
	User      string
	Digest    string // hex SHA-256 of the secret
	ExpiresAt time.Time
	CreatedAt time.Time
	Service   bool   // issued by the server itself, for the run of an action
	Metadata  string // a JSON object, "" when empty
}
