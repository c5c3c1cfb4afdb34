package auth

import (
	"encoding/json"
	"strings"
	"time"

	"squall/internal/squall"
)

// RunToken is what the token of a running action says: for whom it acts, and
// for which run. It is not stored: it is sealed with the keyring, so giving one
// to every run costs no write, and each node can check it. That the run is still
// going on is the caller's to find out.
type RunToken struct {
	User      string    `json:"u"`
	Execution squall.ID `json:"e"`
	Ends      time.Time `json:"t"`
}

// RunTokenTTL is how long such a token lives when its run does (st2: service_token_ttl).
const RunTokenTTL = 24 * time.Hour

const forRuns Purpose = "token of a run"

// runTokenPrefix tells such a token from others without opening it.
const runTokenPrefix = "run-"

// IsRunToken reports whether a secret has the form of a RunToken.
func IsRunToken(secret string) bool { return strings.HasPrefix(secret, runTokenPrefix) }

// Seal returns the token's secret.
func (t RunToken) Seal(r *Keyring) string {
	doc, err := json.Marshal(t)
	if err != nil {
		panic("auth: marshal token of a run: " + err.Error()) // texts and a date: cannot happen
	}
	return runTokenPrefix + r.Seal(forRuns, string(doc))
}

// OpenRunToken reads a token that has not ended by now. Error kind: Unauthentic.
func OpenRunToken(r *Keyring, secret string, now time.Time) (RunToken, error) {
	var t RunToken
	doc, err := r.Open(forRuns, strings.TrimPrefix(secret, runTokenPrefix))
	if err != nil || json.Unmarshal([]byte(doc), &t) != nil || t.User == "" {
		return RunToken{}, squall.Errorf(squall.Unauthentic, "Unauthorized")
	}
	if !now.Before(t.Ends) {
		return RunToken{}, squall.Errorf(squall.Unauthentic, "Unauthorized - the token of the run has expired.")
	}
	return t, nil
}
