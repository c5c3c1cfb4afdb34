package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/client"
	"squall/internal/squall"
)

// build compiles the program once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "squall-crash")
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

// lease is how long a silent node keeps its executions in these tests.
const lease = 1500 * time.Millisecond

// node is one server: a data directory, an address, and now and then a process.
type node struct {
	name, dir, url string
	args           []string
	log            *os.File

	mu  sync.Mutex
	cmd *exec.Cmd // nil while it does not run
}

// newNode prepares a node. With a dsn it works on that PostgreSQL.
func newNode(t *testing.T, name, dsn string) *node {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Abs("testdata/packs")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{name: name, dir: filepath.Join(t.TempDir(), name)}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	n.url = "http://" + address
	n.args = []string{program, "server", "--data", n.dir, "--listen", address, "--node", name,
		"--set", "scheduler.lease_ttl=" + lease.String(), "--set", "scheduler.heartbeat=300ms",
		"--set", "scheduler.poll=100ms", "--set", "server.shutdown_timeout=150ms", "--set", "packs.dirs=" + packs, "--log-level", "info"}
	if dsn != "" {
		// TempDir numbers its directories in one of the test: the nodes share the keyring in there.
		keyring := filepath.Join(filepath.Dir(filepath.Dir(n.dir)), "keyring")
		n.args = append(n.args, "--postgres", dsn, "--set", "server.keyring="+keyring)
	}
	if n.log, err = os.Create(filepath.Join(n.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.signal(syscall.SIGCONT)
		n.kill()
		n.log.Close()
		if t.Failed() {
			t.Logf("the log of %s ends with:\n%s", n.name, n.tail())
		}
	})
	return n
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the process and waits until it accepts work.
func (n *node) start(ctx context.Context) error {
	cmd := exec.Command(n.args[0], n.args[1:]...)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	if err := cmd.Start(); err != nil {
		return err
	}
	n.mu.Lock()
	n.cmd = cmd
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		resp, err := http.Get(n.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %s does not get ready: %w", n.name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill ends the process without warning and waits until it is gone.
func (n *node) kill() {
	n.mu.Lock()
	cmd := n.cmd
	n.cmd = nil
	n.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// stop ends the process in an orderly way.
func (n *node) stop(t *testing.T) {
	n.mu.Lock()
	cmd := n.cmd
	n.cmd = nil
	n.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("node %s did not stop cleanly: %v; its log ends with:\n%s", n.name, err, n.tail())
	}
}

func (n *node) signal(sig syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(sig)
	}
}

func (n *node) tail() string {
	text, _ := os.ReadFile(n.log.Name())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// login fetches the token that all requests are made with, with the password
// that the first node of a database writes. The token is good on every node.
func (n *node) login(ctx context.Context) (string, error) {
	password, err := os.ReadFile(filepath.Join(n.dir, "admin-password"))
	if err != nil {
		return "", err
	}
	c, err := client.New(client.Options{URL: n.url})
	if err != nil {
		return "", err
	}
	defer c.Close()
	token, err := c.Login(ctx, "admin", strings.TrimSpace(string(password)), time.Hour)
	if err != nil {
		return "", err
	}
	return token.Token, nil
}

// count asks how many executions are in a state.
func (n *node) count(ctx context.Context, token string, s squall.Status) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/api/v1/executions?limit=1&status="+string(s), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Auth-Token", token)
	resp, err := web.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("count executions: %s", resp.Status)
	}
	return strconv.Atoi(resp.Header.Get("X-Total-Count"))
}

// inquiries lists the questions that wait for an answer.
func (n *node) inquiries(ctx context.Context, token string) (ids []squall.ID, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/api/v1/inquiries?limit=100", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Auth-Token", token)
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: list inquiries: %s", errRefused, resp.Status)
	}
	var list []struct{ ID squall.ID }
	err = json.NewDecoder(resp.Body).Decode(&list)
	for _, q := range list {
		ids = append(ids, q.ID)
	}
	return ids, err
}

// errRefused: the server answered, but did not do it.
var errRefused = errors.New("refused")

var web = &http.Client{Timeout: 3 * time.Second}

// call makes one request, without trying again: what it reports as done was
// acknowledged exactly once.
func (n *node) call(ctx context.Context, token, method, path string, body any) (id squall.ID, status squall.Status, err error) {
	var payload io.Reader
	if body != nil {
		doc, err := json.Marshal(body)
		if err != nil {
			return "", "", err
		}
		payload = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, payload)
	if err != nil {
		return "", "", err
	}
	req.Header.Set("X-Auth-Token", token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := web.Do(req)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	var answer struct {
		ID          squall.ID
		Status      squall.Status
		Faultstring string
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", "", err
	}
	if resp.StatusCode >= 300 || answer.Faultstring != "" {
		return "", "", fmt.Errorf("%w: %s %s", errRefused, resp.Status, answer.Faultstring)
	}
	return answer.ID, answer.Status, nil
}
