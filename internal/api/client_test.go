package api

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/runner"
	"squall/internal/squall"
)

func newClient(t testing.TB, opts client.Options) *client.Client {
	t.Helper()
	c, err := client.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestClient(t *testing.T) {
	ts := newTestServer(t)
	ctx := t.Context()
	c := newClient(t, client.Options{URL: ts.url, User: "ann", Password: password})
	if err := c.Ready(ctx); err != nil {
		t.Error(err)
	}
	u, err := c.Whoami(ctx)
	if err != nil || u.Name != "ann" || u.RBAC.Admin {
		t.Fatalf("Whoami = %+v, %v", u, err)
	}
	ex, err := c.Run(ctx, wire.ExecutionRequest{Action: "core.local", Parameters: json.RawMessage(`{"cmd":"both"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if ex.ActionRef() != "core.local" || ex.User() != "ann" || ex.Status != squall.Requested {
		t.Errorf("Run = %+v", ex)
	}
	var text strings.Builder
	if err := c.FollowOutput(ctx, ex.ID, 0, func(o wire.Output) error { text.WriteString(o.Data); return nil }); err != nil || text.String() != "out\nerr\n" {
		t.Errorf("output %q, %v", text.String(), err)
	}
	done, err := c.Execution(ctx, "last")
	if err != nil || done.ID != ex.ID || done.Status != squall.Succeeded || done.Elapsed <= 0 || done.EndTimestamp == nil || len(done.Log) != 4 {
		t.Errorf("Execution = %+v, %v", done, err)
	}
	body, err := c.Result(ctx, ex.ID)
	if err != nil {
		t.Fatal(err)
	}
	result, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil || string(result) != string(done.Result) {
		t.Errorf("Result = %s, %v; inside the execution %s", result, err, done.Result)
	}
	again, err := c.Rerun(ctx, ex.ID, wire.ReRunRequest{Parameters: json.RawMessage(`{"cmd":"sleep 60"}`)})
	if err != nil {
		t.Fatal(err)
	}
	// The runner may have ended it before the answer is read.
	if got, err := c.Cancel(ctx, again.ID); err != nil || got.Status != squall.Canceling && got.Status != squall.Canceled {
		t.Errorf("Cancel = %+v, %v", got, err)
	}
	if _, err := c.Cancel(ctx, ex.ID); squall.KindOf(err) != squall.Conflict || err.Error() != "Action cannot be canceled. State = succeeded." {
		t.Errorf("Cancel of what has ended = %v", err)
	}
	actions, err := c.Actions(ctx, client.ActionQuery{Pack: "core"})
	if err != nil || len(actions) != 3 || actions[1].Ref != "core.local" || actions[1].Parameters["cmd"] == nil {
		t.Errorf("Actions = %+v, %v", actions, err)
	}
	if a, err := c.Action(ctx, "core.noop"); err != nil || a.Runner != "noop" || !a.Enabled {
		t.Errorf("Action = %+v, %v", a, err)
	}
	if rt, err := c.RunnerType(ctx, "local-shell-cmd"); err != nil || rt.Parameters["timeout"] == nil {
		t.Errorf("RunnerType = %+v, %v", rt, err)
	}
	if p, err := c.Packs(ctx); err != nil || len(p) != 2 || p[0].Ref != "core" {
		t.Errorf("Packs = %+v, %v", p, err)
	}
	if err := c.Logout(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Whoami(ctx); err != nil { // fetches a new token by itself
		t.Errorf("after the token was ended: %v", err)
	}
}

func TestClientPages(t *testing.T) {
	ts := newTestServer(t)
	c := newClient(t, client.Options{URL: ts.url, Token: ts.user})
	const n = 230
	for range n {
		if _, err := ts.svc.Request(t.Context(), requestFor("core.noop", "ann")); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ limit, want int }{{0, n}, {100, 100}, {150, 150}, {n, n}, {n + 1, n}, {1, 1}} {
		list, err := c.Executions(t.Context(), client.ExecutionQuery{Limit: tt.limit})
		if err != nil || len(list) != tt.want {
			t.Errorf("limit %d: %d executions, %v", tt.limit, len(list), err)
		}
		for i := 1; i < len(list); i++ {
			if list[i].ID >= list[i-1].ID {
				t.Fatalf("limit %d: order broken at %d", tt.limit, i)
			}
		}
	}
	for range c.All(t.Context(), client.ExecutionQuery{}) {
		break // must not fetch or call again
	}
}

func TestClientErrors(t *testing.T) {
	ts := newTestServer(t)
	c := newClient(t, client.Options{URL: ts.url, Token: ts.user})
	anonymous := newClient(t, client.Options{URL: ts.url})
	wrong := newClient(t, client.Options{URL: ts.url, User: "ann", Password: "wrong"})
	for _, tt := range []struct {
		name string
		call func(context.Context) error
		kind squall.Kind
		text string
	}{
		{"not found", func(ctx context.Context) error { _, err := c.Execution(ctx, "5f5f5f5f5f5f5f5f5f5f5f5f"); return err }, squall.NotFound, `Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`},
		{"invalid", func(ctx context.Context) error {
			_, err := c.Run(ctx, wire.ExecutionRequest{Action: "core.local"})
			return err
		}, squall.Invalid, "'cmd' is a required property"},
		{"denied", func(ctx context.Context) error {
			_, err := c.Run(ctx, wire.ExecutionRequest{Action: "core.noop", User: "bob"})
			return err
		}, squall.Denied, `User "ann" doesn't have required permission "user_impersonate"`},
		{"no token", func(ctx context.Context) error { _, err := anonymous.Whoami(ctx); return err }, squall.Unauthentic, "Unauthorized - One of Token or API key required."},
		{"wrong password", func(ctx context.Context) error { _, err := wrong.Whoami(ctx); return err }, squall.Unauthentic, "Invalid or missing credentials"},
		{"no execution to follow", func(ctx context.Context) error { return c.FollowOutput(ctx, "abc", 0, nil) }, squall.NotFound, `Unable to identify resource with id "abc".`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call(t.Context()); squall.KindOf(err) != tt.kind || err.Error() != tt.text {
				t.Errorf("error of kind %v: %v", squall.KindOf(err), err)
			}
		})
	}
}

// flaky passes connections on to a server and can cut them all.
type flaky struct {
	*httptest.Server
	mu    sync.Mutex
	conns map[net.Conn]bool
	cuts  int
}

func newFlaky(t *testing.T, h http.Handler) *flaky {
	f := &flaky{conns: map[net.Conn]bool{}}
	f.Server = httptest.NewUnstartedServer(h)
	f.Config.ConnState = func(c net.Conn, s http.ConnState) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if s == http.StateActive {
			f.conns[c] = true
		} else if s == http.StateClosed {
			delete(f.conns, c)
		}
	}
	f.Start()
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

func (f *flaky) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close()
	}
	f.cuts++
}

