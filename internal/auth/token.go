package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"squall/internal/squall"
)

// TTL bounds the life of tokens.
type TTL struct {
	Default time.Duration // when the caller does not say; st2: 24 h
	Max     time.Duration // for tokens of users; st2: 24 h
}

// DefaultTTL is StackStorm's: a day, and not more than a day.
var DefaultTTL = TTL{Default: 24 * time.Hour, Max: 24 * time.Hour}

// For returns how long a token may live for which seconds were asked; nil means
// the default. Errors are of kind Invalid.
func (l TTL) For(seconds *int64) (time.Duration, error) {
	if seconds == nil {
		return l.Default, nil
	}
	switch maxTTL := int64(l.Max / time.Second); {
	case *seconds <= 0:
		return 0, squall.Errorf(squall.Invalid, "TTL specified %d must be a positive number of seconds.", *seconds)
	case *seconds > maxTTL:
		return 0, squall.Errorf(squall.Invalid, "TTL specified %d is greater than max allowed %d.", *seconds, maxTTL)
	}
	return time.Duration(*seconds) * time.Second, nil
}

// NewToken makes a token for user that is valid from now for ttl. The secret is
// for the user and cannot be had again; what is stored is t.
func NewToken(id squall.ID, user string, now time.Time, ttl time.Duration) (secret string, t *squall.Token) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	secret = hex.EncodeToString(b[:])
	return secret, &squall.Token{
		ID: id, User: user, Digest: Digest(secret),
		CreatedAt: now, ExpiresAt: now.Add(ttl),
	}
}

// Digest returns the form of a secret that is stored and looked up.
func Digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// TokenValid reports whether t is the token of secret and has not expired.
func TokenValid(t *squall.Token, secret string, now time.Time) bool {
	same := subtle.ConstantTimeCompare([]byte(t.Digest), []byte(Digest(secret))) == 1
	return same && now.Before(t.ExpiresAt)
}
