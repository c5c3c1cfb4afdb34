package app

import (
	"crypto/sha1" //nolint:gosec // a form of htpasswd, for users of a test
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
)

const deployPack = `ref: deploy
name: deploy
description: asks before it does anything
version: 1.0.0
author: test
email: test@example.org
`

const deployAction = `name: deploy
runner_type: orquesta
entry_point: workflows/deploy.yaml
enabled: true
`

const deployFlow = `version: 1.0
tasks:
  check:
    action: core.ask
    input:
      schema:
        type: object
        properties:
          go: {type: boolean, required: true}
          pin: {type: string, secret: true}
      roles: [operator]
      route: deployments
    next:
      - when: <% succeeded() and result().response.go %>
        do: act
  act:
    action: core.local cmd="echo done"
output:
  - pin: <% task(check).result.response.pin %>
`

// who logs in as a user of the test.
func who(t *testing.T, url, user string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: url, User: user, Password: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A workflow asks; only who has the role may answer, and only what the schema
// takes; the answer lets it go on.
func TestInquiries(t *testing.T) {
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	pack := filepath.Join(c.Server.Data, "packs", "deploy")
	writeFile(t, filepath.Join(pack, "pack.yaml"), deployPack)
	writeFile(t, filepath.Join(pack, "actions", "deploy.yaml"), deployAction)
	writeFile(t, filepath.Join(pack, "actions", "workflows", "deploy.yaml"), deployFlow)
	c.Access.Htpasswd = filepath.Join(c.Server.Data, "users")
	var users strings.Builder
	for _, name := range []string{"root", "ann", "bob"} {
		sum := sha1.Sum([]byte(name)) //nolint:gosec // see above
		users.WriteString(name + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n")
	}
	writeFile(t, c.Access.Htpasswd, users.String())
	c.Access.Admins, c.Access.RBAC = []string{"root"}, true
	rbac := filepath.Join(c.Server.Data, "rbac")
	for _, role := range []string{"operator", "guest"} {
		writeFile(t, filepath.Join(rbac, "roles", role+".yaml"), "name: "+role+"\ndescription: d\npermission_grants:\n  - permission_types: [inquiry_list]\n"+
			"  - {resource_uid: \"pack:core\", permission_types: [execution_all]}\n")
	}
	writeFile(t, filepath.Join(rbac, "roles", "answers.yaml"), "name: answers\ndescription: d\npermission_grants:\n  - permission_types: [inquiry_list, inquiry_respond]\n")
	writeFile(t, filepath.Join(rbac, "assignments", "ann.yaml"), "username: ann\nroles: [operator, answers]\n")
	writeFile(t, filepath.Join(rbac, "assignments", "bob.yaml"), "username: bob\nroles: [guest]\n")
	url, _ := serve(t, c)
	ctx := t.Context()
	root, ann, bob := who(t, url, "root"), who(t, url, "ann"), who(t, url, "bob")

	ex, err := root.Run(ctx, wire.ExecutionRequest{Action: "deploy.deploy"})
	if err != nil {
		t.Fatal(err)
	}
	await := func(status squall.Status) *wire.Execution {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			got, err := root.Execution(ctx, ex.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status == status {
				return got
			}
			if time.Now().After(deadline) {
				t.Fatalf("the workflow is %s, not %s: %s", got.Status, status, got.Result)
			}
		}
	}
	await(squall.Paused)
	list, err := ann.Inquiries(ctx, 0)
	if err != nil || len(list) != 1 || list[0].Route != "deployments" || list[0].TTL != 1440 || !strings.HasPrefix(string(list[0].Schema), `{"type":"object","properties":{"go":`) {
		t.Fatalf("inquiries %+v, %v", list, err)
	}
	id := list[0].ID
	if _, err := root.Inquiry(ctx, ex.ID); squall.KindOf(err) != squall.Invalid {
		t.Errorf("the workflow as an inquiry: %v", err)
	}
	for name, err := range map[string]error{
		"without the right":  bob.Respond(ctx, id, json.RawMessage(`{"go":true}`)),
		"without the role":   root.Respond(ctx, id, json.RawMessage(`{"go":true}`)),
		"not as asked":       ann.Respond(ctx, id, json.RawMessage(`{"go":"yes"}`)),
		"no object":          ann.Respond(ctx, id, json.RawMessage(`[]`)),
		"no such inquiry":    ann.Respond(ctx, "5f5f5f5f5f5f5f5f5f5f5f5f", json.RawMessage(`{}`)),
		"not an identifier ": ann.Respond(ctx, "x", json.RawMessage(`{}`)),
	} {
		if err == nil {
			t.Errorf("answered %s", name)
		}
	}
	if err := ann.Respond(ctx, id, json.RawMessage(`{"go":true,"pin":"4711"}`)); err != nil {
		t.Fatal(err)
	}
	if done := await(squall.Succeeded); string(done.Result) != `{"output":{"pin":"4711"}}` {
		t.Errorf("the workflow gives %s", done.Result)
	}
	asked, err := root.Execution(ctx, id)
	if err != nil || !strings.HasSuffix(string(asked.Result), `"response":{"go":true,"pin":"********"}}`) {
		t.Errorf("the inquiry shows %s, %v", asked.Result, err)
	}
	if err := ann.Respond(ctx, id, json.RawMessage(`{"go":true}`)); err == nil || !strings.Contains(err.Error(), "already been responded to") {
		t.Errorf("a second answer: %v", err)
	}
	if list, err := root.Inquiries(ctx, 0); err != nil || len(list) != 0 {
		t.Errorf("inquiries %+v, %v", list, err)
	}
	entries, err := root.Audit(ctx, client.AuditQuery{Target: "inquiry:" + id})
	if err != nil || len(entries) == 0 {
		t.Errorf("the audit log has %v, %v", entries, err)
	}
}
