package api

import (
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
)

// The token of a run is its user's, while the run lasts.
func TestRunToken(t *testing.T) {
	ts := newTestServer(t)
	ring := ts.Keyring
	token := func(user, id string) string {
		return auth.RunToken{User: user, Execution: squall.ID(id), Ends: time.Now().Add(time.Minute)}.Seal(ring)
	}
	id := ts.do(t, ts.user, "POST", "/api/v1/executions", `{"action":"core.local","parameters":{"cmd":"sleep 60"}}`).object(t)["id"].(string)
	for _, how := range [][2]string{{"X-Auth-Token", token("ann", id)}, {"Authorization", "Bearer " + token("ann", id)}} {
		if a := ts.do(t, "", "GET", "/v1/user", "", how[0], how[1]); a.status != 200 || a.object(t)["username"] != "ann" {
			t.Errorf("while it runs: %d %s", a.status, a.body)
		}
	}
	wantFault(t, ts.do(t, token("ann", id), "GET", "/v1/executions?limit=-1", ""), 403,
		"Administrator access required to be able to specify limit=-1 and retrieve all the records")
	if a := ts.do(t, token("somebody-new", id), "GET", "/v1/user", ""); a.status != 200 {
		t.Errorf("a user who never came in: %d %s", a.status, a.body)
	}
	over := ts.run(t, `{"action":"core.noop"}`)
	ts.end(t, over)
	wantFault(t, ts.do(t, token("ann", over), "GET", "/v1/user", ""), 401, "Unauthorized")
	wantFault(t, ts.do(t, token("ann", "5f5f5f5f5f5f5f5f5f5f5f5f"), "GET", "/v1/user", ""), 401, "Unauthorized")
	wantFault(t, ts.do(t, "run-00", "GET", "/v1/user", ""), 401, "Unauthorized")
	expired := auth.RunToken{User: "ann", Execution: squall.ID(id), Ends: time.Now().Add(-time.Second)}.Seal(ring)
	wantFault(t, ts.do(t, expired, "GET", "/v1/user", ""), 401, "Unauthorized - the token of the run has expired.")
}
