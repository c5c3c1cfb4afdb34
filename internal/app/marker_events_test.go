package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The parts of the planted secrets that concern what happens by itself: sensors,
// rules and signed webhooks, policies, notifications, inquiries, other machines.

// layEvents writes what the packs and the configuration need for them. Nobody
// listens at the addresses.
func layEvents(t *testing.T, dir string, markers map[string]string) {
	t.Helper()
	nowhere := "127.0.0.1:9"
	pack := filepath.Join(dir, "packs", "vaulted")
	for name, text := range map[string]string{
		"sensors/watch.yaml": "name: watch\nrunner_type: program\nentry_point: watch.sh\ntrigger_types:\n  - name: seen\n",
		"rules/seen.yaml": `
name: seen
enabled: true
trigger: {type: vaulted.seen}
action:
  ref: vaulted.quick
  parameters: {password: "{{ st2kv.system.kept | decrypt_kv }}", login: {user: "{{ trigger.length }}"}}
`,
		"rules/signed.yaml": `
name: signed
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: signed}}
action: {ref: vaulted.fails, parameters: {password: "{{ st2kv.system.kept | decrypt_kv }}"}}
`,
		"policies/alone.yaml": `
name: alone
resource_ref: vaulted.quick
policy_type: action.concurrency.attr
parameters: {threshold: 1, action: delay, attributes: [password]}
`,
	} {
		writeFile(t, filepath.Join(pack, name), text)
	}
	script := filepath.Join(pack, "sensors/watch.sh")
	writeFile(t, script, "#!/bin/sh\nwhile :; do echo \"{\\\"payload\\\": {\\\"length\\\": ${#SQUALL_SENSOR_CONFIG}}}\"; sleep 1; done\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "notify.yaml"), fmt.Sprintf(`
sinks:
  mail: {type: email, host: 127.0.0.1, port: 9, tls: none, user: squall, password: %q, from: squall@example.org, to: [ops@example.org]}
  hook: {type: webhook, url: "http://%s/hook", secret: %q}
  log: {type: log}
routes:
  - {route: ops, sinks: [mail, hook, log]}
`, markers["mail password"], nowhere, markers["hook secret"]))
}

// plantEvents makes all of it happen, and waits until it has.
func (p *process) plantEvents(admin string) {
	p.t.Helper()
	m := p.markers
	until := func(path, want string) string {
		p.t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			text := p.must(admin, "GET", path, "", "")
			if strings.Contains(text, want) {
				return text
			}
			if time.Now().After(deadline) {
				p.t.Fatalf("GET %s has no %s: %s", path, want, text)
			}
		}
	}
	run := func(body string) string { p.t.Helper(); return p.must(admin, "POST", "/api/v1/executions", body, "id") }

	until("/api/v1/executions?rule=seen", `"succeeded"`)

	p.must(admin, "PUT", "/api/v1/keys/webhook.signed.secret", fmt.Sprintf(`{"name":"webhook.signed.secret","value":%q,"secret":true}`, m["webhook secret"]), "")
	for name, value := range map[string]string{"X-Gitlab-Token": m["webhook secret"], "Authorization": "Token " + m["webhook secret"]} {
		req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/v1/webhooks/signed", strings.NewReader(`{"a":1}`))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(name, value)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusAccepted {
			p.t.Errorf("a webhook signed with %s: %s", name, resp.Status)
		}
	}
	until("/api/v1/executions?rule=signed", `"failed"`)

	ask := run(`{"action":"core.ask","parameters":{"schema":{"type":"object","properties":{"pin":{"type":"string","secret":true,"required":true}}}}}`)
	until("/api/v1/executions/"+ask, `"pending"`)
	p.call(admin, "PUT", "/api/v1/inquiries/"+ask, fmt.Sprintf(`{"id":%q,"response":{"pin":{"x":%q}}}`, ask, m["answer"]))
	p.must(admin, "PUT", "/api/v1/inquiries/"+ask, fmt.Sprintf(`{"id":%q,"response":{"pin":%q}}`, ask, m["answer"]), "")

	told := run(fmt.Sprintf(`{"action":"vaulted.quick","parameters":{"password":%q},"notify":{"on-complete":{"routes":["ops"],"message":"it was {{ action_parameters.password }}"}}}`, m["parameter"]))
	until("/api/v1/executions/"+told, `"succeeded"`)
	for _, body := range []string{
		fmt.Sprintf(`{"action":"core.remote_sudo","parameters":{"hosts":"127.0.0.1:9","cmd":"true","username":"u","password":%q,"sudo_password":%q,"timeout":5}}`, m["remote password"], m["sudo password"]),
		fmt.Sprintf(`{"action":"core.remote","parameters":{"hosts":"127.0.0.1:9","cmd":"true","username":"u","private_key":%q,"passphrase":%q,"timeout":5}}`,
			"-----BEGIN OPENSSH PRIVATE KEY-----\n"+m["private key"]+"\n-----END OPENSSH PRIVATE KEY-----\n", m["passphrase"]),
		fmt.Sprintf(`{"action":"core.winrm_cmd","parameters":{"host":"127.0.0.1","port":9,"scheme":"http","cmd":"dir","username":"u","password":%q,"timeout":5}}`, m["winrm password"]),
	} {
		id := run(body)
		until("/api/v1/executions/"+id, `"end_timestamp"`)
	}
	until("/api/v1/notifications?limit=-1", `"hook"`)
}

// eventMarkers are secrets of these parts.
func eventMarkers() map[string]string {
	return map[string]string{
		"mail password": "marker-mail-19aa", "hook secret": "marker-hook-77b0", "webhook secret": "marker-webhook-3c3c", "answer": "marker-answer-8d11",
		"remote password": "marker-remote-c4c4", "sudo password": "marker-sudo-0f0f", "private key": "bWFya2VyLXByaXZhdGUta2V5LTU1", "passphrase": "marker-phrase-6e6e",
		"winrm password": "marker-winrm-2a2b",
	}
}

// eventPaths are where one would see them.
var eventPaths = []string{
	"/api/v1/triggerinstances?limit=-1", "/api/v1/triggertypes?limit=-1", "/api/v1/triggers?limit=-1", "/api/v1/rules?limit=-1", "/api/v1/rules/views?limit=-1",
	"/api/v1/ruleenforcements?limit=-1", "/api/v1/ruleenforcements/views?limit=-1", "/api/v1/traces?limit=-1", "/api/v1/sensortypes?limit=-1",
	"/api/v1/policies?limit=-1", "/api/v1/inquiries?limit=-1", "/api/v1/notifications?limit=-1", "/api/v1/executions/views/filters", "/api/v1/webhooks", "/api/v1/sensors?limit=-1",
}
