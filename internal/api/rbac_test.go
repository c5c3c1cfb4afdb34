package api

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// withPolicy lets roles count.
func withPolicy(t testing.TB, isolated bool, files map[string]string) serverOption {
	t.Helper()
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	policy, problems := auth.ReadPolicy(m)
	for _, p := range problems {
		t.Fatal(p)
	}
	policy.Isolated = isolated
	return func(d *Deps) { d.Policy = func() *auth.Policy { return policy } }
}

// forEverybody are the routes that need no permission but a valid credential.
var forEverybody = map[string]bool{
	"GET /api/v1": true, "GET /api/v1/user": true, "DELETE /auth/v1/tokens": true, "POST /auth/v1/tokens/validate": true,
}

// Somebody without any role is refused at every route, whatever the target: it
// exists, it does not, and also when the handler decides.
func TestNoRouteWithoutPermission(t *testing.T) {
	ts := newTestServer(t, withPolicy(t, false, nil), func(d *Deps) { d.Metrics = http.NotFoundHandler() })
	id := ts.run(t, `{"action":"core.noop"}`)
	key := ts.newAPIKey(t, ts.admin, `{"user":"ann"}`)
	for _, r := range routeTable {
		if r.open != nil && r.need == "" || forEverybody[r.method+" "+r.path] {
			continue
		}
		for _, path := range []string{concrete(r.path), strings.ReplaceAll(concrete(r.path), "5f5f5f5f5f5f5f5f5f5f5f5f", id)} {
			for _, cred := range [][2]string{{"X-Auth-Token", ts.user}, {"St2-Api-Key", key["key"].(string)}} {
				body := ""
				switch { // right ones, so that nothing but the permission is in the way
				case r.method == "POST" && r.path == "/api/v1/executions":
					body = `{"action":"core.noop"}`
				case r.method == "POST" && r.path == "/api/v1/fleet/rollouts":
					body = `{"action":"core.noop","target":"*"}`
				case r.method == "PUT" && r.path == "/api/v1/keys/{name}":
					body = `{"name":"k","value":"x"}`
				case r.method == "POST" || r.method == "PUT":
					body = `{}`
				}
				a := ts.do(t, "", r.method, path, body, cred[0], cred[1])
				if a.status != http.StatusForbidden {
					t.Errorf("%s %s with %s = %d %s", r.method, path, cred[0], a.status, a.body)
				}
			}
		}
	}
	if n := len(ts.audit(t, store.AuditFilter{User: "ann", Outcome: squall.AuditDenied})); n < len(routeTable) {
		t.Errorf("%d refusals in the audit log, for %d routes", n, len(routeTable))
	}
}

const coreRole = `
name: core_user
permission_grants:
  - resource_uid: action:core:noop
    permission_types: [action_execute]
  - resource_uid: pack:default
    permission_types: [pack_view, action_view]
  - resource_uid: runner_type:noop
    permission_types: [runner_type_view]
  - resource_uid: key_value_pair:st2kv.system:site.*
    permission_types: [key_value_pair_set]
  - permission_types: [execution_list]
`

