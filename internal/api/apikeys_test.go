package api

import (
	"strings"
	"testing"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// newAPIKey creates a key through the API and returns its document.
func (ts *testServer) newAPIKey(t testing.TB, token, body string) map[string]any {
	t.Helper()
	a := ts.do(t, token, "POST", "/api/v1/apikeys", body)
	if a.status != 201 {
		t.Fatalf("create %s: %d %s", body, a.status, a.body)
	}
	return a.object(t)
}

func TestAPIKeyLife(t *testing.T) {
	ts := newTestServer(t)
	doc := ts.newAPIKey(t, ts.user, `{"metadata":{"app":"x"}}`)
	key, id := doc["key"].(string), doc["id"].(string)
	use := func() answer { return ts.do(t, "", "GET", "/api/v1/user", "", "St2-Api-Key", key) }
	if a := use(); a.status != 200 || a.object(t)["username"] != "ann" || strings.Contains(a.body, "token_expire") {
		t.Errorf("use: %d %s", a.status, a.body)
	}
	if a := ts.do(t, "", "GET", "/api/v1/user?st2-api-key="+key, ""); a.status != 200 || !strings.Contains(a.body, `"location":"query"`) {
		t.Errorf("in the query: %d %s", a.status, a.body)
	}
	if a := ts.do(t, "", "DELETE", "/auth/v1/tokens", "", "St2-Api-Key", key); a.status != 400 {
		t.Errorf("ending a token with an API key: %d %s", a.status, a.body)
	}
	if a := ts.do(t, ts.user, "PUT", "/api/v1/apikeys/"+id, `{"enabled":false}`); a.status != 200 || a.object(t)["enabled"] != false || !strings.Contains(a.body, `{"app":"x"}`) {
		t.Errorf("disable: %d %s", a.status, a.body)
	}
	wantFault(t, use(), 401, "Unauthorized - API key is disabled.") // at once, although it was in the cache
	if a := ts.do(t, ts.user, "PUT", "/api/v1/apikeys/"+id, `{"metadata":{}}`); a.object(t)["enabled"] != false {
		t.Errorf("a change of metadata enabled the key: %s", a.body)
	}
	ts.do(t, ts.user, "PUT", "/api/v1/apikeys/"+id, `{"enabled":true}`)
	if a := use(); a.status != 200 {
		t.Errorf("enabled again: %d %s", a.status, a.body)
	}
	if a := ts.do(t, ts.user, "DELETE", "/api/v1/apikeys/"+id, ""); a.status != 204 {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	wantFault(t, use(), 401, "Unauthorized - ApiKey with key_hash="+auth.HashAPIKey(key)+" not found.")
}

// Keys of others are not there for ordinary users, and secrets for nobody.
func TestAPIKeysOfOthers(t *testing.T) {
	ts := newTestServer(t)
	hers := ts.newAPIKey(t, ts.user, `{}`)
	his := ts.newAPIKey(t, ts.admin, `{"user":"robot"}`)
	if a := ts.do(t, "", "GET", "/api/v1/user", "", "St2-Api-Key", his["key"].(string)); a.object(t)["username"] != "robot" || strings.Contains(a.body, `"is_admin":true`) {
		t.Errorf("service account: %s", a.body)
	}
	path := "/api/v1/apikeys/" + his["id"].(string)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := ts.do(t, ts.user, method, path, `{"enabled":false}`); a.status != 404 {
			t.Errorf("%s of somebody else's key: %d %s", method, a.status, a.body)
		}
	}
	for token, want := range map[string]int{ts.user: 1, ts.admin: 2} {
		for _, query := range []string{"", "?show_secrets=true", "?user=robot"} {
			a := ts.do(t, token, "GET", "/api/v1/apikeys"+query, "")
			n := len(a.list(t))
			if query != "?user=robot" && n != want {
				t.Errorf("list%s: %d keys, want %d", query, n, want)
			}
			if strings.Contains(a.body, hers["key"].(string)) || strings.Contains(a.body, his["key"].(string)) {
				t.Errorf("list%s shows a secret: %s", query, a.body)
			}
			if token == ts.user && strings.Contains(a.body, "robot") {
				t.Errorf("list%s shows somebody else's key: %s", query, a.body)
			}
		}
	}
	for _, body := range []string{`{"user":"admin"}`, `{"key_hash":"` + auth.HashAPIKey("k") + `"}`} {
		if a := ts.do(t, ts.user, "POST", "/api/v1/apikeys", body); a.status != 403 {
			t.Errorf("create %s: %d %s", body, a.status, a.body)
		}
	}
	if a := ts.do(t, ts.user, "PUT", "/api/v1/apikeys/"+hers["id"].(string), `{"user":"admin"}`); a.status != 403 {
		t.Errorf("giving a key to an administrator: %d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.admin, "POST", "/api/v1/apikeys", `{"key_hash":"abc"}`), 400, "'abc' is not the hash of an API key: 128 small hex digits")
	// A key made by StackStorm goes on working.
	if doc := ts.newAPIKey(t, ts.admin, `{"user":"ann","key_hash":"`+auth.HashAPIKey("old key")+`"}`); doc["key"] != nil {
		t.Errorf("taken over: %v", doc)
	}
	if a := ts.do(t, "", "GET", "/api/v1/user", "", "St2-Api-Key", "old key"); a.status != 200 {
		t.Errorf("use of a key taken over: %d %s", a.status, a.body)
	}
}

func (ts *testServer) audit(t testing.TB, f store.AuditFilter) (list []*squall.AuditEntry) {
	t.Helper()
	err := ts.store.View(t.Context(), func(tx store.Tx) (err error) {
		list, err = tx.FindAudit(t.Context(), f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAuditLog(t *testing.T) {
	ts := newTestServer(t)
	doc := ts.newAPIKey(t, ts.user, `{}`)
	run := ts.do(t, "", "POST", "/api/v1/executions", `{"action":"core.noop"}`, "St2-Api-Key", doc["key"].(string)).object(t)
	id := run["id"].(string)
	ts.do(t, ts.user, "GET", "/api/v1/actions", "")                                                          // leaves nothing
	ts.do(t, ts.user, "POST", "/auth/v1/tokens/validate", `{"token":"x"}`)                                   // neither
	ts.do(t, ts.user, "GET", "/metrics", "")                                                                 // denied
	ts.do(t, "", "GET", "/api/v1/actions", "", "X-Auth-Token", "bad")                                        // denied
	ts.do(t, "", "POST", "/auth/v1/tokens", "", "Authorization", "Basic YWRtaW46eA==", "X-Request-ID", "q1") // denied
	ts.do(t, "", "POST", "/auth/v1/tokens", "", "Authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==")
	ts.do(t, ts.user, "POST", "/api/v1/executions", `{"action":"no.such"}`)
	ts.do(t, ts.user, "POST", "/api/v1/executions/"+id+"/re_run", `{}`)

	want := []struct{ user, method, action, target string }{ // newest first
		{"ann", "token", "execution_rerun", "execution:"},
		{"ann", "token", "action_execute", "/api/v1/executions"},
		{"admin", "password", "POST /auth/v1/tokens", "token:"},
		{"", "", "POST /auth/v1/tokens", "user:admin"},
		{"", "", "action_list", "/api/v1/actions"},
		{"ann", "token", "metrics_view", "/metrics"},
		{"ann", "api_key", "action_execute", "execution:" + id},
		{"ann", "token", "api_key_create", "api_key:" + doc["id"].(string)},
	}
	outcomes := []squall.AuditOutcome{"done", "refused", "done", "denied", "denied", "denied", "done", "done"}
	got := ts.audit(t, store.AuditFilter{})
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, e := range got {
		w := want[i]
		if e.User != w.user || e.Method != w.method || e.Action != w.action || !strings.HasPrefix(e.Target, w.target) || e.Outcome != outcomes[i] ||
			e.From != "127.0.0.1" || e.RequestID == "" || e.At.IsZero() {
			t.Errorf("entry %d is %+v, want %+v %s", i, e, w, outcomes[i])
		}
	}
	if got[3].RequestID != "q1" || got[3].Detail != "Invalid or missing credentials" {
		t.Errorf("refused login: %+v", got[3])
	}

	a := ts.do(t, ts.admin, "GET", "/api/v1/audit?outcome=denied&limit=2", "")
	if list := a.list(t); len(list) != 2 || a.header.Get("X-Total-Count") != "3" || list[0]["detail"] != "Invalid or missing credentials" {
		t.Errorf("audit by API: %s", a.body)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/audit?user=ann&action=api_key_create&timestamp_lt=2020-01-01T00:00:00Z", ""); a.body != "[]" {
		t.Errorf("audit before 2020: %s", a.body)
	}
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/audit", ""), 403, `User "ann" doesn't have required permission "audit_view"`)
}
