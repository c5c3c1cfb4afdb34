package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// concrete fills the parameters of a route's path.
func concrete(path string) string {
	for _, p := range []struct{ name, value string }{{"{id}", "5f5f5f5f5f5f5f5f5f5f5f5f"}, {"{ref}", "core.noop"}, {"{name}", "noop"}} {
		path = strings.ReplaceAll(path, p.name, p.value)
	}
	return path
}

// Every route that is not open refuses who cannot show a valid token, in all
// the ways a token can be bad.
func TestEveryRouteAsksWhoItIs(t *testing.T) {
	ts := newTestServer(t)
	revoked := ts.token(t, "ann", time.Hour)
	if a := ts.do(t, revoked, "GET", "/api/v1/user", ""); a.status != 200 { // now it is in the cache
		t.Fatalf("fresh token: %d %s", a.status, a.body)
	}
	if a := ts.do(t, revoked, "DELETE", "/auth/v1/tokens", ""); a.status != http.StatusNoContent {
		t.Fatalf("revoke: %d %s", a.status, a.body)
	}
	orphan := ts.token(t, "gone", time.Hour)
	orphanKey := ts.newAPIKey(t, ts.admin, `{"user":"gone"}`)["key"].(string)
	disabled, deleted := ts.newAPIKey(t, ts.admin, `{}`), ts.newAPIKey(t, ts.admin, `{}`)
	disabledKey, deletedKey := disabled["key"].(string), deleted["key"].(string)
	for _, key := range []string{disabledKey, deletedKey, orphanKey} {
		if a := ts.do(t, "", "GET", "/api/v1/user", "", "St2-Api-Key", key); a.status != 200 { // now it is in the cache
			t.Fatalf("fresh key: %d %s", a.status, a.body)
		}
	}
	ts.do(t, ts.admin, "PUT", "/api/v1/apikeys/"+disabled["id"].(string), `{"enabled":false}`)
	ts.do(t, ts.admin, "DELETE", "/api/v1/apikeys/"+deleted["id"].(string), "")
	ts.tokens.drop(auth.HashAPIKey(orphanKey)) // its user's end is noticed when the cache's time is over
	if err := ts.store.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteUser(t.Context(), "gone") }); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct{ name, header, value, text string }{
		{"no credentials", "X-Nothing", "x", "Unauthorized - One of Token or API key required."},
		{"wrong token", "X-Auth-Token", "bad", "Unauthorized"},
		{"expired token", "X-Auth-Token", ts.token(t, "ann", -time.Second), "Unauthorized - Token has expired."},
		{"revoked token", "X-Auth-Token", revoked, "Unauthorized"},
		{"token of a deleted user", "X-Auth-Token", orphan, "Unauthorized"},
		{"digest instead of the secret", "X-Auth-Token", auth.Digest(ts.admin), "Unauthorized"},
		{"wrong bearer", "Authorization", "Bearer bad", "Unauthorized"},
		{"token as cookie", "Cookie", "auth-token=" + ts.admin, "Unauthorized - One of Token or API key required."},
		{"unknown API key", "St2-Api-Key", "zzz", "Unauthorized - ApiKey with key_hash=" + auth.HashAPIKey("zzz") + " not found."},
		{"disabled API key", "St2-Api-Key", disabledKey, "Unauthorized - API key is disabled."},
		{"deleted API key", "St2-Api-Key", deletedKey, "Unauthorized - ApiKey with key_hash=" + auth.HashAPIKey(deletedKey) + " not found."},
		{"API key of a deleted user", "St2-Api-Key", orphanKey, "Unauthorized - ApiKey with key_hash=" + auth.HashAPIKey(orphanKey) + " not found."},
		{"hash instead of the API key", "St2-Api-Key", auth.HashAPIKey(disabledKey), "Unauthorized - ApiKey with key_hash=" + auth.HashAPIKey(auth.HashAPIKey(disabledKey)) + " not found."},
		{"API key as a token", "X-Auth-Token", orphanKey, "Unauthorized"},
		{"token as an API key", "St2-Api-Key", ts.admin, "Unauthorized - ApiKey with key_hash=" + auth.HashAPIKey(ts.admin) + " not found."},
		{"password at the API", "Authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==", "Unauthorized - One of Token or API key required."},
	} {
		for _, r := range routeTable {
			if r.open != nil && r.need == "" {
				continue
			}
			t.Run(bad.name+" "+r.method+" "+r.path, func(t *testing.T) {
				wantFault(t, ts.do(t, "", r.method, concrete(r.path), "", bad.header, bad.value), http.StatusUnauthorized, bad.text)
			})
		}
	}
}

