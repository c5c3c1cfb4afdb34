package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/auth"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/lifecycle"
	"squall/internal/reactor"
	"squall/internal/runner"
	"squall/internal/runner/noop"
	"squall/internal/runner/types"
	"squall/internal/scheduler"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a whole server: real database, life cycle and scheduler, with the
// runners noop, local-shell-cmd (acting as a script of the test) and a listener.
type testServer struct {
	*Server
	url   string
	dir   string // of the database
	store *sqlite.Store
	svc   *lifecycle.Service
	shell *scripted

	admin, user string // tokens
}

// password is the one of the users admin and ann.
const password = "correct horse"

var passwordHash = sync.OnceValue(func() string {
	h, err := auth.HashPassword(password)
	if err != nil {
		panic(err)
	}
	return h
})

// scripted stands in for local-shell-cmd: what the command means is up to the test.
type scripted struct {
	run func(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error)
}

func (s *scripted) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	return s.run(ctx, job, out)
}

// shell is what scripted does if the test does not say otherwise: a few words of
// command language.
func shell(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	cmd, _ := job.RunnerParams["cmd"].(string)
	ok := func(stdout string) squall.Outcome {
		doc, _ := json.Marshal(map[string]any{"failed": false, "succeeded": true, "return_code": 0, "stdout": stdout, "stderr": ""})
		return squall.Outcome{Status: squall.Succeeded, Result: doc}
	}
	word, rest, _ := strings.Cut(cmd, " ")
	switch word {
	case "echo":
		_, _ = io.WriteString(out.Stdout(), rest+"\n")
		return ok(rest), nil
	case "both":
		_, _ = io.WriteString(out.Stdout(), "out\n")
		time.Sleep(20 * time.Millisecond)
		_, _ = io.WriteString(out.Stderr(), "err\n")
		return ok("out"), nil
	case "exit":
		return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`{"failed":true,"succeeded":false,"return_code":3,"stdout":"","stderr":""}`)}, nil
	case "sleep":
		<-ctx.Done()
		return squall.Outcome{Status: squall.Failed, Result: json.RawMessage(`{"failed":true,"succeeded":false,"return_code":-9,"stdout":"","stderr":""}`)}, nil
	}
	return ok(""), nil
}

type serverOption func(*Deps)

func newTestServer(t testing.TB, opts ...serverOption) *testServer {
	t.Helper()
	dir := t.TempDir()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ts := &testServer{dir: dir, store: st, shell: &scripted{shell}}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	ts.fill(t)

	catalog := types.Builtin()
	ids := squall.NewIDSource()
	deps := Deps{Store: st, Runners: catalog, IDs: ids, Version: "1.2.3", Keyring: auth.NewKeyring(time.Now()), Log: slog.New(slog.DiscardHandler)}
	for _, o := range opts {
		o(&deps)
	}
	ts.svc = lifecycle.New(st, catalog, lifecycle.Options{IDs: ids, Keyring: deps.Keyring, Log: deps.Log})
	deps.Lifecycle = ts.svc
	deps.Events = reactor.New(reactor.Config{Store: st, Lifecycle: ts.svc, Exprs: expr.NewSet(expr.Limits{}, jinja.New()), IDs: ids, Node: "node1"})
	sched, err := scheduler.New(ts.svc, st, runner.Set{"noop": noop.Runner{}, "local-shell-cmd": ts.shell}, scheduler.Config{
		Node: store.Node{Name: "node1", Host: "host1", PID: 42}, Slots: 8, OutputEvery: 5 * time.Millisecond, SoftStop: time.Millisecond, Log: deps.Log,
		FetchSecret: func(_ context.Context, ref squall.SecretRef) (string, error) {
			if ref.Path == "missing" {
				return "", squall.Errorf(squall.NotFound, "Vault has no %s", ref)
			}
			return "fetched from " + ref.Path + "\n", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ts.svc.SetLocal(sched)
	deps.Events = reactor.New(reactor.Config{Store: st, Lifecycle: ts.svc, Exprs: expr.NewSet(expr.Limits{}, jinja.New()), IDs: ids, Node: "node1", Log: deps.Log})
	ts.Server = New(deps)

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := sched.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() { _ = ts.Run(ctx) })
	srv := httptest.NewServer(ts.Server)
	ts.url = srv.URL
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		srv.CloseClientConnections()
		srv.Close()
	})
	ts.admin, ts.user = ts.token(t, "admin", time.Hour), ts.token(t, "ann", time.Hour)
	return ts
}

