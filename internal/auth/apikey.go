package auth

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"time"

	"squall/internal/squall"
)

// apiKeySalt is StackStorm's constant. It adds nothing to a random secret; it is
// here so that keys made there go on working.
const apiKeySalt = "saltnpepper"

// NewAPIKey makes an enabled key for user. The secret is for the user and cannot
// be had again; what is stored is k. The secret has StackStorm's form: the hex
// digits of 256 random bits in base64.
func NewAPIKey(id squall.ID, user string, now time.Time) (secret string, k *squall.APIKey) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	secret = base64.RawStdEncoding.EncodeToString([]byte(hex.EncodeToString(b[:])))
	return secret, &squall.APIKey{ID: id, User: user, Hash: HashAPIKey(secret), Enabled: true, CreatedAt: now}
}

// HashAPIKey returns the form of an API key that is stored and looked up: the
// salted SHA-512 of StackStorm. It need not be slow, because the secret is random.
func HashAPIKey(secret string) string {
	sum := sha512.Sum512([]byte(apiKeySalt + secret))
	return hex.EncodeToString(sum[:])
}

// IsAPIKeyHash reports whether text has the form of HashAPIKey's result.
func IsAPIKeyHash(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha512.Size && hex.EncodeToString(b) == text
}
