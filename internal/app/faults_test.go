package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"squall/internal/pgtest"
)

// apiClient talks to a server as admin; it knows only HTTP, so that what it
// sees is what any client sees.
type apiClient struct {
	t     *testing.T
	url   string
	token string
}

func login(t *testing.T, url, dir string) *apiClient {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(dir, AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, url+"/auth/v1/tokens", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", string(password))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var token struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil || token.Token == "" {
		t.Fatalf("login: %s %v", resp.Status, err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return &apiClient{t: t, url: url, token: token.Token}
}

// call returns the status and the body; an unreachable server is a failure.
func (c *apiClient) call(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var doc map[string]any
	_ = json.Unmarshal(text, &doc) // /readyz may answer plain text
	if doc == nil {
		doc = map[string]any{"text": string(text)}
	}
	return resp.StatusCode, doc
}

func (c *apiClient) run(cmd string) string {
	c.t.Helper()
	code, doc := c.call(http.MethodPost, "/api/v1/executions", fmt.Sprintf(`{"action": "core.local", "parameters": {"cmd": %q}}`, cmd))
	if code != http.StatusCreated {
		c.t.Fatalf("run %s: %d %v", cmd, code, doc)
	}
	return doc["id"].(string)
}

// wait asks until the execution has that status.
func (c *apiClient) wait(id, status string) map[string]any {
	c.t.Helper()
	var doc map[string]any
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, doc = c.call(http.MethodGet, "/api/v1/executions/"+id, ""); doc["status"] == status {
			return doc
		}
	}
	c.t.Fatalf("execution %s is %v, want %s", id, doc["status"], status)
	return nil
}

// refused asserts that the server takes no work and says why, everywhere it is asked.
func (c *apiClient) refused(reason string) {
	c.t.Helper()
	for _, ask := range []struct{ method, path, body string }{
		{http.MethodPost, "/api/v1/executions", `{"action": "core.noop"}`},
		{http.MethodGet, "/readyz", ""}, // may believe the last write for a few seconds
	} {
		var code int
		var doc map[string]any
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if code, doc = c.call(ask.method, ask.path, ask.body); code == http.StatusServiceUnavailable {
				break
			}
		}
		if code != http.StatusServiceUnavailable || !strings.Contains(fmt.Sprint(doc), reason) {
			c.t.Errorf("%s %s = %d %v, want 503 with %q", ask.method, ask.path, code, doc, reason)
		}
	}
	if code, _ := c.call(http.MethodGet, "/healthz", ""); code != http.StatusOK {
		c.t.Errorf("/healthz = %d: the process is alive", code)
	}
}

// ready waits until work is accepted again.
func (c *apiClient) ready() {
	c.t.Helper()
	var doc map[string]any
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var code int
		if code, doc = c.call(http.MethodGet, "/readyz", ""); code == http.StatusOK {
			return
		}
	}
	c.t.Fatalf("not ready again: %v", doc)
}

// TestFullDisk fills the disk below a working server and makes room again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("squall-test", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("SKIPPED: a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := DefaultConfig()
	c.Server.Data = filepath.Join(dir, "data")
	url, stop := serve(t, c)
	api := login(t, url, c.Server.Data)
	before := api.run("echo before")
	api.wait(before, "succeeded")
	running := api.run("sleep 2; echo during")

	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for chunk := make([]byte, 4096); ; {
		if _, err := filler.Write(chunk); err != nil {
			break
		}
	}
	api.refused("full")
	time.Sleep(2500 * time.Millisecond) // the running action ends while nothing can be written

	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	api.ready()
	if doc := api.wait(running, "succeeded"); !strings.Contains(fmt.Sprint(doc["result"]), "during") {
		t.Errorf("the result of the action that ended meanwhile: %v", doc["result"])
	}
	api.wait(api.run("echo after"), "succeeded")
	api.wait(before, "succeeded")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	st, err := openStore(t.Context(), c, nil, discardLog)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Check(t.Context()); err != nil {
		t.Errorf("integrity: %v", err)
	}
}

// TestLostPostgreSQL cuts the connection for longer than the lease: new work is
// refused, what had ended before is there, what ran meanwhile is told of
// truthfully, and everything goes on by itself.
func TestLostPostgreSQL(t *testing.T) {
	proxy, dsn := pgtest.NewProxy(t, pgtest.DSN(t))
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	c.Database.URL = dsn
	c.Scheduler.LeaseTTL, c.Scheduler.Heartbeat = 4*time.Second, time.Second
	url, _ := serve(t, c)
	api := login(t, url, c.Server.Data)

	before := api.run("echo before")
	api.wait(before, "succeeded")
	short, long := api.run("sleep 1; echo short"), api.run("sleep 60")
	waiting := func() string {
		_, doc := api.call(http.MethodPost, "/api/v1/executions", `{"action": "core.local", "parameters": {"cmd": "echo later"}, "delay": 2000}`)
		return doc["id"].(string)
	}()

	// Shorter than the lease: nothing but patience is needed.
	proxy.Down()
	api.refused("PostgreSQL")
	proxy.Up()
	api.ready()
	api.wait(short, "succeeded")
	api.wait(waiting, "succeeded")

	// Longer: the node must take the actions it has for lost, and says so.
	proxy.Down()
	api.refused("PostgreSQL")
	time.Sleep(5 * time.Second)
	proxy.Up()
	api.ready()
	doc := api.wait(long, "abandoned")
	if !strings.Contains(fmt.Sprint(doc["log"]), "abandoned") {
		t.Errorf("the log does not tell of it: %v", doc["log"])
	}
	api.wait(api.run("echo after"), "succeeded")
	api.wait(before, "succeeded")
}
