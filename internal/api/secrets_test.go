package api

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// witness keeps what is logged, and what the runner was given.
type witness struct {
	mu   sync.Mutex
	log  bytes.Buffer
	runs []map[string]any
}

func (r *witness) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// secretServer has an action with secret parameters and records its runs.
func secretServer(t *testing.T) (*testServer, *witness) {
	t.Helper()
	rec := &witness{}
	ts := newTestServer(t, func(d *Deps) {
		d.Log = slog.New(slog.NewTextHandler(rec, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	ts.shell.run = func(_ context.Context, j *runner.Job, _ runner.Output) (squall.Outcome, error) {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.runs = append(rec.runs, j.ActionParams)
		return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{"stdout":"done"}`)}, nil
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	a := &squall.Action{
		Ref: squall.Ref{Pack: "default", Name: "login"}, Runner: "local-shell-cmd", Enabled: true,
		Parameters: squall.Schema{
			{Name: "cmd", Immutable: true, Default: raw(`"login"`)},
			{Name: "host", Type: raw(`"string"`)},
			{Name: "pw", Type: raw(`"string"`), Secret: true},
			{Name: "auth", Type: raw(`"object"`), Rest: raw(`{"properties":{"user":{"type":"string"},"key":{"type":"string","secret":true},"list":{"type":"array","items":{"type":"string","secret":true}}}}`)},
			{Name: "own", Type: raw(`"string"`), Secret: true, Default: raw(`"{{ st2kv.system.own | decrypt_kv }}"`)},
		},
	}
	err := ts.store.Update(t.Context(), func(tx store.Tx) error { return tx.PutAction(t.Context(), a) })
	if err != nil {
		t.Fatal(err)
	}
	if a := ts.do(t, ts.admin, "PUT", "/api/v1/keys/own", `{"name":"k","value":"MARKER-own","secret":true}`); a.status != 200 {
		t.Fatal(a.body)
	}
	return ts, rec
}

// last waits for the execution's end and returns what its last run was given.
func (r *witness) last(t *testing.T, ts *testServer, id string) map[string]any {
	t.Helper()
	if doc := ts.end(t, id); doc["status"] != "succeeded" {
		t.Fatalf("execution: %v", doc)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[len(r.runs)-1]
}

// TestSecretsStayInside plants secrets in parameters and looks for them
// wherever somebody might: answers, stream, log and the files of the database.
func TestSecretsStayInside(t *testing.T) {
	ts, rec := secretServer(t)
	stream := ts.open(t, "/stream/v1/stream")
	long := "MARKER-long" + strings.Repeat("x", 20_000) // lies compressed in a table of its own
	id := ts.run(t, `{"action":"default.login","parameters":{"host":"MARKER-seen","pw":"MARKER-pw","auth":{"user":"u","key":"MARKER-key","list":["MARKER-1","`+long+`"]}}}`)
	events := stream.until(finished(t))
	given := rec.last(t, ts, id)
	login, _ := given["auth"].(map[string]any)
	list, _ := login["list"].([]any)
	if given["pw"] != "MARKER-pw" || given["own"] != "MARKER-own" || login["key"] != "MARKER-key" || len(list) != 2 || list[1] != long {
		t.Fatalf("the run was given %.300v", given)
	}

	places := map[string]string{}
	base := "/api/v1/executions/" + id
	for _, path := range []string{
		base, base + "?show_secrets=false", base + "/attribute/parameters", base + "/result", base + "/output", base + "/children",
		"/api/v1/executions", "/api/v1/executions?include_attributes=parameters", "/api/v1/keys?scope=all", "/api/v1/keys/own",
	} {
		for _, token := range []string{ts.admin, ts.user} {
			places[path] += ts.do(t, token, "GET", path, "").body
		}
	}
	places["show_secrets of a user"] = ts.do(t, ts.user, "GET", base+"?show_secrets=true", "").body
	for _, e := range events {
		places["stream"] += e.data
	}
	rec.mu.Lock()
	places["log"] = rec.log.String()
	rec.mu.Unlock()
	for _, name := range []string{"squall.db", "squall.db-wal"} {
		file, err := os.ReadFile(filepath.Join(ts.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		places[name] = string(file)
	}
	err := ts.store.View(t.Context(), func(tx store.Tx) error { // also what is compressed in the file
		ex, err := tx.Execution(t.Context(), squall.ID(id), store.WithAll)
		if err == nil {
			places["row"] = string(ex.Parameters) + string(ex.Context) + string(ex.Result)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(places["row"], "MARKER-seen") || !strings.Contains(places["stream"], "MARKER-seen") || places["log"] == "" {
		t.Error("the test looks in the wrong places: what is not secret is not there either")
	}
	for place, text := range places {
		text = strings.ReplaceAll(text, "MARKER-seen", "")
		if i := strings.Index(text, "MARKER"); i >= 0 {
			t.Errorf("%s: a secret is there: ...%q", place, text[max(0, i-60):min(len(text), i+20)])
		}
	}

	open := ts.do(t, ts.admin, "GET", base+"?show_secrets=true", "").body
	for _, secret := range []string{"MARKER-pw", "MARKER-key", "MARKER-own", "MARKER-long"} {
		if !strings.Contains(open, secret) {
			t.Errorf("an administrator who asks does not see %s: %.300s", secret, open)
		}
	}
}

func TestSecretsOfARerun(t *testing.T) {
	ts, rec := secretServer(t)
	id := ts.run(t, `{"action":"default.login","parameters":{"host":"a","pw":"MARKER-pw"}}`)
	rec.last(t, ts, id)
	a := ts.do(t, ts.admin, "POST", "/api/v1/executions/"+id+"/re_run", `{"parameters":{"host":"b"}}`)
	if a.status != http.StatusCreated || strings.Contains(a.body, "MARKER") {
		t.Fatalf("re-run: %d %s", a.status, a.body)
	}
	given := rec.last(t, ts, a.object(t)["id"].(string))
	if given["pw"] != "MARKER-pw" || given["host"] != "b" {
		t.Errorf("the second run was given %v", given)
	}
}

// TestSealedLookalike: what a caller writes in the form of a sealed value is a
// text like others.
func TestSealedLookalike(t *testing.T) {
	ts, rec := secretServer(t)
	own := ts.do(t, ts.user, "GET", "/api/v1/keys/own", "").object(t)["value"].(string)
	for _, text := range []string{"sealed:", "sealed:" + own, own} {
		id := ts.run(t, `{"action":"default.login","parameters":{"pw":"`+text+`"}}`)
		if given := rec.last(t, ts, id); given["pw"] != text {
			t.Errorf("%q became %q", text, given["pw"])
		}
	}
}

func TestTemplatesAndSecrets(t *testing.T) {
	ts, rec := secretServer(t)
	for _, body := range []string{`{"name":"k","value":"shown"}`, `{"name":"k","value":"hers","scope":"user","secret":true}`} {
		if a := ts.do(t, ts.user, "PUT", "/api/v1/keys/k", body); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	for _, c := range []struct{ token, host, want, fault string }{
		{ts.user, "{{ st2kv.system.k }}", "shown", ""},
		{ts.user, "{{ st2kv.user.k | decrypt_kv }}", "hers", ""},
		{ts.user, "{{ action_context.user }}", "ann", ""},
		{ts.user, "{{ st2kv.system.nope }}", "", ""},
		{ts.admin, "{{ st2kv.system.own | decrypt_kv }}", "MARKER-own", ""},
		{ts.admin, "{{ st2kv.user.k }}", "", ""},
		{ts.user, "{{ st2kv.system.own | decrypt_kv }}", "", `Failed to render parameter "host": Decrypting the key "own" requires administrator access`},
	} {
		doc, _ := json.Marshal(map[string]any{"action": "default.login", "parameters": map[string]any{"host": c.host}, "context": map[string]any{"api_user": "ann"}})
		a := ts.do(t, c.token, "POST", "/api/v1/executions", string(doc))
		if c.fault != "" {
			wantFault(t, a, http.StatusBadRequest, c.fault)
			continue
		}
		if a.status != http.StatusCreated {
			t.Errorf("%s: %d %s", c.host, a.status, a.body)
			continue
		}
		// The default of "own", which the pack's author wrote, is decrypted for everybody.
		if given := rec.last(t, ts, a.object(t)["id"].(string)); given["host"] != c.want || given["own"] != "MARKER-own" {
			t.Errorf("%s: the run was given %v", c.host, given)
		}
	}
}

func TestExternalSecrets(t *testing.T) {
	ts, rec := secretServer(t)
	id := ts.run(t, `{"action":"default.login","parameters":{"host":"secret:env:X","pw":"secret:vault:kv/db#pw"}}`)
	if given := rec.last(t, ts, id); given["pw"] != "fetched from kv/db" || given["host"] != "secret:env:X" {
		t.Errorf("the run was given %v", given)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/executions/"+id+"?show_secrets=true", ""); strings.Contains(a.body, "fetched") {
		t.Errorf("the secret was stored: %s", a.body)
	}
	const refused = `parameter "pw": an external secret can be named by administrators only`
	for _, pw := range []string{"secret:env:X", "{{ 'secret' ~ ':env:X' }}"} {
		doc, _ := json.Marshal(map[string]any{"action": "default.login", "parameters": map[string]any{"pw": pw}})
		wantFault(t, ts.do(t, ts.user, "POST", "/api/v1/executions", string(doc)), http.StatusForbidden, refused)
	}
	// In a parameter that is not secret, it is a text like others.
	if a := ts.do(t, ts.user, "POST", "/api/v1/executions", `{"action":"default.login","parameters":{"host":"secret:env:X"}}`); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.user, "PUT", "/api/v1/keys/ref", `{"name":"k","value":"secret:env:X"}`), http.StatusForbidden,
		"A value that names an external secret can be stored by administrators only.")
	if a := ts.do(t, ts.admin, "PUT", "/api/v1/keys/own", `{"name":"k","value":"secret:file:own","secret":true}`); a.status != 200 {
		t.Fatal(a.body)
	}
	// A reference that an administrator put there works for everybody.
	a := ts.do(t, ts.user, "POST", "/api/v1/executions", `{"action":"default.login"}`)
	if given := rec.last(t, ts, a.object(t)["id"].(string)); given["own"] != "fetched from own" {
		t.Errorf("the run was given %v", given)
	}
}

// TestSecretThatCannotBeFetched: the run fails before its runner sees it, and
// says which parameter it was about.
func TestSecretThatCannotBeFetched(t *testing.T) {
	ts, rec := secretServer(t)
	id := ts.run(t, `{"action":"default.login","parameters":{"pw":"secret:vault:missing"}}`)
	doc := ts.end(t, id)
	result, _ := json.Marshal(doc["result"])
	if doc["status"] != "failed" || !strings.Contains(string(result), "Vault has no secret:vault:missing") {
		t.Errorf("%v: %s", doc["status"], result)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.runs) != 0 {
		t.Errorf("the runner was called with %v", rec.runs)
	}
}

// TestSecretsOfARule: what a rule gives to a secret parameter is shown to who may
// see it and asks; who writes back what was shown changes nothing.
func TestSecretsOfARule(t *testing.T) {
	ts, _ := secretServer(t)
	made := ts.do(t, ts.admin, "POST", "/api/v1/rules", `{"name":"r","pack":"default","enabled":true,"trigger":{"type":"core.st2.webhook","parameters":{"url":"r"}},
		"action":{"ref":"default.login","parameters":{"host":"MARKER-seen","pw":"MARKER-pw","auth":{"user":"u","key":"MARKER-key","list":["MARKER-1"]}}}}`)
	if made.status != 201 {
		t.Fatal(made.body)
	}
	masked := `{"host":"MARKER-seen","pw":"********","auth":{"user":"u","key":"********","list":["********"]}}`
	open := `{"host":"MARKER-seen","pw":"MARKER-pw","auth":{"user":"u","key":"MARKER-key","list":["MARKER-1"]}}`
	paths := []string{"/api/v1/rules/default.r", "/api/v1/rules", "/api/v1/rules?enabled=true", "/api/v1/rules/views", "/api/v1/rules/views/default.r"}
	for _, path := range paths {
		for query, want := range map[string]string{"": masked, "show_secrets=true": open} {
			full := path + "?" + query
			if strings.Contains(path, "?") {
				full = path + "&" + query
			}
			if a := ts.do(t, ts.admin, "GET", full, ""); a.status != 200 || !strings.Contains(a.body, want) {
				t.Errorf("%s: %s, want %s", full, a.body, want)
			}
			if a := ts.do(t, ts.user, "GET", full, ""); strings.Contains(a.body, "MARKER-pw") {
				t.Errorf("%s: %s", full, a.body)
			}
		}
	}

	shown := ts.do(t, ts.admin, "GET", paths[0], "").body
	changed := strings.NewReplacer(`"enabled":true`, `"enabled":false`, `"MARKER-seen"`, `"MARKER-other"`, `["********"]`, `["********","new"]`).Replace(shown)
	if a := ts.do(t, ts.admin, "PUT", paths[0], changed); a.status != 200 || strings.Contains(a.body, "MARKER-pw") || !strings.Contains(a.body, `"enabled":false`) {
		t.Fatal(a.body)
	}
	want := `{"auth":{"key":"MARKER-key","list":["********","new"],"user":"u"},"host":"MARKER-other","pw":"MARKER-pw"}`
	if a := ts.do(t, ts.admin, "GET", paths[0]+"?show_secrets=true", ""); !strings.Contains(a.body, want) {
		t.Errorf("%s, want %s", a.body, want)
	}
}