// Output and events that are followed over a connection that breaks again and
// again arrive whole and once.
func TestClientGoesOnBehindABreak(t *testing.T) {
	ts := newTestServer(t)
	f := newFlaky(t, ts.Server)
	c := newClient(t, client.Options{URL: f.URL, Token: ts.admin})
	line := make(chan string)
	ts.shell.run = func(_ context.Context, _ *runner.Job, out runner.Output) (squall.Outcome, error) {
		for l := range line {
			_, _ = io.WriteString(out.Stdout(), l)
		}
		return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}, nil
	}
	start, err := ts.outboxEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"x"}}`)

	events := make(chan []string, 1)
	go func() {
		var seen []string
		err := c.FollowEvents(t.Context(), client.EventQuery{Names: []string{"st2.execution__*"}, EndExecution: id, After: orDefault(string(start), "0")}, func(ev client.Event) error {
			seen = append(seen, ev.Name)
			f.cut()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		events <- seen
	}()
	var got strings.Builder
	words := []string{"one\n", "two\n", "three\n", "four\n"}
	line <- words[0]
	n := 0
	err = c.FollowOutput(t.Context(), id, 0, func(o wire.Output) error {
		got.WriteString(o.Data)
		f.cut()
		if n++; n < len(words) {
			line <- words[n]
		} else {
			close(line)
		}
		return nil
	})
	if err != nil || got.String() != strings.Join(words, "") {
		t.Errorf("output %q, %v", got.String(), err)
	}
	if diff := cmp.Diff([]string{executionCreate, executionUpdate, executionUpdate, executionUpdate}, <-events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if f.cuts < 5 {
		t.Errorf("the connection was cut %d times only", f.cuts)
	}
}
