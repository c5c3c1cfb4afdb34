package api

import (
	"net/http"
	"testing"
)

// The routes of the past of workflows are for workflows, and say so.
func TestPastOfWhatIsNoWorkflow(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action": "core.noop"}`)
	for path, want := range map[string]int{
		id + "/history":                    http.StatusBadRequest,
		id + "/context":                    http.StatusBadRequest,
		id + "/context?at=x":               http.StatusBadRequest,
		id + "/context?at=-1":              http.StatusBadRequest,
		id + "/workflow":                   http.StatusBadRequest,
		"000000000000000000000000/history": http.StatusNotFound,
		"last/workflow":                    http.StatusBadRequest,
	} {
		if a := ts.do(t, ts.admin, "GET", "/api/v1/executions/"+path, ""); a.status != want {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
}
