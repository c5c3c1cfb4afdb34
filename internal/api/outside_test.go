package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/login"
	"squall/internal/squall"
	"squall/internal/store"
)

// directory is an outside source whose users have "outside" as their password.
type directory map[string][]string // groups by user

func (directory) Name() string { return "ldap" }

func (d directory) Login(_ context.Context, user, password string) (login.Identity, error) {
	groups, ok := d[strings.ToLower(user)]
	switch {
	case user == "down":
		return login.Identity{}, squall.Errorf(squall.Unavailable, "no server of the directory answers")
	case !ok:
		return login.Identity{}, login.ErrUnknown
	case password != "outside":
		return login.Identity{}, login.ErrPassword
	}
	return login.NewIdentity(strings.ToLower(user), groups)
}

// idp is a provider whose answer names the user: ?user=NAME.
type idp struct{ approved *bool }

func (idp) Name() string { return "oidc" }
func (idp) Begin(_ context.Context, state string) (string, []byte, error) {
	return "https://id.example.org/?state=" + state, []byte(`{"secret":"kept-from-browsers"}`), nil
}
func (idp) State(r *http.Request) string { return r.FormValue("state") }
func (idp) Finish(_ context.Context, keep []byte, r *http.Request) (login.Identity, error) {
	if string(keep) != `{"secret":"kept-from-browsers"}` {
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "nothing was kept: %s", keep)
	}
	if r.FormValue("user") == "" {
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the reason, for the log only")
	}
	return login.NewIdentity(r.FormValue("user"), []string{"hpc"})
}
func (idp) BeginDevice(context.Context) (login.DeviceCode, []byte, error) {
	return login.DeviceCode{UserCode: "ABCD", URL: "https://id.example.org/activate", Interval: time.Second, Expires: time.Now().Add(time.Minute)}, []byte(`"device"`), nil
}
func (i idp) FinishDevice(_ context.Context, keep []byte) (login.Identity, bool, error) {
	if string(keep) != `"device"` {
		return login.Identity{}, false, squall.Errorf(squall.Unauthentic, "nothing was kept")
	}
	return login.Identity{User: "eve", Groups: []string{"hpc"}}, *i.approved, nil
}

// bearers takes "jwt.NAME.x".
type bearers struct{}

func (bearers) Name() string { return "jwt" }
func (bearers) Bearer(_ context.Context, token string) (login.Identity, time.Time, error) {
	parts := strings.Split(token, ".")
	if parts[0] != "jwt" {
		return login.Identity{}, time.Time{}, squall.Errorf(squall.Unauthentic, "the signature is wrong")
	}
	return login.Identity{User: parts[1], Groups: []string{"hpc"}}, time.Now().Add(time.Minute), nil
}

const groupRole = `
name: operators
permission_grants:
  - resource_uid: pack:core
    permission_types: [action_execute]
`

