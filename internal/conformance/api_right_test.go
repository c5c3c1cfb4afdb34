package conformance

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Answers that show no model are corrected out of the others; what is right as it
// was recorded stays.
func TestRecordedAnswersAreCorrected(t *testing.T) {
	t.Parallel()
	one := func(method, path, body string, status int, answer string) *pair {
		p := &pair{}
		p.Request.Method, p.Request.Path, p.Request.Body = method, path, json.RawMessage(body)
		p.Response.Status = status
		if err := json.Unmarshal([]byte(answer), &p.Response.Body); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const crash, clone = `{"faultstring":"Internal Server Error"}`, `{"dest_pack":"p","dest_action":"b"}`
	all := []*pair{
		one("POST", "/v1/actions", `{"name":"a","pack":"p"}`, 201, `{"uid":"action:p:a","ref":"p.a","name":"a","pack":"p","id":"1"}`),
		one("POST", "/v1/actions/p.a/clone", clone, 500, crash),
		one("POST", "/v1/actions/p.a/clone", clone, 500, crash),
		one("DELETE", "/v1/actions/p.b", `null`, 404, `{"faultstring":"not found"}`),
		one("DELETE", "/v1/actions/p.b", `null`, 404, `{"faultstring":"not found"}`),
		one("PUT", "/v1/actions/p.a", `{"name":"a","description":"d"}`, 500, crash),
		one("POST", "/v1/executions", `[1]`, 500, crash),
		one("GET", "/v1/actions", `null`, 500, crash),
		one("GET", "/v1/webhooks/x", `null`, 404, `{"faultstring":"Unhandled exception"}`),
		one("POST", "/v1/webhooks/x", `{}`, 404, `{"faultstring":"no x"}`),
		one("PUT", "/v1/rules/p.r", `{"name":"r"}`, 400, `{"faultstring":"bad"}`),
	}
	for _, p := range all {
		p.corrected = p.correct(all)
	}
	want := []struct {
		status int
		reason string
		body   any
	}{
		{201, "", map[string]any{"uid": "action:p:a", "ref": "p.a", "name": "a", "pack": "p", "id": "1"}},
		{201, correctedClone, map[string]any{"uid": "action:p:b", "ref": "p.b", "name": "b", "pack": "p", "id": "1", "metadata_file": "actions/b.yaml"}},
		{400, correctedClone, map[string]any{"faultstring": "The requested destination action already exists"}},
		{204, correctedClone, nil},
		{404, "", map[string]any{"faultstring": "not found"}},
		{200, correctedChange, map[string]any{"uid": "action:p:a", "ref": "p.a", "name": "a", "pack": "p", "id": "1", "description": "d"}},
		{400, correctedFault, map[string]any{"faultstring": anything{}}},
		{500, "", map[string]any{"faultstring": "Internal Server Error"}},
		{404, correctedInside, map[string]any{"faultstring": "no x"}},
		{404, "", map[string]any{"faultstring": "no x"}},
		{400, "", map[string]any{"faultstring": "bad"}},
	}
	for i, w := range want {
		p := all[i]
		if p.Response.Status != w.status || p.corrected != w.reason || cmp.Diff(w.body, p.Response.Body) != "" {
			t.Errorf("%s %s: %d %v (%s), want %d %v (%s)", p.Request.Method, p.Request.Path, p.Response.Status, p.Response.Body, p.corrected, w.status, w.body, w.reason)
		}
	}
}
