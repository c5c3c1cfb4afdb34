package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// flowClient speaks to a test server as admin.
type flowClient struct {
	url, token string
}

func newFlowClient(t *testing.T, c *Config, url string) *flowClient {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(c.Server.Data, AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/auth/v1/tokens", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", string(password))
	a := &flowClient{url: url}
	var token struct{ Token string }
	a.do(t, req, &token)
	a.token = token.Token
	return a
}

func (a *flowClient) do(t *testing.T, req *http.Request, into any) {
	t.Helper()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Auth-Token", a.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v %v", req.Method, req.URL.Path, resp.Status, into, err)
	}
}

type shownExecution struct {
	ID       string
	Status   string
	Result   json.RawMessage
	Children []string
	Context  struct {
		Orquesta map[string]any
	}
}

func (a *flowClient) call(t *testing.T, method, path, body string) (ex shownExecution) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+"/api/v1/executions"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a.do(t, req, &ex)
	return ex
}

// until waits for a state.
func (a *flowClient) until(t *testing.T, id, status string) shownExecution {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ex := a.call(t, http.MethodGet, "/"+id, "")
		if ex.Status == status {
			return ex
		}
		if time.Now().After(deadline) {
			t.Fatalf("execution %s is %s, not %s: %s", id, ex.Status, status, ex.Result)
		}
	}
}

func TestExampleWorkflows(t *testing.T) {
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	url, _ := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()
	a := newFlowClient(t, c, url)

	for _, tc := range []struct{ body, want string }{
		{`{"action":"examples.workflow_sequence","parameters":{"name":"Ann"}}`, `{"output":{"greeting":"Hello, Ann!","length":11}}`},
		{`{"action":"examples.workflow_items","parameters":{"names":["ann","bob"]}}`, `{"output":{"greetings":["Hello, ann!","Hello, bob!"]}}`},
	} {
		ex := a.until(t, a.call(t, http.MethodPost, "", tc.body).ID, "succeeded")
		if string(ex.Result) != tc.want {
			t.Errorf("%s gives %s, want %s", tc.body, ex.Result, tc.want)
		}
	}
	parallel := a.until(t, a.call(t, http.MethodPost, "", `{"action":"examples.workflow_parallel"}`).ID, "succeeded")
	if len(parallel.Children) != 3 {
		t.Fatalf("children %v", parallel.Children)
	}
	child := a.call(t, http.MethodGet, "/"+parallel.Children[2], "")
	if o := child.Context.Orquesta; o["workflow_execution_id"] != parallel.ID || o["task_name"] != "summary" || o["task_id"] != "summary" || o["task_route"] != 0.0 {
		t.Errorf("the child's place is %v", o)
	}
}

// A workflow is paused, goes on, is canceled, and its tasks run again.
func TestWorkflowIsControlledByTheAPI(t *testing.T) {
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	url, stop := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()
	a := newFlowClient(t, c, url)
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	request := fmt.Sprintf(`{"action":"examples.workflow_items","parameters":{"names":%s}}`, list)

	ex := a.until(t, a.call(t, http.MethodPost, "", request).ID, "running") // what has not begun cannot be paused
	if got := a.call(t, http.MethodPut, "/"+ex.ID, `{"status":"pausing"}`); got.Status != "pausing" && got.Status != "paused" {
		t.Errorf("it is %s", got.Status)
	}
	paused := a.until(t, ex.ID, "paused")
	if n := len(paused.Children); n == 0 || n == len(names) {
		t.Errorf("%d items ran before the pause", n)
	}

	// It stays paused over a restart.
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	a.url, _ = serve(t, c)
	if got := a.until(t, ex.ID, "paused"); len(got.Children) != len(paused.Children) {
		t.Errorf("%d items ran during the pause", len(got.Children)-len(paused.Children))
	}
	a.call(t, http.MethodPut, "/"+ex.ID, `{"status":"resuming"}`)
	if done := a.until(t, ex.ID, "succeeded"); len(done.Children) != len(names) || !strings.HasSuffix(string(done.Result), `"Hello, n99!"]}}`) {
		t.Errorf("%d items ran: %s", len(done.Children), done.Result)
	}

	ex = a.call(t, http.MethodPost, "", request)
	a.call(t, http.MethodDelete, "/"+ex.ID, "")
	if canceled := a.until(t, ex.ID, "canceled"); len(canceled.Children) == len(names) {
		t.Error("all items ran although it was canceled")
	}

	ex = a.until(t, a.call(t, http.MethodPost, "", `{"action":"examples.workflow_sequence","parameters":{"name":"Ann"}}`).ID, "succeeded")
	again := a.call(t, http.MethodPost, "/"+ex.ID+"/re_run", `{"tasks":["measure"]}`)
	if done := a.until(t, again.ID, "succeeded"); len(done.Children) != 2 || string(done.Result) != string(ex.Result) || again.ID == ex.ID {
		t.Errorf("run again from the second task: %d children, %s", len(done.Children), done.Result)
	}
}
