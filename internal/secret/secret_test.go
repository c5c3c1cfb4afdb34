package secret

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/squall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const marker = "MARKER-secret"

// fakeVault answers like Vault's HTTP API for a KV engine of version 2 mounted
// at kv. down is how many of the next requests it answers as a sealed Vault.
type fakeVault struct {
	*httptest.Server
	down  atomic.Int64
	calls atomic.Int64
}

func newFakeVault(t *testing.T) *fakeVault {
	t.Helper()
	v := &fakeVault{}
	fault := func(w http.ResponseWriter, status int, texts ...string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": append([]string{}, texts...)})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/{mount}/data/{path...}", func(w http.ResponseWriter, r *http.Request) {
		v.calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case v.down.Add(-1) >= 0:
			fault(w, http.StatusServiceUnavailable, "Vault is sealed")
		case r.Header.Get("X-Vault-Token") != "s.token" || r.PathValue("mount") != "kv" || r.PathValue("path") == "forbidden":
			fault(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
		case r.PathValue("path") == "db/prod", r.PathValue("path") == "a b":
			_, _ = w.Write([]byte(`{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"password":"` + marker + `","user":"u","port":5432},` +
				`"metadata":{"created_time":"2026-01-01T00:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":3}},"wrap_info":null,"warnings":null,"auth":null}`))
		case r.PathValue("path") == "one":
			_, _ = w.Write([]byte(`{"data":{"data":{"only":"1"},"metadata":{"version":1}}}`))
		case r.PathValue("path") == "deleted":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z","destroyed":false,"version":1}}}`))
		case r.PathValue("path") == "standby":
			http.Redirect(w, r, "/v1/kv/data/one", http.StatusTemporaryRedirect)
		case r.PathValue("path") == "v1":
			_, _ = w.Write([]byte(`{"data":{"password":"` + marker + `"}}`))
		case r.PathValue("path") == "html":
			_, _ = w.Write([]byte(`<html>` + marker))
		default:
			fault(w, http.StatusNotFound)
		}
	})
	v.Server = httptest.NewServer(mux)
	t.Cleanup(v.Close)
	return v
}

