package secret

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"squall/internal/squall"
)

// EnvPrefix begins the names of the environment variables that may be read:
// secret:env:DB is SQUALL_SECRET_DB.
const EnvPrefix = "SQUALL_SECRET_"

// maxSize bounds a secret, in bytes.
const maxSize = 1 << 20

// Config says where secrets are. A provider without its setting answers that
// it is not set up.
type Config struct {
	FileDir        string                      // directory of secret:file:NAME
	CredentialsDir string                      // $CREDENTIALS_DIRECTORY, of secret:systemd:NAME
	Env            func(string) (string, bool) // os.LookupEnv
	Vault          Vault
}

// Providers fetches secrets. It may be used by several goroutines at once.
type Providers struct {
	config Config
	vault  *vaultClient // nil: not set up
}

// New returns the providers. Error kind: Invalid.
func New(c Config) (*Providers, error) {
	p := &Providers{config: c}
	if c.Vault.Address == "" {
		return p, nil
	}
	var err error
	p.vault, err = newVault(c.Vault)
	return p, err
}

// Close releases idle connections.
func (p *Providers) Close() {
	if p.vault != nil {
		p.vault.http.CloseIdleConnections()
	}
}

// Fetch returns the secret that ref names. Error kinds: Invalid for a reference
// that cannot be right, NotFound, Denied, Unavailable when Vault does not answer.
func (p *Providers) Fetch(ctx context.Context, ref squall.SecretRef) (string, error) {
	switch ref.Provider {
	case "file":
		return fromDir(p.config.FileDir, "secrets.file_dir is not set", ref)
	case "systemd":
		return fromDir(p.config.CredentialsDir, "systemd gave no credentials to the server (LoadCredential=)", ref)
	case "env":
		return p.fromEnv(ref)
	case "vault":
		if p.vault == nil {
			return "", squall.Errorf(squall.Invalid, "%s: secrets.vault_address is not set", ref)
		}
		return p.vault.fetch(ctx, ref)
	default:
		return "", squall.Errorf(squall.Invalid, "%s: there is no provider %q; there are vault, file, env and systemd", ref, ref.Provider)
	}
}

func (p *Providers) fromEnv(ref squall.SecretRef) (string, error) {
	text, ok := "", false
	if p.config.Env != nil {
		text, ok = p.config.Env(EnvPrefix + ref.Path)
	}
	if !ok {
		return "", squall.Errorf(squall.NotFound, "%s: the server's environment has no %s%s", ref, EnvPrefix, ref.Path)
	}
	return field(text, ref)
}

// fromDir reads a file below dir. Neither names nor symbolic links lead out of
// it; systemd's own links stay inside.
func fromDir(dir, unset string, ref squall.SecretRef) (string, error) {
	if dir == "" {
		return "", squall.Errorf(squall.Invalid, "%s: %s", ref, unset)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", squall.Errorf(squall.Invalid, "%s: the directory of secrets cannot be opened: %w", ref, err)
	}
	defer root.Close()
	f, err := root.Open(ref.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", squall.Errorf(squall.NotFound, "%s: there is no such secret", ref)
	case errors.Is(err, fs.ErrPermission):
		return "", squall.Errorf(squall.Denied, "%s: the server may not read the file", ref)
	case err != nil:
		return "", squall.Errorf(squall.Invalid, "%s: %w", ref, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", squall.Errorf(squall.Invalid, "%s: it is no regular file", ref)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", squall.Errorf(squall.Invalid, "%s: the file cannot be read", ref)
	}
	if len(text) > maxSize {
		return "", squall.Errorf(squall.Invalid, "%s: the file is larger than %d bytes", ref, maxSize)
	}
	return field(string(text), ref)
}

// field returns the text, or when the reference has a field, that member of
// the JSON object the text is.
func field(text string, ref squall.SecretRef) (string, error) {
	if ref.Field == "" {
		return text, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil || members == nil {
		return "", squall.Errorf(squall.Invalid, "%s: it is no JSON object, so it has no field", ref)
	}
	return member(members, ref)
}

// member picks the reference's field. Without one, the only member there is.
func member(members map[string]json.RawMessage, ref squall.SecretRef) (string, error) {
	doc, ok := members[ref.Field]
	if ref.Field == "" && len(members) == 1 {
		for _, doc = range members {
			ok = true
		}
	}
	switch {
	case !ok && ref.Field == "":
		return "", squall.Errorf(squall.Invalid, "%s: it has %d fields; name one with #FIELD", ref, len(members))
	case !ok:
		return "", squall.Errorf(squall.NotFound, "%s: it has no such field", ref)
	}
	var text string
	if json.Unmarshal(doc, &text) != nil {
		text = string(doc) // a number, an object
	}
	return text, nil
}

// cleanPath reports whether path has only ordinary segments.
func cleanPath(path string) bool {
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return false
		}
	}
	return true
}