// fill registers users, a pack and actions.
func (ts *testServer) fill(t testing.TB) {
	t.Helper()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	ref := func(s string) squall.Ref { r, _ := squall.ParseRef(s); return r }
	actions := []*squall.Action{
		{Ref: ref("core.noop"), Description: "Action that does nothing", Runner: "noop", Enabled: true, MetadataFile: "actions/noop.yaml"},
		{
			Ref: ref("core.local"), Description: "Action that executes an arbitrary Linux command on the localhost.", Runner: "local-shell-cmd", Enabled: true, MetadataFile: "actions/local.yaml",
			Parameters: squall.Schema{
				{Name: "cmd", Description: "Arbitrary Linux command to be executed on the local host.", Required: true, Type: raw(`"string"`)},
				{Name: "sudo", Immutable: true},
			},
		},
		{
			Ref: ref("core.echo"), Description: "Action that executes the Linux echo command on the localhost.", Runner: "local-shell-cmd", Enabled: true,
			Parameters: squall.Schema{
				{Name: "message", Required: true, Type: raw(`"string"`)},
				{Name: "cmd", Immutable: true, Default: raw(`"echo {{message}}"`)},
			},
		},
		{
			Ref: ref("default.gold1"), Description: "d2", Runner: "local-shell-cmd", Enabled: true, Tags: []squall.Tag{{Name: "k", Value: "v"}},
			Parameters: squall.Schema{
				{Name: "cmd", Immutable: true, Default: raw(`"echo x"`)},
				{Name: "x", Type: raw(`"string"`), Required: true, Position: new(int)},
				{Name: "s", Type: raw(`"string"`), Secret: true, Default: raw(`"pw"`)},
			},
		},
		{Ref: ref("default.off"), Runner: "noop"},
	}
	ctx := t.Context()
	err := ts.store.Update(ctx, func(tx store.Tx) error {
		for _, u := range []squall.User{{Name: "admin", Admin: true}, {Name: "ann"}, {Name: "gone"}} {
			u.PasswordHash, u.CreatedAt = passwordHash(), tx.Now()
			if err := tx.PutUser(ctx, &u); err != nil {
				return err
			}
		}
		for _, p := range []squall.Pack{
			{Ref: "core", Name: "core", Description: "Basic core actions.", Version: "1.0.1", Author: "x", Email: "x@example.com"},
			{Ref: "default", Name: "default", Version: "1.0.0"},
		} {
			if err := tx.PutPack(ctx, &p); err != nil {
				return err
			}
		}
		for _, a := range actions {
			if err := tx.PutAction(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// token stores a token of user that is valid for ttl, which may be negative.
func (ts *testServer) token(t testing.TB, user string, ttl time.Duration) string {
	t.Helper()
	now := time.Now()
	secret, tok := auth.NewToken(ts.IDs.Next(now), user, now, ttl)
	if err := ts.store.Update(t.Context(), func(tx store.Tx) error { return tx.PutToken(t.Context(), tok) }); err != nil {
		t.Fatal(err)
	}
	return secret
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// object decodes the body.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("answer %d is no object: %v\n%s", a.status, err, a.body)
	}
	return m
}

func (a answer) list(t testing.TB) []map[string]any {
	t.Helper()
	var m []map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("answer %d is no list: %v\n%s", a.status, err, a.body)
	}
	return m
}

// do makes a request as the holder of token. headers are pairs of name and value.
func (ts *testServer) do(t testing.TB, token, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, ts.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, b.String()}
}

// run asks for a run and returns its id.
func (ts *testServer) run(t testing.TB, body string) string {
	t.Helper()
	a := ts.do(t, ts.admin, "POST", "/api/v1/executions", body)
	if a.status != http.StatusCreated {
		t.Fatalf("POST %s = %d %s", body, a.status, a.body)
	}
	return a.object(t)["id"].(string)
}

// end waits until an execution has ended and returns its document.
func (ts *testServer) end(t testing.TB, id string) map[string]any {
	t.Helper()
	a := ts.do(t, ts.admin, "GET", "/api/v1/executions/"+id+"/output?follow=true", "")
	if a.status != http.StatusOK {
		t.Fatalf("output of %s: %d %s", id, a.status, a.body)
	}
	return ts.do(t, ts.admin, "GET", "/api/v1/executions/"+id, "").object(t)
}

// wantFault checks an answer that is no success.
func wantFault(t testing.TB, a answer, status int, text string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
		return
	}
	if got := a.object(t)["faultstring"]; got != text {
		t.Errorf("faultstring\n got %q\nwant %q", got, text)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func requestFor(ref, user string) squall.Request {
	r, err := squall.ParseRef(ref)
	if err != nil {
		panic(err)
	}
	return squall.Request{Action: r, User: user}
}
