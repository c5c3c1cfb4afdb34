package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"squall/internal/squall"
)

// Cost is the bcrypt cost of new hashes: about 60 ms on the machines of 2026,
// slow for who guesses and fine for who logs in once a day.
const Cost = 10

// MinPassword is the shortest password HashPassword accepts, in bytes.
const MinPassword = 8

// HashPassword returns the bcrypt hash under which a password is stored.
// Passwords of any length count in full: bcrypt alone ignores what lies behind
// byte 72. The error is of kind Invalid when the password is too short.
func HashPassword(password string) (string, error) {
	if len(password) < MinPassword {
		return "", squall.Errorf(squall.Invalid, "the password has %d bytes; it needs at least %d", len(password), MinPassword)
	}
	return hash(password, Cost)
}

func hash(password string, cost int) (string, error) {
	h, err := bcrypt.GenerateFromPassword(material(password), cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(h), nil
}

// CheckPassword reports whether password is the one hash was made from. With an
// empty hash (no such user, or one without password) it takes as long as with a
// real one and returns false, so that the time does not tell who exists.
func CheckPassword(hash, password string) bool {
	if hash == "" {
		_ = bcrypt.CompareHashAndPassword(nobody(), material(password))
		return false
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), material(password)) == nil
}

// nobody is a hash that costs as much as a real one to compare with.
var nobody = sync.OnceValue(func() []byte {
	h, err := hash(NewPassword(), Cost)
	if err != nil {
		panic(err) // the input is of our own making: cannot happen
	}
	return []byte(h)
})

// material is what bcrypt sees: the password itself, or a digest of it when it
// is longer than the 72 bytes bcrypt looks at.
func material(password string) []byte {
	if len(password) <= 72 {
		return []byte(password)
	}
	sum := sha256.Sum256([]byte(password))
	return []byte(base64.RawStdEncoding.EncodeToString(sum[:]))
}

// NewPassword returns a random password of 128 bits, as the first start gives
// to the administrator.
func NewPassword() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
