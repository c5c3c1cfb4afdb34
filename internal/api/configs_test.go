package api

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/squall"
	"squall/internal/store"
)

func TestPackConfig(t *testing.T) {
	ts, rec := secretServer(t)
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	err := ts.store.Update(t.Context(), func(tx store.Tx) error {
		err := store.Put(t.Context(), tx, &squall.ConfigSchema{Pack: "default", Attributes: squall.Schema{
			{Name: "key", Type: raw(`"string"`), Secret: true, Required: true},
			{Name: "port", Type: raw(`"integer"`), Default: raw(`22`)},
			{Name: "login", Type: raw(`"object"`), Rest: raw(`{"properties":{"pw":{"type":"string","secret":true}}}`)},
		}})
		if err != nil {
			return err
		}
		return tx.PutAction(t.Context(), &squall.Action{
			Ref: squall.Ref{Pack: "default", Name: "configured"}, Runner: "local-shell-cmd", Enabled: true,
			Parameters: squall.Schema{
				{Name: "cmd", Immutable: true, Default: raw(`"x"`)},
				{Name: "port", Type: raw(`"integer"`), Default: raw(`"{{ config_context.port }}"`)},
				{Name: "all", Type: raw(`"string"`), Secret: true, Default: raw(`"{{ config_context.key }} {{ config_context.login.pw }}"`)},
			},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/configs/default"
	wantFault(t, ts.do(t, ts.admin, "GET", path, ""), http.StatusNotFound, `Unable to identify resource with pack_ref "default".`)
	for body, fault := range map[string]string{
		`{"key":"x","port":"y"}`:         `Failed validating attribute "port" in config for pack "default" (/api/v1/configs/default): 'y' is not of type 'integer'` + "\n\n" + `Failed validating 'type' in schema['properties']['port']:` + "\n" + `    {'type': 'integer', 'default': 22}` + "\n\n" + `On instance['port']:` + "\n" + `    'y'`,
		`{"port":1}`:                     `Failed validating attribute "key" in config for pack "default" (/api/v1/configs/default): 'key' is a required property`,
		`{"key":"x","login":{"pw":[1]}}`: `Failed validating attribute "login" in config for pack "default" (/api/v1/configs/default): [1] is not of type 'string', 'null'` + "\n\n" + `Failed validating 'type' in schema['properties']['login']['properties']['pw']:` + "\n" + `    {'type': ['string', 'null'], 'secret': True}` + "\n\n" + `On instance['login']['pw']:` + "\n" + `    '********'`,
	} {
		wantFault(t, ts.do(t, ts.admin, "PUT", path, body), http.StatusBadRequest, fault)
	}
	const body = `{"key":"MARKER-config","port":2222,"login":{"pw":"{{ st2kv.system.own }}","user":"u"},"more":1}`
	if a := ts.do(t, ts.user, "PUT", path, body); a.status != http.StatusForbidden {
		t.Errorf("an ordinary user configures: %d %s", a.status, a.body)
	}
	a := ts.do(t, ts.admin, "PUT", path, body)
	if a.status != http.StatusOK || strings.Contains(a.body, "MARKER") {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	for _, a := range []answer{
		ts.do(t, ts.user, "GET", path+"?show_secrets=true", ""), ts.do(t, ts.admin, "GET", path, ""), ts.do(t, ts.user, "GET", "/api/v1/configs", ""),
	} {
		if a.status != http.StatusOK || strings.Contains(a.body, "MARKER") || !strings.Contains(a.body, `"key":"********"`) || !strings.Contains(a.body, `"port":2222`) {
			t.Errorf("masked: %d %s", a.status, a.body)
		}
	}
	if a := ts.do(t, ts.admin, "GET", path+"?show_secrets=true", ""); !strings.Contains(a.body, "MARKER-config") || !strings.Contains(a.body, "{{ st2kv.system.own }}") {
		t.Errorf("open: %s", a.body)
	}
	for _, name := range []string{"squall.db", "squall.db-wal"} {
		if file, err := os.ReadFile(filepath.Join(ts.dir, name)); err != nil || strings.Contains(string(file), "MARKER") {
			t.Errorf("%s holds a secret of the configuration (%v)", name, err)
		}
	}
	// The run sees it all, also what the datastore keeps.
	id := ts.run(t, `{"action":"default.configured"}`)
	if given := rec.last(t, ts, id); given["port"] != json.Number("2222") || given["all"] != "MARKER-config MARKER-own" {
		t.Errorf("the run was given %v", given)
	}
}
