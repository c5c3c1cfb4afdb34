package backuptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/client"
)

// program compiles Squall once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "squall-backup")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "squall")
	out, err := exec.Command("go", "build", "-o", path, "squall/cmd/squall").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// patience bounds every wait: these tests share few processors with others.
const patience = 3 * time.Minute

// server is one Squall: a data directory, an address, and now and then a process.
type server struct {
	t     *testing.T
	dir   string
	url   string
	args  []string
	log   *os.File
	cmd   *exec.Cmd // nil while it does not run
	token string
}

func newServer(t *testing.T, dir string, settings ...string) *server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: filepath.Join(dir, "squall")}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s.url = "http://" + address
	s.args = []string{path, "server", "--data", s.dir, "--listen", address, "--node", "n1", "--log-level", "info"}
	settings = append(settings, "scheduler.lease_ttl=3s", "scheduler.heartbeat=500ms", "scheduler.poll=100ms",
		"server.shutdown_timeout=200ms", "python.path=/usr/bin/python3")
	for _, set := range settings {
		s.args = append(s.args, "--set", set)
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		s.log.Close()
		if t.Failed() {
			t.Logf("the server's log ends with:\n%s", s.tail())
		}
	})
	s.start()
	password, err := os.ReadFile(filepath.Join(s.dir, "admin-password"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{URL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	token, err := c.Login(t.Context(), "admin", strings.TrimSpace(string(password)), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.token = token.Token
	return s
}

// start starts the process and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	cmd := exec.Command(s.args[0], s.args[1:]...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = cmd
	until(s.t, "the server is ready", func() bool {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// kill ends the process without warning.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) tail() string {
	text, _ := os.ReadFile(s.log.Name())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
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

// errStatus says that the server refused.
var errStatus = errors.New("refused")

// ask makes one request of the API; into may be nil.
func (s *server) ask(method, path string, body, into any) error {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, &payload)
	if err != nil {
		return err
	}
	req.Header.Set("X-Auth-Token", s.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		var text bytes.Buffer
		_, _ = text.ReadFrom(resp.Body)
		return fmt.Errorf("%w: %s %s: %s: %s", errStatus, method, path, resp.Status, text.String())
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

func (s *server) must(method, path string, body, into any) {
	s.t.Helper()
	if err := s.ask(method, path, body, into); err != nil {
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