// providers has a secret of every kind, and things that must not be read.
func providers(t *testing.T, vault string) *Providers {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("token", "s.token\n")
	write("files/pw", marker+"\n")
	write("files/deep/doc.json", `{"password":"`+marker+`","port":5432}`)
	write("files/big", strings.Repeat("x", maxSize+1))
	write("creds/pw", "from systemd")
	write("outside", marker)
	if err := os.Symlink("../outside", filepath.Join(dir, "files", "link")); err != nil {
		t.Fatal(err)
	}
	p, err := New(Config{
		FileDir: filepath.Join(dir, "files"), CredentialsDir: filepath.Join(dir, "creds"),
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"SQUALL_SECRET_DB": "from env", "SQUALL_PASSWORD": marker}[name]
			return v, ok
		},
		Vault: Vault{Address: vault, TokenFile: filepath.Join(dir, "token"), Pause: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestFetch(t *testing.T) {
	v := newFakeVault(t)
	p := providers(t, v.URL)
	for _, c := range []struct {
		ref, want string
		kind      squall.Kind
		fault     string
	}{
		{ref: "secret:file:pw", want: marker + "\n"},
		{ref: "secret:file:deep/doc.json#password", want: marker},
		{ref: "secret:file:deep/doc.json#port", want: "5432"},
		{ref: "secret:file:deep/doc.json#nope", kind: squall.NotFound, fault: "no such field"},
		{ref: "secret:file:pw#x", kind: squall.Invalid, fault: "no JSON object"},
		{ref: "secret:file:nope", kind: squall.NotFound, fault: "no such secret"},
		{ref: "secret:file:../outside", kind: squall.Invalid, fault: "escapes"},
		{ref: "secret:file:link", kind: squall.Invalid, fault: "escapes"},
		{ref: "secret:file:/etc/passwd", kind: squall.Invalid, fault: "escapes"},
		{ref: "secret:file:deep", kind: squall.Invalid, fault: "no regular file"},
		{ref: "secret:file:big", kind: squall.Invalid, fault: "larger than"},
		{ref: "secret:systemd:pw", want: "from systemd"},
		{ref: "secret:systemd:../outside", kind: squall.Invalid, fault: "escapes"},
		{ref: "secret:env:DB", want: "from env"},
		{ref: "secret:env:PASSWORD", kind: squall.NotFound, fault: "no SQUALL_SECRET_PASSWORD"},
		{ref: "secret:vault:kv/db/prod#password", want: marker},
		{ref: "secret:vault:kv/a b#user", want: "u"},
		{ref: "secret:vault:kv/db/prod#port", want: "5432"},
		{ref: "secret:vault:kv/one", want: "1"},
		{ref: "secret:vault:kv/standby#only", want: "1"},
		{ref: "secret:vault:kv/db/prod", kind: squall.Invalid, fault: "3 fields"},
		{ref: "secret:vault:kv/db/prod#nope", kind: squall.NotFound, fault: "no such field"},
		{ref: "secret:vault:kv/nope#x", kind: squall.NotFound, fault: "no such secret"},
		{ref: "secret:vault:kv/deleted#x", kind: squall.NotFound, fault: "was deleted"},
		{ref: "secret:vault:kv/forbidden#x", kind: squall.Denied, fault: "does not let"},
		{ref: "secret:vault:kv/v1#password", kind: squall.Invalid, fault: "version 2"},
		{ref: "secret:vault:kv/html#x", kind: squall.Invalid, fault: "version 2"},
		{ref: "secret:vault:kv/../sys/seal#x", kind: squall.Invalid, fault: "MOUNT/PATH"},
		{ref: "secret:vault:kv#x", kind: squall.Invalid, fault: "MOUNT/PATH"},
		{ref: "secret:keepass:x", kind: squall.Invalid, fault: `no provider "keepass"`},
	} {
		ref, ok := squall.ParseSecretRef(c.ref)
		if !ok || ref.String() != c.ref {
			t.Errorf("%s is read as %+v, %v", c.ref, ref, ok)
			continue
		}
		got, err := p.Fetch(t.Context(), ref)
		if c.fault == "" {
			if err != nil || got != c.want {
				t.Errorf("%s = %q, %v, want %q", c.ref, got, err, c.want)
			}
			continue
		}
		if got != "" || squall.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), marker) || strings.Contains(err.Error(), "s.token") {
			t.Errorf("%s = %q, %v (%s), want %s: %s", c.ref, got, err, squall.KindOf(err), c.kind, c.fault)
		}
	}
}

func TestVaultThatIsAway(t *testing.T) {
	v := newFakeVault(t)
	p := providers(t, v.URL)
	ref, _ := squall.ParseSecretRef("secret:vault:kv/one")
	v.down.Store(2)
	if got, err := p.Fetch(t.Context(), ref); err != nil || got != "1" || v.calls.Load() != 3 {
		t.Errorf("after two refusals: %q, %v, %d calls", got, err, v.calls.Load())
	}
	v.down.Store(100)
	if _, err := p.Fetch(t.Context(), ref); squall.KindOf(err) != squall.Unavailable || v.calls.Load() != 6 {
		t.Errorf("sealed: %v, %d calls", err, v.calls.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Fetch(ctx, ref); err == nil || squall.KindOf(err) == squall.Unavailable {
		t.Errorf("canceled: %v", err)
	}
	v.Close()
	if _, err := p.Fetch(t.Context(), ref); squall.KindOf(err) != squall.Unavailable || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("gone: %v", err)
	}
}

func TestNotSetUp(t *testing.T) {
	p, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for text, fault := range map[string]string{
		"secret:file:x": "secrets.file_dir", "secret:vault:kv/x": "secrets.vault_address", "secret:systemd:x": "LoadCredential", "secret:env:X": "no SQUALL_SECRET_X",
	} {
		ref, _ := squall.ParseSecretRef(text)
		if _, err := p.Fetch(t.Context(), ref); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, v := range []Vault{{Address: "vault:8200", TokenFile: "x"}, {Address: "https://v"}, {Address: "https://v", TokenFile: "x", CAFile: "/nonexistent"}} {
		if _, err := New(Config{Vault: v}); squall.KindOf(err) != squall.Invalid {
			t.Errorf("%+v: %v", v, err)
		}
	}
}