func TestGrantsOnResources(t *testing.T) {
	files := map[string]string{"roles/core.yaml": coreRole, "assignments/ann.yaml": "username: ann\nroles: [core_user]\n"}
	ts := newTestServer(t, withPolicy(t, false, files))
	local := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo x"}}`)
	mine := ts.do(t, ts.user, "POST", "/api/v1/executions", `{"action":"core.noop"}`).object(t)["id"].(string)
	gold := ts.run(t, `{"action":"default.gold1","parameters":{"x":"1"}}`)
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/v1/actions/core.noop", "", 200},
		{"GET", "/api/v1/actions/default.gold1", "", 200},
		{"GET", "/api/v1/actions/core.local", "", 403},
		{"GET", "/api/v1/actions", "", 403},
		{"GET", "/api/v1/packs/default", "", 200},
		{"GET", "/api/v1/packs/core", "", 403},
		{"GET", "/api/v1/runnertypes/noop", "", 200},
		{"GET", "/api/v1/runnertypes/local-shell-cmd", "", 403},
		{"POST", "/api/v1/executions", `{"action":"core.local","parameters":{"cmd":"echo x"}}`, 403},
		{"POST", "/api/v1/executions", `{"action":"default.gold1","parameters":{"x":"1"}}`, 403},
		{"POST", "/api/v1/executions", `{"action":"core.noop","user":"admin"}`, 403},
		{"GET", "/api/v1/executions/" + mine, "", 200},
		{"GET", "/api/v1/executions/" + mine + "/result", "", 200},
		{"POST", "/api/v1/executions/" + mine + "/re_run", `{}`, 201},
		{"GET", "/api/v1/executions/" + gold, "", 200},
		{"DELETE", "/api/v1/executions/" + gold, "", 403},
		{"POST", "/api/v1/executions/" + gold + "/re_run", `{}`, 403},
		{"PUT", "/api/v1/executions/" + gold, `{"status":"canceling"}`, 403},
		{"GET", "/api/v1/executions/" + local, "", 403},
		{"GET", "/api/v1/executions/" + local + "/output", "", 403},
		{"GET", "/stream/v1/executions/" + local + "/output", "", 403},
		{"GET", "/api/v1/executions", "", 200},
		{"GET", "/stream/v1/stream", "", 403},
		{"PUT", "/api/v1/keys/site.a", `{"name":"k","value":"x"}`, 200},
		{"GET", "/api/v1/keys/site.a", "", 200},
		{"DELETE", "/api/v1/keys/site.a", "", 403},
		{"PUT", "/api/v1/keys/other", `{"name":"k","value":"x"}`, 403},
		{"PUT", "/api/v1/keys/own", `{"name":"k","value":"x","scope":"user"}`, 200},
		{"PUT", "/api/v1/keys/own", `{"name":"k","value":"x","scope":"user","user":"admin"}`, 403},
		{"POST", "/api/v1/apikeys", `{}`, 403},
		{"GET", "/api/v1/rbac/roles", "", 403},
	} {
		if a := ts.do(t, ts.user, tt.method, tt.path, tt.body); a.status != tt.status {
			t.Errorf("%s %s %s = %d %s, want %d", tt.method, tt.path, tt.body, a.status, a.body, tt.status)
		}
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/user", ""); !strings.Contains(a.body, `"rbac":{"enabled":true,"roles":["core_user"],"is_admin":false}`) {
		t.Errorf("user: %s", a.body)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/user", ""); !strings.Contains(a.body, `"roles":["system_admin"],"is_admin":true`) {
		t.Errorf("admin: %s", a.body)
	}
	role := ts.do(t, ts.admin, "GET", "/api/v1/rbac/roles/core_user", "").object(t)
	if grants := role["permission_grant_objects"].([]any); len(grants) != 5 || role["system"] != false {
		t.Errorf("role: %v", role)
	}
	list := ts.do(t, ts.admin, "GET", "/api/v1/rbac/role_assignments?user=ann", "").list(t)
	if len(list) != 1 || list[0]["role"] != "core_user" || list[0]["source"] != "assignments/ann.yaml" {
		t.Errorf("assignments: %v", list)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/rbac/role_assignments/"+list[0]["id"].(string), ""); a.status != 200 {
		t.Errorf("assignment: %d %s", a.status, a.body)
	}
	for _, path := range []string{"roles/nope", "role_assignments/nope", "permission_types/nope"} {
		if a := ts.do(t, ts.admin, "GET", "/api/v1/rbac/"+path, ""); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// Isolated users see their own executions only, also those who may see all by role.
func TestIsolatedExecutions(t *testing.T) {
	files := map[string]string{"assignments/ann.yaml": "username: ann\nroles: [observer]\n"}
	ts := newTestServer(t, withPolicy(t, true, files))
	his := ts.run(t, `{"action":"core.noop"}`)
	if _, err := ts.svc.Request(t.Context(), requestFor("core.noop", "ann")); err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{
		"/api/v1/executions/" + his: 403, "/api/v1/executions/" + his + "/output": 403, "/stream/v1/stream": 403, "/api/v1/actions/core.noop": 200,
	} {
		if a := ts.do(t, ts.user, "GET", path, ""); a.status != status {
			t.Errorf("%s = %d %s, want %d", path, a.status, a.body, status)
		}
	}
	for query, want := range map[string]int{"": 1, "?user=ann": 1, "?user=admin": 0} {
		if n := len(ts.do(t, ts.user, "GET", "/api/v1/executions"+query, "").list(t)); n != want {
			t.Errorf("list%s: %d executions, want %d", query, n, want)
		}
	}
	if n := len(ts.do(t, ts.admin, "GET", "/api/v1/executions", "").list(t)); n != 2 {
		t.Errorf("an administrator sees %d executions, want 2", n)
	}
}

// A grant by tag holds for the packs that carry it, and ends when they do not.
func TestGrantsByTag(t *testing.T) {
	ts := newTestServer(t, withPolicy(t, false, map[string]string{
		"roles/tagged.yaml":    "name: tagged\npermission_grants: [{resource_uid: 'pack_tag:everyday', permission_types: [action_execute, pack_view]}]\n",
		"assignments/ann.yaml": "username: ann\nroles: [tagged]\n",
	}))
	tag := func(words ...string) {
		err := ts.store.Update(t.Context(), func(tx store.Tx) error {
			p, err := tx.Pack(t.Context(), "core")
			if err != nil {
				return err
			}
			p.Keywords = words
			return tx.PutPack(t.Context(), p)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		words  []string
		status int
	}{{nil, 403}, {[]string{"other", "everyday"}, 201}, {[]string{"every day"}, 403}} {
		tag(tt.words...)
		token := ts.token(t, "ann", time.Hour) // one that no cache knows
		if a := ts.do(t, token, "POST", "/api/v1/executions", `{"action":"core.noop"}`); a.status != tt.status {
			t.Errorf("with keywords %q: %d %s", tt.words, a.status, a.body)
		}
	}
}
