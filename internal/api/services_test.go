package api

import (
	"strings"
	"testing"
)

func TestServiceRegistry(t *testing.T) {
	ts := newTestServer(t)
	ts.run(t, `{"action":"core.noop"}`) // the node has joined
	if a := ts.do(t, ts.admin, "GET", "/api/v1/service_registry/groups", ""); a.body != `{"groups":["squall"]}` {
		t.Errorf("groups: %d %s", a.status, a.body)
	}
	a := ts.do(t, ts.admin, "GET", "/api/v1/service_registry/groups/squall/members", "")
	if a.status != 200 || !strings.Contains(a.body, `"member_id":"node1"`) || !strings.Contains(a.body, `"hostname":"host1","pid":"42"`) {
		t.Errorf("members: %d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.admin, "GET", "/api/v1/service_registry/groups/x/members", ""), 404, `Group with ID "x" not found.`)
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/service_registry/groups", ""), 403, `User "ann" doesn't have required permission "service_view"`)
}