// Every route lets an administrator pass its check of access.
func TestAdministratorPassesEveryRoute(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.Metrics = http.NotFoundHandler(); d.Heartbeat = time.Hour })
	for _, r := range routeTable {
		if r.events && !strings.Contains(r.path, "{id}") {
			continue // has no end
		}
		if r.method == "DELETE" && r.path == "/auth/v1/tokens" || r.path == "/auth/v1/tokens" {
			continue
		}
		a := ts.do(t, ts.admin, r.method, concrete(r.path), "")
		if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status >= 500 {
			t.Errorf("%s %s = %d %s", r.method, r.path, a.status, a.body)
		}
	}
}

// A route that is neither open nor for every user names a permission of the
// table, so that auth decides about it.
func TestRoutesNameKnownPermissions(t *testing.T) {
	t.Parallel()
	everybody := map[string]bool{"/api/v1": true, "/api/v1/user": true, "/auth/v1/tokens": true, "/auth/v1/tokens/validate": true}
	for _, r := range routeTable {
		admin := auth.Subject{User: "a", Admin: true}
		switch {
		case r.need != "" && !admin.May(r.need):
			t.Errorf("%s %s: permission %q is in no table", r.method, r.path, r.need)
		case r.need == "" && r.open == nil && !everybody[r.path]:
			t.Errorf("%s %s: no decision about who may use it", r.method, r.path)
		}
	}
}

func TestInsufficientPermission(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) {
		d.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("m 1\n")) })
	})
	wantFault(t, ts.do(t, ts.user, "GET", "/metrics", ""), 403, `User "ann" doesn't have required permission "metrics_view"`)
	if a := ts.do(t, ts.admin, "GET", "/metrics", ""); a.body != "m 1\n" {
		t.Errorf("metrics for an administrator: %d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.user, "POST", "/api/v1/executions", `{"action":"core.noop","user":"bob"}`), 403,
		`User "ann" doesn't have required permission "user_impersonate"`)
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/executions?limit=-1", ""), 403,
		"Administrator access required to be able to specify limit=-1 and retrieve all the records")
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/executions?limit=101", ""), 403, `Limit "101" specified, maximum value is "100"`)
	if a := ts.do(t, ts.user, "GET", "/api/v1/actions", ""); a.header.Get("X-Limit") != "100" {
		t.Errorf("unbounded list for an ordinary user: X-Limit %q", a.header.Get("X-Limit"))
	}
}

func TestMetricsOnLoopback(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("m 1\n")) })
	ts := newTestServer(t, func(d *Deps) { d.Metrics, d.OpenMetrics = handler, true })
	if a := ts.do(t, "", "GET", "/metrics", ""); a.status != 200 {
		t.Errorf("from the loopback interface: %d", a.status)
	}
	for addr, want := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "10.0.0.1:5": false, "bogus": false, "": false} {
		if got := toLoopback(ts.Server, &request{Request: &http.Request{RemoteAddr: addr}}); got != want {
			t.Errorf("from %q: %v, want %v", addr, got, want)
		}
	}
}