func outsideServer(t *testing.T) *testServer {
	t.Helper()
	return newTestServer(t, withPolicy(t, false, map[string]string{
		"roles/operators.yaml": groupRole, "mappings/hpc.yaml": "group: hpc\nroles: [operators]\n",
	}), func(d *Deps) {
		d.Passwords = []login.Passwords{directory{"zoe": {"hpc"}, "yan": nil, "admin": {"hpc"}, "robot": {"hpc"}, "fileuser": {"hpc"}}}
		d.SignOns = []login.SignOn{idp{new(bool)}}
		d.Bearers = bearers{}
		d.WebURL = "https://squall.example.org"
		d.Htpasswd = func() auth.Htpasswd { return auth.Htpasswd{"fileuser": "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A="} } // correct horse
	})
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestOutsidePasswords(t *testing.T) {
	ts := outsideServer(t)
	if a := ts.do(t, ts.admin, "POST", "/api/v1/apikeys", `{"user":"robot"}`); a.status != 201 {
		t.Fatal(a.body)
	}
	for _, tt := range []struct {
		user, password string
		status         int
	}{
		{"zoe", "outside", 201}, {"ZOE", "outside", 201}, {"zoe", "wrong", 401}, {"nobody", "outside", 401}, {"down", "outside", 503},
		{"admin", password, 201}, {"admin", "outside", 401}, // a name of our own is not the directory's
		{"robot", "outside", 401}, // nor a service account's
		{"fileuser", "outside", 401}, {"fileuser", "correct horse", 201},
	} {
		a := ts.do(t, "", "POST", "/auth/v1/tokens", "{}", "Authorization", basicAuth(tt.user, tt.password))
		if a.status != tt.status {
			t.Errorf("%s, %s: %d %s", tt.user, tt.password, a.status, a.body)
		}
		if tt.status == 201 && a.object(t)["user"] != strings.ToLower(tt.user) {
			t.Errorf("%s is called %v", tt.user, a.object(t)["user"])
		}
	}
	entries := ts.audit(t, store.AuditFilter{User: "zoe", Outcome: squall.AuditDone})
	if len(entries) != 2 || entries[0].Method != "ldap" {
		t.Errorf("audit: %+v", entries)
	}

	// The groups say what may be done: with the token, and with keys made by it.
	token := ts.do(t, "", "POST", "/auth/v1/tokens", "{}", "Authorization", basicAuth("zoe", "outside")).object(t)["token"].(string)
	other := ts.do(t, "", "POST", "/auth/v1/tokens", "{}", "Authorization", basicAuth("yan", "outside")).object(t)["token"].(string)
	if a := ts.do(t, token, "POST", "/api/v1/executions", `{"action":"core.noop"}`); a.status != 201 {
		t.Errorf("a member of the group: %d %s", a.status, a.body)
	}
	if a := ts.do(t, other, "POST", "/api/v1/executions", `{"action":"core.noop"}`); a.status != 403 {
		t.Errorf("not a member: %d %s", a.status, a.body)
	}
	key := ts.newAPIKey(t, ts.admin, `{"user":"zoe"}`)["key"].(string)
	if a := ts.do(t, "", "POST", "/api/v1/executions", `{"action":"core.noop"}`, "St2-Api-Key", key); a.status != 201 {
		t.Errorf("an API key of a member: %d %s", a.status, a.body)
	}
}

func TestBearer(t *testing.T) {
	ts := outsideServer(t)
	as := func(token, method, path, body string) answer {
		return ts.do(t, "", method, path, body, "Authorization", "Bearer "+token)
	}
	if a := as("jwt.kim.x", "GET", "/api/v1/user", ""); a.status != 200 || a.object(t)["username"] != "kim" {
		t.Errorf("user: %d %s", a.status, a.body)
	}
	for range 2 { // the second time out of the cache
		if a := as("jwt.kim.x", "POST", "/api/v1/executions", `{"action":"core.noop"}`); a.status != 201 {
			t.Errorf("by the group's role: %d %s", a.status, a.body)
		}
	}
	wantFault(t, as("bad.kim.x", "GET", "/api/v1/user", ""), 401, "Unauthorized")
	wantFault(t, as("jwt.admin.x", "GET", "/api/v1/user", ""), 401, "Unauthorized")
	wantFault(t, as("jwt.fileuser.x", "GET", "/api/v1/user", ""), 401, "Unauthorized")
}

// browser follows the steps of a login: to the provider, and back with answer.
func browser(t *testing.T, ts *testServer, request string, back url.Values, cookies bool, method string) answer {
	t.Helper()
	a := ts.do(t, "", "GET", request, "")
	if a.status != http.StatusTemporaryRedirect || !strings.HasPrefix(a.header.Get("Location"), "https://id.example.org/") {
		t.Fatalf("GET %s = %d %s", request, a.status, a.body)
	}
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || strings.Contains(to.String(), "kept") {
		t.Fatalf("%s, %v", to, err)
	}
	if back.Get("state") == "" {
		back.Set("state", to.Query().Get("state"))
	}
	var headers []string
	if cookies {
		c := (&http.Response{Header: a.header}).Cookies()[0]
		if !c.HttpOnly || !c.Secure || strings.Contains(to.String(), c.Value) {
			t.Errorf("cookie %+v", c)
		}
		headers = []string{"Cookie", c.Name + "=" + c.Value}
	}
	if method == "POST" {
		return ts.do(t, "", "POST", "/auth/v1/sso/callback", back.Encode(), append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
	}
	return ts.do(t, "", "GET", "/auth/v1/sso/callback?"+back.Encode(), "", headers...)
}

func TestSingleSignOn(t *testing.T) {
	ts := outsideServer(t)
	if a := ts.do(t, "", "GET", "/auth/v1/sso", ""); a.body != `{"enabled":true,"sources":["oidc"],"device":true}` {
		t.Errorf("sso = %s", a.body)
	}
	const page = "https://squall.example.org/ui"
	for _, method := range []string{"GET", "POST"} {
		a := browser(t, ts, "/auth/v1/sso/request?referer="+url.QueryEscape(page), url.Values{"user": {"kim"}}, true, method)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != page {
			t.Fatalf("%s callback = %d %s", method, a.status, a.body)
		}
		c := (&http.Response{Header: a.header}).Cookies()[0]
		text, err := url.PathUnescape(c.Value)
		var token struct{ User, Token string }
		if err != nil || json.Unmarshal([]byte(text), &token) != nil || c.Name != "st2-auth-token" || c.MaxAge != 60 || token.User != "kim" {
			t.Fatalf("cookie %+v: %v", c, err)
		}
		if a := ts.do(t, token.Token, "POST", "/api/v1/executions", `{"action":"core.noop"}`); a.status != 201 {
			t.Errorf("with the token: %d %s", a.status, a.body)
		}
	}
	if a := browser(t, ts, "/auth/v1/sso/request", url.Values{"user": {"<b>"}}, true, "GET"); a.status != 200 || !strings.Contains(a.body, "as &lt;b&gt;.") {
		t.Errorf("without a page to go to: %d %s", a.status, a.body)
	}
	for name, a := range map[string]answer{
		"no cookie":               browser(t, ts, "/auth/v1/sso/request", url.Values{"user": {"kim"}}, false, "GET"),
		"no cookie, by a form":    browser(t, ts, "/auth/v1/sso/request", url.Values{"user": {"kim"}}, false, "POST"),
		"another state":           browser(t, ts, "/auth/v1/sso/request", url.Values{"user": {"kim"}, "state": {"made-up"}}, true, "GET"),
		"refused by the provider": browser(t, ts, "/auth/v1/sso/request", url.Values{}, true, "GET"),
		"a name of our own":       browser(t, ts, "/auth/v1/sso/request", url.Values{"user": {"admin"}}, true, "GET"),
		"nothing under way":       ts.do(t, "", "GET", "/auth/v1/sso/callback", ""),
	} {
		if a.status != 401 || strings.Contains(a.body, "reason, for the log") || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, referer := range []string{"https://evil.example/", "//evil.example", "javascript:alert(1)", "https://squall.example.org@evil.example/", "https://squall.example.org\\@evil.example/", "/ui"} {
		if a := ts.do(t, "", "GET", "/auth/v1/sso/request?referer="+url.QueryEscape(referer), ""); a.status != 400 {
			t.Errorf("referer %q: %d %s", referer, a.status, a.header.Get("Location"))
		}
	}
	wantFault(t, ts.do(t, "", "GET", "/auth/v1/sso/request?source=saml", ""), 404, `There is no single sign-on "saml".`)
	if a := newTestServer(t).do(t, "", "GET", "/auth/v1/sso", ""); a.body != `{"enabled":false}` { // st2
		t.Errorf("without single sign-on: %s", a.body)
	}
}

// An answer counts once, whoever sends it again.
func TestSignOnOnce(t *testing.T) {
	ts := outsideServer(t)
	back := url.Values{"user": {"kim"}}
	if a := browser(t, ts, "/auth/v1/sso/request", back, true, "GET"); a.status != 200 {
		t.Fatal(a.body)
	}
	if a := ts.do(t, "", "GET", "/auth/v1/sso/callback?"+back.Encode(), ""); a.status != 401 {
		t.Errorf("again: %d", a.status)
	}
}

func TestSignOnOfPrograms(t *testing.T) {
	ts := outsideServer(t)
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	begin := "/auth/v1/sso/request?return=" + url.QueryEscape("http://127.0.0.1:5000/back") + "&challenge=" + challenge
	code := func() string {
		a := browser(t, ts, begin, url.Values{"user": {"kim"}}, true, "GET")
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.status != http.StatusSeeOther || to.Host != "127.0.0.1:5000" || to.Path != "/back" || len(a.header.Values("Set-Cookie")) > 0 {
			t.Fatalf("callback = %d %s, %v", a.status, to, a.header)
		}
		return to.Query().Get("code")
	}
	fetch := func(code, verifier string) answer {
		return ts.do(t, "", "POST", "/auth/v1/sso/token", `{"code":"`+code+`","verifier":"`+verifier+`"}`)
	}
	c := code()
	a := fetch(c, verifier)
	if a.status != 201 || a.object(t)["user"] != "kim" {
		t.Fatalf("token = %d %s", a.status, a.body)
	}
	if a := fetch(c, verifier); a.status != 401 {
		t.Errorf("a code for the second time: %d", a.status)
	}
	c = code()
	if a := fetch(c, "stolen"); a.status != 401 {
		t.Errorf("a stolen code: %d", a.status)
	}
	if a := fetch(c, verifier); a.status != 401 {
		t.Errorf("after somebody tried a stolen code: %d", a.status)
	}
	for _, bad := range []string{"http://127.0.0.1.evil.example/", "http://localhost:5/", "https://127.0.0.1/", "http://a@127.0.0.1/", "http://10.0.0.1/"} {
		if a := ts.do(t, "", "GET", "/auth/v1/sso/request?challenge="+challenge+"&return="+url.QueryEscape(bad), ""); a.status != 400 {
			t.Errorf("return %q: %d", bad, a.status)
		}
	}
	if a := ts.do(t, "", "GET", "/auth/v1/sso/request?return="+url.QueryEscape("http://127.0.0.1:1/"), ""); a.status != 400 {
		t.Errorf("without challenge: %d", a.status)
	}
}

func TestSignOnWithoutBrowser(t *testing.T) {
	ts := outsideServer(t)
	doc := ts.do(t, "", "POST", "/auth/v1/sso/device", "").object(t)
	if doc["user_code"] != "ABCD" || doc["verification_uri"] != "https://id.example.org/activate" {
		t.Fatalf("device = %v", doc)
	}
	ask := func(handle string) answer {
		return ts.do(t, "", "POST", "/auth/v1/sso/device/token", `{"handle":"`+handle+`"}`)
	}
	handle := doc["handle"].(string)
	if a := ask(handle); a.status != 202 {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	*ts.SignOns[0].(idp).approved = true
	if a := ask(handle); a.status != 201 || a.object(t)["user"] != "eve" {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
	if a := ask(handle); a.status != 401 {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	// The state of a browser's login is no handle.
	to, err := url.Parse(ts.do(t, "", "GET", "/auth/v1/sso/request", "").header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if a := ask(to.Query().Get("state")); a.status != 401 {
		t.Errorf("with a state: %d %s", a.status, a.body)
	}
}

// Nobody fills the database by beginning logins.
func TestSignOnsBegunAreBounded(t *testing.T) {
	ts := outsideServer(t)
	for i := range 40 {
		a := httptest.NewRecorder()
		ts.ServeHTTP(a, httptest.NewRequest(http.MethodGet, "/auth/v1/sso/request", nil))
		if a.Code != http.StatusTemporaryRedirect {
			if a.Code != http.StatusTooManyRequests || i < 30 {
				t.Errorf("request %d: %d", i, a.Code)
			}
			return
		}
	}
	t.Error("40 logins were begun from one address")
}
