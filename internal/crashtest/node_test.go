package crashtest

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/squalltest"
)

// lease is how long a silent node keeps its executions in these tests.
const lease = 1500 * time.Millisecond

// node is one server.
type node struct{ *squalltest.Server }

// newNode prepares a node. With a dsn it works on that PostgreSQL.
func newNode(t *testing.T, name, dsn string) *node {
	t.Helper()
	packs, err := filepath.Abs("testdata/packs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := &node{squalltest.New(t, name, filepath.Join(dir, name), "scheduler.lease_ttl="+lease.String(), "scheduler.heartbeat=300ms",
		"server.shutdown_timeout=150ms", "packs.dirs="+packs)}
	if dsn != "" {
		// TempDir numbers its directories in one of the test: the nodes share the keyring in there.
		n.Set("server.keyring=" + filepath.Join(filepath.Dir(dir), "keyring"))
		n.Args = append(n.Args, "--postgres", dsn)
	}
	return n
}

// brief bounds a request: a node that is stopped does not answer.
const brief = 3 * time.Second

func (n *node) do(ctx context.Context, method, path string, body any, header ...string) (http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, brief)
	defer cancel()
	return n.Do(ctx, method, path, body, header...)
}

// count asks how many executions are in a state.
func (n *node) count(ctx context.Context, s squall.Status) (int, error) {
	header, _, err := n.do(ctx, http.MethodGet, "/api/v1/executions?limit=1&status="+string(s), nil)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(header.Get("X-Total-Count"))
}

// inquiries lists the questions that wait for an answer.
func (n *node) inquiries(ctx context.Context) (ids []squall.ID, err error) {
	_, answer, err := n.do(ctx, http.MethodGet, "/api/v1/inquiries?limit=100", nil)
	if err != nil {
		return nil, err
	}
	var list []struct{ ID squall.ID }
	err = json.Unmarshal(answer, &list)
	for _, q := range list {
		ids = append(ids, q.ID)
	}
	return ids, err
}

// call makes one request for an execution, or something else that has an ID.
func (n *node) call(ctx context.Context, method, path string, body any) (id squall.ID, status squall.Status, err error) {
	_, text, err := n.do(ctx, method, path, body)
	if err != nil {
		return "", "", err
	}
	var answer struct {
		ID     squall.ID
		Status squall.Status
	}
	err = json.Unmarshal(text, &answer)
	return answer.ID, answer.Status, err
}

// read makes a request that must succeed.
func (n *node) read(t *testing.T, ctx context.Context, path string) []byte {
	t.Helper()
	_, answer, err := n.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		t.Error(err)
	}
	return answer
}
