package backuptest

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/squalltest"
)

func TestMain(m *testing.M) { os.Exit(squalltest.Main(m)) }

// patience bounds every wait: these tests share few processors with others.
const patience = 3 * time.Minute

// server is one Squall.
type server struct {
	*squalltest.Server
	t *testing.T
}

func newServer(t *testing.T, dir string, settings ...string) *server {
	t.Helper()
	s := &server{squalltest.New(t, "n1", filepath.Join(dir, "squall"), append(settings, "scheduler.lease_ttl=3s", "scheduler.heartbeat=500ms",
		"server.shutdown_timeout=200ms", "python.path=/usr/bin/python3")...), t}
	s.start()
	if err := s.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) start() {
	s.t.Helper()
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// must makes a request that succeeds; into may be nil.
func (s *server) must(method, path string, body, into any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	_, answer, err := s.Do(ctx, method, path, body)
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// execution is what tests want to know of one.
type execution struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Action struct {
		Ref string `json:"ref"`
	} `json:"action"`
	Parameters map[string]any  `json:"parameters"`
	Result     json.RawMessage `json:"result"`
	Start      time.Time       `json:"start_timestamp"`
	End        time.Time       `json:"end_timestamp"`
}

func (e *execution) final() bool {
	switch e.Status {
	case "succeeded", "failed", "canceled", "timeout", "abandoned":
		return true
	}
	return false
}

// begin requests a run.
func (s *server) begin(action string, parameters map[string]any) (id string) {
	s.t.Helper()
	if parameters == nil {
		parameters = map[string]any{}
	}
	var e execution
	s.must("POST", "/api/v1/executions", map[string]any{"action": action, "parameters": parameters}, &e)
	return e.ID
}

func (s *server) get(id string) *execution {
	s.t.Helper()
	var e execution
	s.must("GET", "/api/v1/executions/"+id, nil, &e)
	return &e
}

// wait waits until an execution has ended.
func (s *server) wait(id string) (e *execution) {
	s.t.Helper()
	until(s.t, "execution "+id+" has ended", func() bool { e = s.get(id); return e.final() })
	return e
}

// run requests a run and waits for its end.
func (s *server) run(action string, parameters map[string]any) *execution {
	s.t.Helper()
	return s.wait(s.begin(action, parameters))
}

// list returns the executions of an action, the newest first.
func (s *server) list(action, more string) (list []*execution) {
	s.t.Helper()
	s.must("GET", "/api/v1/executions?limit=100&action="+action+more, nil, &list)
	return list
}

// key is one of the datastore, decoded from JSON.
func (s *server) keys(prefix string) map[string]map[string]any {
	s.t.Helper()
	var list []struct{ Name, Value string }
	s.must("GET", "/api/v1/keys?limit=100&prefix="+url.QueryEscape(prefix), nil, &list)
	found := map[string]map[string]any{}
	for _, k := range list {
		var doc map[string]any
		if err := json.Unmarshal([]byte(k.Value), &doc); err != nil {
			s.t.Fatalf("key %s: %v", k.Name, err)
		}
		found[strings.TrimPrefix(k.Name, prefix)] = doc
	}
	return found
}
