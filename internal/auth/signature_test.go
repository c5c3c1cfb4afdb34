package auth

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"squall/internal/squall"
)

func TestCheckSignature(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	body := []byte("Hello, World!")
	stamp := strconv.FormatInt(now.Unix(), 10)
	old := strconv.FormatInt(now.Add(-6*time.Minute).Unix(), 10)
	ahead := strconv.FormatInt(now.Add(6*time.Minute).Unix(), 10)
	for _, tt := range []struct {
		name    string
		headers []string
		secret  string
		key     string
		ok      bool
	}{
		// From GitHub's documentation.
		{"github", []string{"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", "X-GitHub-Delivery", "d1"}, "It's a Secret to Everybody", "github:d1", true},
		{"github, other secret", []string{"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}, "It's no secret", "", false},
		{"github, no digits", []string{"X-Hub-Signature-256", "sha256=xx"}, "s", "", false},
		{"gitlab", []string{"X-Gitlab-Token", "s3cret", "X-Gitlab-Event-UUID", "u"}, "s3cret", "gitlab:u", true},
		{"gitlab, wrong", []string{"X-Gitlab-Token", "s3cre"}, "s3cret", "", false},
		{"mattermost", []string{"Authorization", "Token abc"}, "abc", "", true},
		{"mattermost, wrong", []string{"Authorization", "Token abd"}, "abc", "", false},
		{"generic", []string{TimestampHeader, stamp, SignatureHeader, Sign("s", stamp, body)}, "s", "generic:" + Sign("s", stamp, body), true},
		{"generic, other body", []string{TimestampHeader, stamp, SignatureHeader, Sign("s", stamp, []byte("x"))}, "s", "", false},
		{"generic, other instant", []string{TimestampHeader, stamp, SignatureHeader, Sign("s", old, body)}, "s", "", false},
		{"generic, too old", []string{TimestampHeader, old, SignatureHeader, Sign("s", old, body)}, "s", "", false},
		{"generic, from the future", []string{TimestampHeader, ahead, SignatureHeader, Sign("s", ahead, body)}, "s", "", false},
		{"generic, no instant", []string{SignatureHeader, Sign("s", "", body)}, "s", "", false},
		{"no secret", []string{TimestampHeader, stamp, SignatureHeader, Sign("", stamp, body)}, "", "", false},
		{"gitlab, no secret", []string{"X-Gitlab-Token", ""}, "", "", false},
		{"nothing", nil, "s", "", false},
	} {
		h := http.Header{}
		for i := 0; i < len(tt.headers); i += 2 {
			h.Set(tt.headers[i], tt.headers[i+1])
		}
		key, err := CheckSignature(h, tt.secret, body, now)
		if (err == nil) != tt.ok || key != tt.key || err != nil && squall.KindOf(err) != squall.Unauthentic {
			t.Errorf("%s: %q, %v", tt.name, key, err)
		}
	}
}
