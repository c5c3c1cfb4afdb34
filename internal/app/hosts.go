package app

import (
	"context"

	gossh "golang.org/x/crypto/ssh"

	"squall/internal/runner/ssh"
	"squall/internal/squall"
)

// hosts lets the API ask machines for their keys.
type hosts struct{ pool *ssh.Pool }

// HostKey implements api.Hosts.
func (h hosts) HostKey(ctx context.Context, host, fingerprint string, replace bool) (kind, shown string, trusted bool, err error) {
	name, port, err := ssh.SplitHost(host)
	if err != nil {
		return "", "", false, squall.Errorf(squall.Invalid, "%w", err)
	}
	t, err := h.pool.Resolve(ssh.Spec{Host: name, Port: port})
	if err != nil {
		return "", "", false, squall.Errorf(squall.Invalid, "%w", err)
	}
	key, err := h.pool.HostKey(ctx, t)
	if err != nil {
		return "", "", false, squall.Errorf(squall.Unavailable, "%w", err)
	}
	kind, shown = key.Type(), gossh.FingerprintSHA256(key)
	switch fingerprint {
	case "":
		return kind, shown, false, nil
	case shown:
		return kind, shown, true, h.pool.Trust(t, key, replace)
	default:
		return "", "", false, squall.Errorf(squall.Conflict, "The machine shows the key %s, not %s.", shown, fingerprint)
	}
}
