package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// keyNames lists the names in an answer.
func keyNames(t *testing.T, a answer) []string {
	t.Helper()
	var docs []struct{ User, Name string }
	if err := json.Unmarshal([]byte(a.body), &docs); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	names := []string{}
	for _, d := range docs {
		names = append(names, strings.TrimPrefix(d.User+":"+d.Name, ":"))
	}
	return names
}

func TestKeysWhoSeesWhat(t *testing.T) {
	ts := newTestServer(t)
	put := func(token, path, body string, status int) {
		t.Helper()
		if a := ts.do(t, token, "PUT", "/api/v1/keys/"+path, body); a.status != status {
			t.Fatalf("PUT %s = %d %s", path, a.status, a.body)
		}
	}
	put(ts.admin, "sys", `{"name":"k","value":"v"}`, 200)
	put(ts.admin, "pw", `{"name":"k","value":"hush","secret":true}`, 200)
	put(ts.user, "mine", `{"name":"k","value":"hers","scope":"user","secret":true}`, 200)
	put(ts.admin, "mine?scope=user", `{"name":"k","value":"his"}`, 200)
	put(ts.user, "given?user=ann&scope=user", `{"name":"k","value":"x"}`, 200)

	for _, c := range []struct {
		token, query string
		want         []string
	}{
		{ts.admin, "", []string{"pw", "sys"}},
		{ts.admin, "?scope=all", []string{"pw", "sys", "admin:mine"}},
		{ts.admin, "?scope=all&limit=2&offset=1", []string{"sys", "admin:mine"}},
		{ts.admin, "?scope=all&limit=2", []string{"pw", "sys"}},
		{ts.admin, "?scope=user", []string{"admin:mine"}},
		{ts.user, "?user=ann&prefix=m", []string{"ann:mine"}},
		{ts.user, "?scope=all", []string{"pw", "sys", "ann:given", "ann:mine"}},
		{ts.user, "?scope=all&offset=3", []string{"ann:mine"}},
		{ts.user, "?scope=st2kv.user&decrypt=true", []string{"ann:given", "ann:mine"}},
	} {
		a := ts.do(t, c.token, "GET", "/api/v1/keys"+c.query, "")
		if d := cmp.Diff(c.want, keyNames(t, a)); d != "" {
			t.Errorf("list %s: %s", c.query, d)
		}
	}

	own := ts.do(t, ts.user, "GET", "/api/v1/keys/mine?scope=user&decrypt=true", "").object(t)
	if own["value"] != "hers" || own["encrypted"] != false || own["secret"] != true {
		t.Errorf("own secret: %v", own)
	}
	shut := ts.do(t, ts.user, "GET", "/api/v1/keys/pw", "")
	if shut.status != 200 || strings.Contains(shut.body, "hush") || shut.object(t)["encrypted"] != true {
		t.Errorf("secret without decrypt: %d %s", shut.status, shut.body)
	}
	const needsAdmin = "Decrypt option requires administrator access"
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/keys/pw?decrypt=true", ""), http.StatusForbidden, needsAdmin)
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/keys?decrypt=1", ""), http.StatusForbidden, needsAdmin)
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/keys?decrypt=1&scope=all", ""), http.StatusForbidden, needsAdmin)
	const other = `"user" attribute can only be provided by admins when RBAC is enabled`
	wantFault(t, ts.do(t, ts.admin, "PUT", "/api/v1/keys/given?scope=user&user=ann", `{"name":"k","value":"x"}`), http.StatusForbidden, other)
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/keys/mine?scope=user&user=admin", ""), http.StatusForbidden, other)
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/keys?scope=all&user=admin", ""), http.StatusForbidden, other)
	wantFault(t, ts.do(t, ts.user, "DELETE", "/api/v1/keys/mine?scope=user&user=admin", ""), http.StatusForbidden, other)
	wantFault(t, ts.do(t, ts.user, "PUT", "/api/v1/keys/mine", `{"name":"k","value":"x","scope":"user","user":"admin"}`), http.StatusForbidden, other)

	// The ciphertext of somebody else's secret does not become one's own.
	body := fmt.Sprintf(`{"name":"k","value":%q,"encrypted":true,"scope":"user"}`, shut.object(t)["value"])
	wantFault(t, ts.do(t, ts.user, "PUT", "/api/v1/keys/copy", body), http.StatusForbidden,
		"An encrypted value can be stored in scope user by administrators only; send the plain text with secret.")
}

