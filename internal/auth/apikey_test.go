package auth

import (
	"strings"
	"testing"
	"time"
)

func TestAPIKey(t *testing.T) {
	t.Parallel()
	// Recorded from StackStorm, which names the hash of a key it does not know.
	const want = "0513765abfbca9cb6914a7f23f5d7b97c2390661ea9a43fd643278dc29c4fbcd6cd6c28721daecd6c1e60e78481c22b3a09da10d355a820211812758078a0779"
	if got := HashAPIKey("zzz"); got != want {
		t.Errorf("HashAPIKey(zzz) = %s", got)
	}
	now := time.Unix(1000, 0)
	secret, k := NewAPIKey("6b030b4ad22a3545302ce049", "ann", now)
	other, _ := NewAPIKey("6b030b4ad22a3545302ce049", "ann", now)
	if len(secret) != 86 || secret == other || k.Hash != HashAPIKey(secret) || !k.Enabled || k.User != "ann" || strings.Contains(k.Hash, secret) {
		t.Errorf("NewAPIKey = %q, %+v", secret, k)
	}
	for text, ok := range map[string]bool{want: true, strings.ToUpper(want): false, want[1:]: false, "": false, strings.Repeat("z", 128): false} {
		if IsAPIKeyHash(text) != ok {
			t.Errorf("IsAPIKeyHash(%q) = %v", text, !ok)
		}
	}
}

func BenchmarkHashAPIKey(b *testing.B) {
	secret, _ := NewAPIKey("6b030b4ad22a3545302ce049", "ann", time.Unix(1, 0))
	for b.Loop() {
		HashAPIKey(secret)
	}
}
