package squall

import "time"

// User is somebody who can authenticate.
type User struct {
	Name         string
	PasswordHash string // bcrypt; empty: cannot log in with a password of ours
	Admin        bool
	CreatedAt    time.Time

	Source      UserSource
	Groups      []string // as the source said at the last login
	Disabled    bool     // may not come in, by no way
	Description string
}

// UserSource says who vouches for a user: the name of an outside source ("ldap",
// "oidc"), or one of the constants.
type UserSource string

// The sources of our own.
const (
	LocalUser      UserSource = ""        // the database, or nobody yet
	ServiceAccount UserSource = "service" // a program: comes in with API keys only
)

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
