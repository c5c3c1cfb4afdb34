package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
)

// writeCertificate makes a self-signed pair named name that ends at end.
func writeCertificate(t testing.TB, dir, name string, end time.Time) (cert, key string) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	return cert, key
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAccessFollowsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := DefaultConfig()
	c.Server.Data = dir
	c.Access.TLSCert, c.Access.TLSKey = writeCertificate(t, dir, "one.example", time.Now().Add(time.Hour))
	c.Access.Htpasswd = filepath.Join(dir, "users")
	c.Access.RBAC, c.Access.Isolated = true, true
	writeFile(t, c.Access.Htpasswd, "ann:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n")
	writeFile(t, filepath.Join(dir, "rbac/assignments/ann.yaml"), "username: ann\nroles: [observer]\n")
	var log bytes.Buffer
	a, err := openAccess(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.tlsConfig())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, conn) // the handshake
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	state := func() (name string, user bool, roles string) {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the name is what we look at
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		p := a.Policy()
		if !p.Isolated {
			t.Error("not isolated")
		}
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, a.Htpasswd()["ann"] != "", strings.Join(p.RolesOf("ann", false, nil), " ")
	}
	if name, user, roles := state(); name != "one.example" || !user || roles != "observer" {
		t.Errorf("at the start: %s, %v, %q", name, user, roles)
	}

	// What is wrong is told of and changes nothing.
	writeFile(t, c.Access.TLSCert, "garbage")
	writeFile(t, c.Access.Htpasswd, "ann:plain\n")
	writeFile(t, filepath.Join(dir, "rbac/assignments/ann.yaml"), "username: ann\nroles: [no_such_role]\n")
	a.refresh()
	a.refresh()
	if name, user, roles := state(); name != "one.example" || !user || roles != "observer" {
		t.Errorf("after mistakes: %s, %v, %q", name, user, roles)
	}
	if n := strings.Count(log.String(), "what was in force stays"); n != 3 || !strings.Contains(log.String(), "ann.yaml:2:9: there is no role") {
		t.Errorf("log: %s", log.String())
	}

	writeCertificate(t, dir, "two.example", time.Now().Add(time.Hour))
	writeFile(t, c.Access.Htpasswd, "# nobody\n")
	writeFile(t, filepath.Join(dir, "rbac/assignments/ann.yaml"), "username: ann\nroles: [admin]\n")
	a.refresh()
	if name, user, roles := state(); name != "two.example" || user || roles != "admin" {
		t.Errorf("after the change: %s, %v, %q", name, user, roles)
	}
	_ = os.Remove(filepath.Join(dir, "rbac/assignments/ann.yaml"))
	a.refresh()
	if _, _, roles := state(); roles != "" {
		t.Errorf("after the file was removed: %q", roles)
	}
}

func TestAccessRefusesMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "users"), "ann\n")
	writeFile(t, filepath.Join(dir, "rbac/roles/a.yaml"), "name: a\nx: 1\n")
	for want, set := range map[string]func(*Config){
		"server.tls_cert, server.tls_key: ":          func(c *Config) { c.Access.TLSCert, c.Access.TLSKey = dir+"/none", dir+"/none" },
		"users:1:1: the line is not of the form":     func(c *Config) { c.Access.Htpasswd = dir + "/users" },
		"auth.htpasswd: ":                            func(c *Config) { c.Access.Htpasswd = dir + "/none" },
		`rbac/roles/a.yaml:2:1: there is no key "x"`: func(c *Config) { c.Access.RBAC = true },
	} {
		c := DefaultConfig()
		c.Server.Data = dir
		set(c)
		if _, err := openAccess(c, discardLog); squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	a, err := openAccess(DefaultConfig(), discardLog)
	if err != nil || a.tlsConfig() != nil || a.Policy() != nil || a.Htpasswd()["ann"] != "" {
		t.Errorf("without configuration: %+v, %v", a, err)
	}
}

func TestAccessOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags map[string]string
		want  string
	}{
		{map[string]string{"server.tls_cert": "c"}, "server.tls_key: must be set too, because server.tls_cert is"},
		{map[string]string{"server.tls_key": "k"}, "server.tls_cert: must be set too, because server.tls_key is"},
		{map[string]string{"auth.proxy_header": "X-User"}, "auth.proxy_trusted: must be set too, because auth.proxy_header is: otherwise anybody could name any user"},
		{map[string]string{"auth.proxy_trusted": "127.0.0.1"}, "auth.proxy_header: must be set too, because auth.proxy_trusted is"},
		{map[string]string{"auth.proxy_header": "X-User", "auth.proxy_trusted": "127.0.0.1,host"}, `auth.proxy_trusted: "host" is neither an address nor a network such as 10.1.0.0/24`},
		{map[string]string{"auth.proxy_groups_header": "X-Groups"}, "auth.proxy_groups_header: has no meaning without auth.proxy_header"},
		{map[string]string{"auth.proxy_header": "X-User", "auth.proxy_trusted": "127.0.0.1,10.0.0.0/8,::1"}, ""},
	} {
		_, _, err := LoadConfig(Sources{File: os.DevNull, Flags: tt.flags})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: %v", tt.flags, err)
		}
	}
	c := DefaultConfig()
	if c.Access.TLSCert = "x"; !strings.HasPrefix(c.PublicURL(), "https://127.0.0.1:") {
		t.Errorf("PublicURL = %s", c.PublicURL())
	}
}

func TestCheckAccess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		left time.Duration
		want Verdict
	}{{90 * 24 * time.Hour, OK}, {20 * 24 * time.Hour, Warn}, {-time.Minute, Fail}} {
		cert, key := writeCertificate(t, dir, "x", time.Now().Add(tt.left))
		f := checkCertificate(cert, key, time.Now())
		if f.Verdict != tt.want || !strings.Contains(f.Detail, time.Now().Add(tt.left).UTC().Format(time.DateOnly)) || (f.Fix == "") != (tt.want == OK) {
			t.Errorf("%s left: %+v", tt.left, f)
		}
	}
	c := DefaultConfig()
	c.Server.Data = dir
	c.Access.RBAC, c.Access.Htpasswd = true, filepath.Join(dir, "users")
	writeFile(t, c.Access.Htpasswd, "ann:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n")
	if err := os.Chmod(c.Access.Htpasswd, 0o644); err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	for _, f := range checkAccess(t.Context(), c) {
		verdicts = append(verdicts, f.Check+" "+string(f.Verdict))
	}
	for listen, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, ":1": false, "0.0.0.0:1": false, "host:1": false} {
		if got := onLoopback(listen); got != want {
			t.Errorf("onLoopback(%s) = %v", listen, got)
		}
	}
	if got := strings.Join(verdicts, ", "); got != "users ok, users warn, roles warn" {
		t.Errorf("findings: %s", got)
	}
}

// A server with TLS answers over it, and doctor sees that it runs.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := DefaultConfig()
	c.Server.Data = filepath.Join(dir, "data")
	c.Access.TLSCert, c.Access.TLSKey = writeCertificate(t, dir, "squall.example", time.Now().Add(time.Hour))
	url, _ := serve(t, c)
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("url %s", url)
	}
	resp, err := probeClient().Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("healthz over TLS: %s %v", resp.Status, resp.Header)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
	answer, _ := io.ReadAll(conn)
	if bytes.Contains(answer, []byte("200 OK")) {
		t.Errorf("plain HTTP at a TLS port: %s", answer)
	}
}
