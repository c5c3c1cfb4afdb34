package secret

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"squall/internal/squall"
)

// Vault is a HashiCorp Vault (or OpenBao) with secrets in KV engines of version
// 2. secret:vault:kv/db/prod#password is the field password of the secret
// db/prod of the engine mounted at kv.
type Vault struct {
	Address   string        // "https://vault.example.com:8200"
	TokenFile string        // read anew for every secret: an agent renews it
	Namespace string        // may be empty
	CAFile    string        // PEM; empty: the system's
	Timeout   time.Duration // of one try; 0: 5 s
	Pause     time.Duration // before the second try, doubled before the third; 0: 500 ms
}

const vaultTries = 3

type vaultClient struct {
	Vault
	base *url.URL
	http *http.Client
}

func newVault(v Vault) (*vaultClient, error) {
	base, err := url.Parse(v.Address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, squall.Errorf(squall.Invalid, "%q is not the address of a Vault, such as https://vault:8200", v.Address)
	}
	if v.TokenFile == "" {
		return nil, squall.Errorf(squall.Invalid, "the Vault at %s needs secrets.vault_token_file", v.Address)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	if v.CAFile != "" {
		pem, err := os.ReadFile(v.CAFile)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, squall.Errorf(squall.Invalid, "%s holds no certificates: %v", v.CAFile, err)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if v.Timeout == 0 {
		v.Timeout = 5 * time.Second
	}
	if v.Pause == 0 {
		v.Pause = 500 * time.Millisecond
	}
	c := &vaultClient{Vault: v, base: base, http: &http.Client{Transport: t, Timeout: v.Timeout, CheckRedirect: sameHostScheme}}
	return c, nil
}

// sameHostScheme follows a standby node to the active one, but never from
// https to http: the token goes with the request.
func sameHostScheme(req *http.Request, via []*http.Request) error {
	if len(via) >= 3 || via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("Vault redirects to where the token must not go")
	}
	return nil
}

// fetch reads a secret, several times if Vault does not answer.
func (c *vaultClient) fetch(ctx context.Context, ref squall.SecretRef) (string, error) {
	mount, path, ok := strings.Cut(ref.Path, "/")
	if !ok || !cleanPath(ref.Path) {
		return "", squall.Errorf(squall.Invalid, "%s: write secret:vault:MOUNT/PATH#FIELD", ref)
	}
	target := c.base.JoinPath("v1", mount, "data", path)
	for try := 1; ; try++ {
		members, err := c.read(ctx, target, ref)
		if err == nil {
			return member(members, ref)
		}
		if squall.KindOf(err) != squall.Unavailable || try == vaultTries {
			return "", err
		}
		select {
		case <-time.After(c.Pause << (try - 1)):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// read makes one call (Vault's API: GET /:mount/data/:path).
func (c *vaultClient) read(ctx context.Context, target *url.URL, ref squall.SecretRef) (map[string]json.RawMessage, error) {
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s: the file with the token for Vault cannot be read: %w", ref, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s: %w", ref, err)
	}
	req.Header.Set("X-Vault-Token", strings.TrimSpace(string(token)))
	req.Header.Set("X-Vault-Request", "true")
	if c.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.Namespace)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, squall.Errorf(squall.Unavailable, "%s: Vault at %s does not answer: %w", ref, c.Address, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, squall.Errorf(squall.NotFound, "%s: Vault has no such secret, or it was deleted", ref)
	case resp.StatusCode == http.StatusForbidden:
		return nil, squall.Errorf(squall.Denied, "%s: Vault does not let the server's token read it", ref)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return nil, squall.Errorf(squall.Unavailable, "%s: Vault answered %s", ref, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, squall.Errorf(squall.Invalid, "%s: Vault answered %s", ref, resp.Status)
	}
	var answer struct {
		Data struct {
			Data map[string]json.RawMessage `json:"data"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxSize)).Decode(&answer); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s: the answer is not that of a KV engine of version 2", ref)
	}
	if answer.Data.Data == nil {
		return nil, squall.Errorf(squall.Invalid, "%s: the answer is not that of a KV engine of version 2", ref)
	}
	return answer.Data.Data, nil
}
