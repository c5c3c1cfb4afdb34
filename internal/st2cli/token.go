package st2cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/client"
)

// grace is how long before its end a kept token is not used any more (st2).
const grace = 15 * time.Second

// keptToken is the content of ~/.st2/token-USER, which st2 reads too.
type keptToken struct {
	Token  string `json:"token"`
	Expire int64  `json:"expire_timestamp"` // Unix seconds
}

func (p *Program) tokenPath(user string) string {
	return filepath.Join(p.dir(), "token-"+strings.ReplaceAll(user, "/", "_"))
}

// token returns the kept token of a user, or fetches and keeps one with the
// password of the configuration.
func (p *Program) token(ctx context.Context, c *client.Client, cfg *config, user string) (string, error) {
	if cfg.yes("cli.cache_token") {
		kept, err := p.readToken(user)
		if err != nil {
			return "", err
		}
		if kept != "" {
			return kept, nil
		}
	}
	t, err := c.Login(ctx, user, cfg.get("credentials.password"), 0)
	if err != nil {
		return "", err
	}
	if err := p.keepToken(t); err != nil { // st2: not a reason to fail
		fmt.Fprintf(p.Stderr, "Unable to write token to %q (%v). Subsequent requests won't use a cached token meaning they may be slower.\n", p.tokenPath(user), err)
	}
	return t.Token, nil
}

func (p *Program) readToken(user string) (string, error) {
	path := p.tokenPath(user)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		fmt.Fprintf(p.Stderr, "Unable to retrieve cached token from %q (%v). Subsequent requests won't use a cached token meaning they may be slower.\n", path, err)
		return "", nil
	}
	if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o006 != 0 {
		fmt.Fprintf(p.Stderr, "Permissions (%#o) for cached token file %q are too permissive. Only your own user should be able to read and write it.\n", st.Mode().Perm(), path)
	}
	var kept keptToken
	if err := json.Unmarshal(text, &kept); err != nil {
		return "", invalid("File \"%s\" with cached token is corrupted or invalid (%v). Please delete this file", path, err)
	}
	if time.Unix(kept.Expire, 0).Before(time.Now().Add(grace)) {
		return "", nil
	}
	return kept.Token, nil
}

// keepToken writes a token where only the user can read it, in one step.
func (p *Program) keepToken(t *wire.Token) error {
	if p.Home == "" {
		return errors.New("there is no home directory")
	}
	text, err := json.Marshal(keptToken{t.Token, t.Expiry.Unix()})
	if err != nil {
		return err
	}
	return replaceFile(p.tokenPath(t.User), text)
}

// replaceFile writes a file that only the user can read.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // after the rename it is gone
	if _, err := tmp.Write(text); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
