package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The planted secrets that workflows carry: what they are given, what an inquiry
// is answered, what an action brings; and those of rollouts.

// flowMarkers are secrets of these parts.
func flowMarkers() map[string]string {
	return map[string]string{
		"workflow's input": "marker-input-41d7", "workflow's answer": "marker-pin-a9c2", "result": "marker-result-e07b", "rollout": "marker-rollout-66fd",
		"decrypted by a workflow": "marker-decrypted-b3b3",
	}
}

// layFlows writes the actions and the workflow of the pack.
func layFlows(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"fetch.yaml": "name: fetch\nrunner_type: http-request\noutput_schema: {pin: {type: string, secret: true}}\n",
		"each.yaml": `
name: each
runner_type: local-shell-cmd
parameters:
  cmd: {immutable: true, default: "true"}
  password: {type: string, secret: true}
  hosts: {type: string}
`,
		"carries.yaml": `
name: carries
runner_type: orquesta
entry_point: workflows/carries.yaml
parameters: {password: {type: string, secret: true}, url: {type: string}}
output_schema: {all: {type: object, secret: true}}
`,
		"workflows/carries.yaml": `
version: 1.0
input: [password, url]
tasks:
  fetch:
    action: vaulted.fetch url=<% ctx(url) %>
    next:
      - publish: fetched=<% result().body.pin %>
        do: ask
  ask:
    action: core.ask
    input: {schema: {type: object, properties: {pin: {type: string, secret: true, required: true}}}}
    next:
      - publish:
          - pin: <% result().response.pin %>
          - opened: <% st2kv('system.carried', decrypt => true) %>
        do: use
  use:
    with:
      items: <% list(ctx(password), ctx(pin), ctx(fetched), ctx(opened)) %>
      concurrency: 1
    action: vaulted.each
    input: {password: <% item() %>, hosts: none}
output:
  - all: <% dict(password => ctx(password), pin => ctx(pin), fetched => ctx(fetched), opened => ctx(opened)) %>
`,
	} {
		writeFile(t, filepath.Join(dir, "packs", "vaulted", "actions", name), text)
	}
}

// plantFlows runs the workflow and a rollout. It returns the workflow once it has
// ended, and a path at which everything that it knows is found, where it is allowed.
func (p *process) plantFlows(admin string) (flow, inquiry string) {
	p.t.Helper()
	m := p.markers
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"pin":%q}`, m["result"])
	}))
	defer source.Close()
	p.must(admin, "PUT", "/api/v1/keys/carried", fmt.Sprintf(`{"name":"carried","value":%q,"secret":true}`, m["decrypted by a workflow"]), "")
	flow = p.must(admin, "POST", "/api/v1/executions", fmt.Sprintf(`{"action":"vaulted.carries","parameters":{"password":%q,"url":%q}}`, m["workflow's input"], source.URL), "id")
	p.wait(admin, flow, "paused")
	_, asked := p.call(admin, "GET", "/api/v1/inquiries", "")
	_, rest, _ := strings.Cut(asked, `"id":"`)
	inquiry, _, _ = strings.Cut(rest, `"`)
	p.must(admin, "PUT", "/api/v1/inquiries/"+inquiry, fmt.Sprintf(`{"id":%q,"response":{"pin":%q}}`, inquiry, m["workflow's answer"]), "")
	p.wait(admin, flow, "succeeded")

	p.must(admin, "POST", "/api/v1/fleet/nodes", `{"nodes":[{"name":"one"},{"name":"two"}]}`, "")
	rollout := p.must(admin, "POST", "/api/v1/fleet/rollouts",
		fmt.Sprintf(`{"action":"vaulted.each","parameters":{"password":%q},"target":"one,two","param":"hosts","batches":"1","canary":true}`, m["rollout"]), "id")
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.must(admin, "GET", "/api/v1/fleet/rollouts/"+rollout, "", ""), `"paused"`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("the rollout is %s", p.must(admin, "GET", "/api/v1/fleet/rollouts/"+rollout, "", ""))
		}
	}
	p.clean("GET rollout", p.must(admin, "GET", "/api/v1/fleet/rollouts/"+rollout, "", ""))

	// The test would see them: where it is allowed, they are all there.
	_, shown := p.call(admin, "GET", "/api/v1/executions/"+flow+"?show_secrets=true", "")
	for _, what := range []string{"workflow's input", "workflow's answer", "result", "decrypted by a workflow"} {
		if !strings.Contains(shown, m[what]) {
			p.t.Errorf("the workflow did not carry the %s: %s", what, shown)
		}
	}
	return flow, inquiry
}

// wait waits for the status of an execution.
func (p *process) wait(admin, id, want string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); p.must(admin, "GET", "/api/v1/executions/"+id, "", "status") != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is not %s: %s", id, want, p.must(admin, "GET", "/api/v1/executions/"+id+"/result", "", ""))
		}
	}
}

// databaseTables reads all tables of a PostgreSQL database; bytes are hexadecimal there.
func databaseTables(t *testing.T, dsn string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // it only read
	rows, err := conn.Query(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	found := map[string]string{}
	for _, table := range tables {
		var text strings.Builder
		rows, err := conn.Query(ctx, `SELECT t::text FROM `+pgx.Identifier{table}.Sanitize()+` AS t`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			_, _ = io.WriteString(&text, line+"\n")
		}
		found["table "+table] = text.String()
	}
	return found
}