// With roles, administrators name other users, and only they.
func TestKeysOfOthersWithRoles(t *testing.T) {
	ts := newTestServer(t, withPolicy(t, false, map[string]string{
		"roles/keys.yaml":       "name: keys\npermission_grants:\n  - permission_types: [key_value_pair_list]\n",
		"assignments/root.yaml": "username: admin\nroles: [admin]\n",
		"assignments/ann.yaml":  "username: ann\nroles: [keys]\n",
	}))
	for path, token := range map[string]string{"given?user=ann&scope=user": ts.admin, "mine?scope=user": ts.user} {
		if a := ts.do(t, token, "PUT", "/api/v1/keys/"+path, `{"name":"k","value":"x"}`); a.status != http.StatusOK {
			t.Fatalf("PUT %s = %d %s", path, a.status, a.body)
		}
	}
	for query, want := range map[string][]string{
		"?scope=all&user=ann": {"ann:given", "ann:mine"}, "?user=ann&prefix=m": {"ann:mine"}, "?scope=all": {"ann:given", "ann:mine"}, "?scope=user": {},
	} {
		if d := cmp.Diff(want, keyNames(t, ts.do(t, ts.admin, "GET", "/api/v1/keys"+query, ""))); d != "" {
			t.Errorf("list %s: %s", query, d)
		}
	}
	wantFault(t, ts.do(t, ts.user, "PUT", "/api/v1/keys/x?scope=user&user=admin", `{"name":"k","value":"x"}`), http.StatusForbidden,
		`"user" attribute can only be provided by admins when RBAC is enabled`)
	if got := ts.do(t, ts.admin, "GET", "/api/v1/keys/given?user=ann", "").object(t); got["user"] != "ann" || got["scope"] != "st2kv.user" {
		t.Errorf("a user named without a scope: %v", got)
	}
}

func TestKeyLife(t *testing.T) {
	ts := newTestServer(t)
	first := ts.do(t, ts.admin, "PUT", "/api/v1/keys/a%2Fb%20c", `{"name":"other","value":"1","ttl":3600}`).object(t)
	at, err := time.Parse(time.RFC3339, first["expire_timestamp"].(string))
	if left := time.Until(at); err != nil || left < 59*time.Minute || left > time.Hour || first["name"] != "a/b c" {
		t.Errorf("key with a life: %v", first)
	}
	second := ts.do(t, ts.admin, "PUT", "/v1/keys/a%2Fb%20c", `{"name":"k","value":"2"}`).object(t)
	if second["id"] != first["id"] || second["expire_timestamp"] != nil || second["value"] != "2" {
		t.Errorf("replaced: %v after %v", second, first)
	}
	if a := ts.do(t, ts.admin, "DELETE", "/v1/keys/a%2Fb%20c", ""); a.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	gone := `The key "a/b c" does not exist in the StackStorm datastore.`
	wantFault(t, ts.do(t, ts.admin, "GET", "/v1/keys/a%2Fb%20c", ""), http.StatusNotFound, gone)
	wantFault(t, ts.do(t, ts.admin, "DELETE", "/v1/keys/a%2Fb%20c", ""), http.StatusNotFound, gone)
	for body, fault := range map[string]string{
		`{"name":"k","value":null}`:                   "None is not of type 'string'",
		`{"name":"k","value":"x","ttl":-1}`:           "-1 is not a number of seconds between 0 and 3153600000",
		`{"name":"k","value":"x","secret":"yes"}`:     "'yes' is not of type 'boolean'",
		`{"value":"x"}`:                               "'name' is a required property",
		`{"name":"k","value":"x","scope":"internal"}`: "Scope st2kv.internal is not in allowed scopes list: ['system', 'user', 'st2kv.system', 'st2kv.user'].",
	} {
		wantFault(t, ts.do(t, ts.admin, "PUT", "/v1/keys/k", body), http.StatusBadRequest, fault)
	}
}

// TestSecretKeysAreSealed: neither the answer nor the database shows the plain
// text, and a lost key is said, not guessed around.
func TestSecretKeysAreSealed(t *testing.T) {
	ts := newTestServer(t)
	const marker = "MARKER-5d41402abc4b"
	a := ts.do(t, ts.admin, "PUT", "/v1/keys/k", `{"name":"k","value":"`+marker+`","secret":true}`)
	if a.status != 200 || strings.Contains(a.body, marker) {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	err := ts.store.View(t.Context(), func(tx store.Tx) error {
		k, err := tx.Key(t.Context(), squall.KeyRef{Scope: squall.SystemScope, Name: "k"})
		if err == nil && (!k.Secret || strings.Contains(k.Value, marker)) {
			t.Errorf("stored %+v", k)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := ts.do(t, ts.admin, "GET", "/v1/keys/k?decrypt=true", ""); a.object(t)["value"] != marker {
		t.Errorf("decrypt: %d %s", a.status, a.body)
	}
	ts.Keyring = auth.NewKeyring(time.Now())
	if a := ts.do(t, ts.admin, "GET", "/v1/keys/k?decrypt=true", ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, "not in the keyring") {
		t.Errorf("decrypt with another keyring: %d %s", a.status, a.body)
	}
}
