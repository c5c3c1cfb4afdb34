package auth

import (
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
)

func TestRunToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ring := NewKeyring(now)
	token := RunToken{User: "ann", Execution: "6b030b4ad22a3545302ce049", Ends: now.Add(time.Hour)}
	secret := token.Seal(ring)
	if !IsRunToken(secret) || strings.Contains(secret, "ann") || secret == token.Seal(ring) {
		t.Errorf("Seal = %s", secret)
	}
	for name, r := range map[string]*Keyring{"same": ring, "rotated": ring.Rotate(now)} {
		if got, err := OpenRunToken(r, secret, now); err != nil || got != token {
			t.Errorf("%s keyring: %+v, %v", name, got, err)
		}
	}
	for name, open := range map[string]func() (RunToken, error){
		"at its end":      func() (RunToken, error) { return OpenRunToken(ring, secret, now.Add(time.Hour)) },
		"another keyring": func() (RunToken, error) { return OpenRunToken(NewKeyring(now), secret, now) },
		"changed":         func() (RunToken, error) { return OpenRunToken(ring, secret[:len(secret)-1]+"0"+"0", now) },
		"another purpose": func() (RunToken, error) {
			return OpenRunToken(ring, runTokenPrefix+ring.Seal(ForDatastore, `{"u":"root"}`), now)
		},
		"nobody's": func() (RunToken, error) {
			return OpenRunToken(ring, RunToken{Ends: now.Add(time.Hour)}.Seal(ring), now)
		},
		"only its prefix":  func() (RunToken, error) { return OpenRunToken(ring, runTokenPrefix, now) },
		"nothing at all":   func() (RunToken, error) { return OpenRunToken(ring, "", now) },
		"plain text in it": func() (RunToken, error) { return OpenRunToken(ring, runTokenPrefix+`{"u":"root"}`, now) },
	} {
		if got, err := open(); squall.KindOf(err) != squall.Unauthentic || got != (RunToken{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func BenchmarkRunToken(b *testing.B) {
	ring, now := NewKeyring(time.Unix(1, 0)), time.Unix(1, 0)
	for b.Loop() {
		if _, err := OpenRunToken(ring, RunToken{User: "ann", Ends: now.Add(1)}.Seal(ring), now); err != nil {
			b.Fatal(err)
		}
	}
}
