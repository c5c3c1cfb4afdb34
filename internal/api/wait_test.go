package api

import (
	"net/http"
	"testing"
	"time"
)

func TestPreferredWait(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    time.Duration
	}{
		{nil, 0},
		{[]string{"wait=10"}, 10 * time.Second},
		{[]string{"respond-async, wait=3"}, 3 * time.Second},
		{[]string{"return=minimal", `Wait = "7" ; strict`}, 7 * time.Second},
		{[]string{"wait=999999"}, maxWait},
		{[]string{"wait=-1"}, 0},
		{[]string{"wait"}, 0},
		{[]string{"wait=soon, wait=2"}, 2 * time.Second},
		{[]string{"waiting=5"}, 0},
	} {
		r := &http.Request{Header: http.Header{"Prefer": c.headers}}
		if got := preferredWait(r); got != c.want {
			t.Errorf("Prefer: %q: wait %v, want %v", c.headers, got, c.want)
		}
	}
}

func TestAnswerWaitsForTheEnd(t *testing.T) {
	ts := newTestServer(t)
	a := ts.do(t, ts.admin, "POST", "/v1/executions", `{"action":"core.local","parameters":{"cmd":"echo hi"}}`, "Prefer", "wait=20")
	if a.status != http.StatusCreated || a.header.Get("Preference-Applied") != "wait=20" {
		t.Fatalf("create and wait = %d, Preference-Applied %q: %s", a.status, a.header.Get("Preference-Applied"), a.body)
	}
	doc := a.object(t)
	if doc["status"] != "succeeded" || doc["result"].(map[string]any)["stdout"] != "hi" {
		t.Errorf("the answer shows %v with result %v", doc["status"], doc["result"])
	}
	// A wait that is over before the run is shows how far it is.
	a = ts.do(t, ts.admin, "POST", "/v1/executions", `{"action":"core.local","delay":60000,"parameters":{"cmd":"echo later"}}`, "Prefer", "wait=1")
	if doc = a.object(t); a.status != http.StatusCreated || doc["status"] != "delayed" {
		t.Fatalf("a run that is delayed = %d %v", a.status, doc["status"])
	}
	path := "/v1/executions/" + doc["id"].(string)
	if a = ts.do(t, ts.admin, "GET", path, "", "Prefer", "wait=1"); a.object(t)["status"] != "delayed" {
		t.Errorf("GET of a run that is delayed shows %s", a.body)
	}
	done := make(chan answer, 1)
	go func() { done <- ts.do(t, ts.admin, "GET", path, "", "Prefer", "wait=20") }()
	ts.do(t, ts.admin, "DELETE", path, "")
	if a = <-done; a.object(t)["status"] != "canceled" {
		t.Errorf("GET that waits for the end shows %s", a.body)
	}
}
