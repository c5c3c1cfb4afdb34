package squall

import (
	"strings"
	"time"
)

// Scope says who a key of the datastore belongs to.
type Scope string

// The scopes. StackStorm's API writes them with the prefix "st2kv.".
const (
	SystemScope Scope = "system" // everybody's
	UserScope   Scope = "user"   // one user's own

	// InternalScope is for the server's own notes. No list without a scope shows
	// it, and no client can name it.
	InternalScope Scope = "internal"
)

// scopePrefix stands before a scope in StackStorm's API; both spellings are taken.
const scopePrefix = "st2kv."

// ParseScope reads a scope with or without "st2kv." in front. The error is of
// kind Invalid and has StackStorm's words.
func ParseScope(s string) (Scope, error) {
	scope := Scope(strings.TrimPrefix(s, scopePrefix))
	if scope != SystemScope && scope != UserScope {
		return "", Errorf(Invalid, "Scope %s%s is not in allowed scopes list: ['system', 'user', 'st2kv.system', 'st2kv.user'].", scopePrefix, scope)
	}
	return scope, nil
}

// Wire returns the scope as StackStorm's API writes it: "st2kv.system".
func (s Scope) Wire() string { return scopePrefix + string(s) }

// KeyRef names a key of the datastore.
type KeyRef struct {
	Scope Scope
	User  string // the owner in UserScope, otherwise empty
	Name  string
}

// String returns "user:name" for keys of a user and the plain name for others,
// as StackStorm stores them. Names may hold colons themselves, user names may
// not, so the first colon ends the user.
func (r KeyRef) String() string {
	if r.Scope == UserScope {
		return r.User + ":" + r.Name
	}
	return r.Name
}

// UID returns StackStorm's universal name of the key:
// "key_value_pair:st2kv.user:alice:name".
func (r KeyRef) UID() string { return "key_value_pair:" + r.Scope.Wire() + ":" + r.String() }

// Check returns an error of kind Invalid when r can name no key.
func (r KeyRef) Check() error {
	switch {
	case r.Name == "":
		return Errorf(Invalid, "A key needs a name.")
	case r.Scope == UserScope && r.User == "":
		return Errorf(Invalid, "A key of scope user needs a user.")
	case r.Scope == UserScope && strings.Contains(r.User, ":"):
		return Errorf(Invalid, "The user %q cannot have keys: the name holds a colon.", r.User)
	case r.Scope != UserScope && r.User != "":
		return Errorf(Invalid, "A key of scope %s has no user.", r.Scope)
	}
	return nil
}

// KeyValue is an entry of the datastore.
type KeyValue struct {
	ID ID
	KeyRef
	Value     string    // of a secret: its ciphertext
	Secret    bool      // Value is encrypted
	ExpiresAt time.Time // zero: never
	UpdatedAt time.Time
}