// A proxy on this machine does not make everybody behind it local.
func TestMetricsBehindProxy(t *testing.T) {
	s := &Server{Deps: Deps{OpenMetrics: true, Proxy: Proxy{Header: "X-Remote-User", Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}}
	for forwarded, want := range map[string]bool{"192.0.2.1": false, "127.0.0.1, 192.0.2.1": false, "": true} {
		r := &request{Request: &http.Request{RemoteAddr: "127.0.0.1:5", Header: http.Header{"X-Forwarded-For": {forwarded}}}}
		if got := toLoopback(s, r); got != want {
			t.Errorf("forwarded for %q: %v, want %v", forwarded, got, want)
		}
	}
}

func TestTokens(t *testing.T) {
	ts := newTestServer(t)
	basic := "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==" // admin:correct horse
	login := func(body, authorization string) answer {
		return ts.do(t, "", "POST", "/auth/v1/tokens", body, "Authorization", authorization)
	}
	a := login(`{"ttl":60}`, basic)
	doc := a.object(t)
	if a.status != 201 || doc["user"] != "admin" || doc["service"] != false || len(doc["token"].(string)) != 64 {
		t.Fatalf("login = %d %s", a.status, a.body)
	}
	expiry, err := time.Parse("2006-01-02T15:04:05.000000Z", doc["expiry"].(string))
	if left := time.Until(expiry); err != nil || left > time.Minute || left < 50*time.Second {
		t.Errorf("expiry %v, %v", doc["expiry"], err)
	}
	secret := doc["token"].(string)
	for _, how := range [][2]string{{"X-Auth-Token", secret}, {"Authorization", "Bearer " + secret}, {"Authorization", "bearer " + secret}} {
		if a := ts.do(t, "", "GET", "/v1/user", "", how[0], how[1]); a.status != 200 || a.object(t)["username"] != "admin" {
			t.Errorf("user with %s: %d %s", how[0], a.status, a.body)
		}
	}
	if a := ts.do(t, "", "GET", "/v1/user?x-auth-token="+secret, ""); a.status != 200 || !strings.Contains(a.body, `"location":"query"`) {
		t.Errorf("token in the query: %d %s", a.status, a.body)
	}
	// Only the digest is stored.
	err = ts.store.View(t.Context(), func(tx store.Tx) error {
		if _, err := tx.TokenByDigest(t.Context(), secret); squall.KindOf(err) != squall.NotFound {
			t.Errorf("the secret itself finds a token: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		name, body, authorization string
		status                    int
		text                      string
	}{
		{"wrong password", `{}`, "Basic YWRtaW46eA==", 401, "Invalid or missing credentials"},
		{"unknown user", `{}`, "Basic bm9ib2R5OmNvcnJlY3QgaG9yc2U=", 401, "Invalid or missing credentials"},
		{"no header", `{}`, "", 401, "Invalid or missing credentials"},
		{"other scheme", `{}`, "Digest abc", 401, "Invalid or missing credentials"},
		{"broken base64", `{}`, "Basic !!", 401, "Invalid or missing credentials"},
		{"ttl too long", `{"ttl":99999999}`, basic, 400, "TTL specified 99999999 is greater than max allowed 86400."},
		{"ttl of a wrong type", `{"ttl":"60"}`, basic, 400, "'60' is not of type 'integer', 'null'"},
		{"ttl not whole", `{"ttl":1.5}`, basic, 400, "1.5 is not of type 'integer', 'null'"},
		{"somebody else", `{"user":"ann"}`, basic, 400, "Current user is not a service and cannot request impersonated tokens"},
		{"ttl zero", `{"ttl":0}`, basic, 400, "0 is less than the minimum of 1"},
		{"no object", `[]`, basic, 400, "[] is not of type 'object'"},
	} {
		t.Run(tt.name, func(t *testing.T) { wantFault(t, login(tt.body, tt.authorization), tt.status, tt.text) })
	}
	if a := login(`{"ttl":null,"x":1}`, basic); a.status != 201 {
		t.Errorf("what has no effect: %d %s", a.status, a.body)
	}
	if a := login("", basic); a.status != 201 {
		t.Errorf("without body: %d %s", a.status, a.body)
	}
	for body, want := range map[string]string{`{"token":"` + secret + `"}`: `{"valid":true}`, `{"token":"nope"}`: `{"valid":false}`} {
		if a := ts.do(t, ts.user, "POST", "/auth/v1/tokens/validate", body); a.status != 200 || a.body != want {
			t.Errorf("validate %s = %d %s", body, a.status, a.body)
		}
	}
	wantFault(t, ts.do(t, ts.user, "POST", "/auth/v1/tokens/validate", `{}`), 400, "Token is not provided.")
}

// A token deleted on another node dies here when the cache's time is over.
func TestTokenCacheForgets(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var c tokenCache
	who := caller{Subject: auth.Subject{User: "ann"}, digest: "d", expires: now.Add(2 * time.Second)}
	c.put(who, now)
	if got, ok := c.get("d", now.Add(time.Second)); !ok || got.User != "ann" {
		t.Errorf("a second later: %v, %v", got, ok)
	}
	if _, ok := c.get("d", now.Add(2*time.Second)); ok {
		t.Error("an expired token is still believed")
	}
	who.expires = now.Add(time.Hour)
	c.put(who, now)
	if _, ok := c.get("d", now.Add(cacheTTL)); ok {
		t.Error("a token is believed for longer than cacheTTL")
	}
	for i := range cacheSize + 1 {
		who.digest = string(rune(i)) + "x"
		c.put(who, now)
	}
	if len(c.m) > cacheSize {
		t.Errorf("%d tokens remembered", len(c.m))
	}
}
