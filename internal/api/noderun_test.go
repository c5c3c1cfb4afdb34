package api

import (
	"net/http"
	"testing"
)

// TestNodeRunIsNoWayAround: who may run std.node_run may run with it what he may
// run anyway.
func TestNodeRunIsNoWayAround(t *testing.T) {
	role := "name: runner\npermission_grants:\n" +
		"  - {resource_uid: 'action:std:node_run', permission_types: [action_execute]}\n" +
		"  - {resource_uid: 'action:core:noop', permission_types: [action_execute]}\n" +
		"  - {resource_uid: 'pack:default', permission_types: [rule_all]}\n"
	ts := newTestServer(t, withPolicy(t, false, map[string]string{"roles/r.yaml": role, "assignments/ann.yaml": "username: ann\nroles: [runner]\n"}))
	for action, refused := range map[string]bool{`,"action":"core.noop"`: false, `,"action":"core.local"`: true, "": true, `,"action":"std.node_run"`: true, `,"action":"{{ x }}"`: true} {
		parameters := `{"target":"*"` + action + `}`
		for path, body := range map[string]string{
			"/api/v1/executions": `{"action":"std.node_run","parameters":` + parameters + `}`,
			"/api/v1/rules":      `{"name":"r","pack":"default","trigger":{"type":"core.st2.IntervalTimer","parameters":{"unit":"hours","delta":1}},"action":{"ref":"std.node_run","parameters":` + parameters + `}}`,
		} {
			a := ts.do(t, ts.user, "POST", path, body)
			if (a.status == http.StatusForbidden) != refused {
				t.Errorf("POST %s with %s = %d %s", path, parameters, a.status, a.body)
			}
		}
	}
}
