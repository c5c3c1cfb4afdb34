package api

import (
	"net/http"
	"strings"
	"testing"
)

// A runner that is switched off lets its executions fail, and runs again when it
// is switched on.
func TestRunnerIsSwitchedOff(t *testing.T) {
	ts := newTestServer(t)
	put := func(body string) map[string]any {
		t.Helper()
		a := ts.do(t, ts.admin, "PUT", "/api/v1/runnertypes/noop", body)
		if a.status != http.StatusOK {
			t.Fatalf("PUT %s = %d %s", body, a.status, a.body)
		}
		return a.object(t)
	}
	if put(`{"enabled":false,"name":"other"}`)["enabled"] != false || put(`{}`)["enabled"] != false {
		t.Error("it is not off")
	}
	if got := ts.do(t, ts.user, "GET", "/api/v1/runnertypes/noop", "").object(t); got["enabled"] != false || got["name"] != "noop" {
		t.Errorf("shown as %v", got)
	}
	ex := ts.end(t, ts.run(t, `{"action":"core.noop"}`))
	if ex["status"] != "failed" || !strings.Contains(ts.do(t, ts.admin, "GET", "/api/v1/executions/"+ex["id"].(string), "").body, "disabled by the administrator") {
		t.Errorf("the execution is %v: %v", ex["status"], ex["result"])
	}
	put(`{"enabled":true}`)
	if ex := ts.end(t, ts.run(t, `{"action":"core.noop"}`)); ex["status"] != "succeeded" {
		t.Errorf("switched on, the execution is %v", ex["status"])
	}
	wantFault(t, ts.do(t, ts.admin, "PUT", "/api/v1/runnertypes/noop", `{"enabled":"x"}`), 400, "'x' is not of type 'boolean'")
	wantFault(t, ts.do(t, ts.admin, "PUT", "/api/v1/runnertypes/nope", `{}`), 404, `Resource with a name or id "nope" not found`)
}
