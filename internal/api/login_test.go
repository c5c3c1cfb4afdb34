package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"squall/internal/auth"
	"squall/internal/store"
)

const (
	rightLogin = "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==" // admin:correct horse
	wrongLogin = "Basic YWRtaW46eA=="
)

func (ts *testServer) login(t testing.TB, authorization string, headers ...string) answer {
	t.Helper()
	return ts.do(t, "", "POST", "/auth/v1/tokens", "", append([]string{"Authorization", authorization}, headers...)...)
}

func TestLoginLimit(t *testing.T) {
	ts := newTestServer(t)
	ts.limits.user.Burst = 3
	for range 3 {
		wantFault(t, ts.login(t, wrongLogin), 401, "Invalid or missing credentials")
	}
	a := ts.login(t, rightLogin) // not even looked at
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if a.status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 30 || !strings.Contains(a.body, "Too many failed logins.") {
		t.Errorf("after three failures: %d %v %s", a.status, a.header, a.body)
	}
	if a := ts.login(t, "Basic YW5uOmNvcnJlY3QgaG9yc2U="); a.status != 201 {
		t.Errorf("somebody else: %d %s", a.status, a.body)
	}
	denied := ts.audit(t, store.AuditFilter{Outcome: "denied"})
	if len(denied) != 4 || denied[0].Target != "user:admin" || denied[3].Target != "user:admin" {
		t.Errorf("audit: %+v", denied)
	}
	ts.limits.user.Forget("admin")
	ts.limits.address.Burst = 3
	if a := ts.login(t, rightLogin); a.status != http.StatusTooManyRequests {
		t.Errorf("from the address of three failures: %d %s", a.status, a.body)
	}
	ts.limits.address.Burst = 5
	for range 20 { // success costs nothing
		if a := ts.login(t, rightLogin); a.status != 201 {
			t.Fatalf("right password: %d %s", a.status, a.body)
		}
	}
}

func TestLimitKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "bogus": "bogus",
	} {
		if got := limitKey(in); got != want {
			t.Errorf("limitKey(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestHtpasswdUsers(t *testing.T) {
	users, problems := auth.ParseHtpasswd("f", "carol:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\nann:{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	if problems != nil {
		t.Fatal(problems)
	}
	ts := newTestServer(t, func(d *Deps) {
		d.Htpasswd, d.Admins = func() auth.Htpasswd { return users }, []string{"carol"}
	})
	a := ts.login(t, "Basic Y2Fyb2w6Y29ycmVjdCBob3JzZQ==")
	if a.status != 201 {
		t.Fatalf("login: %d %s", a.status, a.body)
	}
	token := a.object(t)["token"].(string)
	if a := ts.do(t, token, "GET", "/api/v1/user", ""); a.status != 200 || !strings.Contains(a.body, `"username":"carol"`) || !strings.Contains(a.body, `"is_admin":true`) {
		t.Errorf("user: %d %s", a.status, a.body)
	}
	if a := ts.login(t, "Basic Y2Fyb2w6eA=="); a.status != 401 {
		t.Errorf("wrong password: %d %s", a.status, a.body)
	}
	if a := ts.login(t, "Basic YW5uOmNvcnJlY3QgaG9yc2U="); a.status != 201 {
		t.Errorf("the store's user of the same name as one in the file: %d %s", a.status, a.body)
	}
	users = nil // the file changed
	ts.tokens.drop(auth.Digest(token))
	wantFault(t, ts.do(t, token, "GET", "/api/v1/user", ""), 401, "Unauthorized")
}

func TestProxyHeader(t *testing.T) {
	files := map[string]string{"mappings/ops.yaml": "group: ops\nroles: [observer]\n"}
	trusted := func(cidr string) serverOption {
		return func(d *Deps) {
			d.Proxy = Proxy{Header: "X-Remote-User", Groups: "X-Remote-Groups", Trusted: []netip.Prefix{netip.MustParsePrefix(cidr)}}
		}
	}
	ts := newTestServer(t, withPolicy(t, false, files), trusted("127.0.0.0/8"))
	a := ts.login(t, "", "X-Remote-User", "zoe", "X-Remote-Groups", "staff, ops", "X-Forwarded-For", "10.9.9.9, 192.0.2.7")
	if a.status != 201 || a.object(t)["user"] != "zoe" {
		t.Fatalf("login: %d %s", a.status, a.body)
	}
	user := ts.do(t, a.object(t)["token"].(string), "GET", "/api/v1/user", "")
	if !strings.Contains(user.body, `"roles":["observer"],"is_admin":false`) {
		t.Errorf("user: %s", user.body)
	}
	if e := ts.audit(t, store.AuditFilter{User: "zoe"}); len(e) != 1 || e[0].From != "192.0.2.7" || e[0].Method != "proxy" {
		t.Errorf("audit: %+v", e)
	}
	for _, bad := range []string{"", "a:b", "a,b", "a\tb", strings.Repeat("x", 256)} {
		if a := ts.login(t, "", "X-Remote-User", bad); a.status != 401 {
			t.Errorf("user %q: %d %s", bad, a.status, a.body)
		}
	}
	// The header means nothing elsewhere, and nothing from elsewhere.
	if a := ts.do(t, "", "GET", "/api/v1/user", "", "X-Remote-User", "zoe"); a.status != 401 {
		t.Errorf("header instead of a token: %d %s", a.status, a.body)
	}
	other := newTestServer(t, trusted("192.0.2.0/24"))
	if a := other.login(t, "", "X-Remote-User", "admin"); a.status != 401 {
		t.Errorf("from an address that is not trusted: %d %s", a.status, a.body)
	}
	other.login(t, wrongLogin, "X-Forwarded-For", "192.0.2.7")
	if e := other.audit(t, store.AuditFilter{Limit: 1}); e[0].From != "127.0.0.1" {
		t.Errorf("a stranger chose the address in the audit log: %+v", e[0])
	}
}

func TestSecureHeaders(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.TLS = true })
	for _, a := range []answer{ts.do(t, ts.user, "GET", "/api/v1/user", ""), ts.do(t, "", "GET", "/nowhere", ""), ts.do(t, "", "OPTIONS", "/api/v1/user", "")} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy":   "default-src 'none'; frame-ancestors 'none'",
			"Strict-Transport-Security": "max-age=31536000", "Set-Cookie": "",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%d: %s is %q, want %q", a.status, name, got, want)
			}
		}
	}
}
