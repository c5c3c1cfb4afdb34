package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	c, err := New(Options{URL: srv.URL + "/", Token: "t", UserAgent: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c
}

// hangUp breaks the connection of a request without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:9101", "ftp://x", "http://", "::"} {
		if _, err := New(Options{URL: bad}); squall.KindOf(err) != squall.Invalid {
			t.Errorf("New(%q) = %v", bad, err)
		}
	}
}

// A lost connection repeats what only reads, and nothing else.
func TestRepeats(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < attempts {
			hangUp(w)
			return
		}
		if r.Header.Get("X-Auth-Token") != "t" || r.Header.Get("User-Agent") != "test/1" {
			t.Errorf("headers %v", r.Header)
		}
		_, _ = io.WriteString(w, `{"id":"x"}`)
	})
	if ex, err := c.Execution(t.Context(), "x"); err != nil || ex.ID != "x" || calls.Load() != attempts {
		t.Errorf("GET: %+v, %v after %d calls", ex, err, calls.Load())
	}
	calls.Store(0)
	_, err := c.Run(t.Context(), wire.ExecutionRequest{Action: "core.noop"})
	if squall.KindOf(err) != squall.Unavailable || calls.Load() != 1 {
		t.Errorf("POST: %v after %d calls", err, calls.Load())
	}
	calls.Store(0)
	if _, err := c.Cancel(t.Context(), "x"); squall.KindOf(err) != squall.Unavailable || calls.Load() != 1 {
		t.Errorf("DELETE: %v after %d calls", err, calls.Load())
	}
}

func TestNobodyThere(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	url := srv.URL
	srv.Close()
	c, err := New(Options{URL: url, Token: "secrettoken"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Whoami(t.Context())
	if squall.KindOf(err) != squall.Unavailable || !strings.HasPrefix(err.Error(), "cannot reach the server at "+url+": ") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Whoami(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a canceled context: %v", err)
	}
}

func TestKinds(t *testing.T) {
	for status, want := range map[int]squall.Kind{
		400: squall.Invalid, 401: squall.Unauthentic, 403: squall.Denied, 404: squall.NotFound, 409: squall.Conflict,
		413: squall.Invalid, 429: squall.Unavailable, 500: squall.Internal, 502: squall.Unavailable, 503: squall.Unavailable,
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"faultstring": "text %d"}`, status)
		})
		if _, err := c.Whoami(t.Context()); squall.KindOf(err) != want || err.Error() != fmt.Sprintf("text %d", status) {
			t.Errorf("%d: kind %v, %v", status, squall.KindOf(err), err)
		}
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	if _, err := c.Whoami(t.Context()); err == nil || err.Error() != "the server answered 502 Bad Gateway" {
		t.Errorf("without fault: %v", err)
	}
}

func TestReadEvents(t *testing.T) {
	const text = "\n\nevent: a\ndata: 1\n\n: comment\nid: 7\nevent: b\ndata: x\ndata: y\nretry: 5\n\ndata:only\r\n\r\nevent: cut off"
	var got []string
	alive := 0
	err := readEvents(strings.NewReader(text), func() { alive++ }, func(ev Event) error {
		got = append(got, fmt.Sprintf("%s|%s|%s", ev.ID, ev.Name, ev.Data))
		return nil
	})
	if diff := cmp.Diff([]string{"|a|1", "7|b|x\ny", "||only"}, got); diff != "" || err != nil || alive < 10 {
		t.Errorf("%v, alive %d (-want +got):\n%s", err, alive, diff)
	}
}

// A stream that breaks is opened again behind the last event; one that never
// brings anything is given up.
func TestFollow(t *testing.T) {
	var from []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		from = append(from, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		switch len(from) {
		case 1:
			_, _ = io.WriteString(w, "id: 1\nevent: st2.execution.output__create\ndata: {\"data\":\"a\"}\n\nid: 2\nevent: st2.execution.output__create\nda")
		case 2:
			hangUp(w)
		case 3:
			_, _ = io.WriteString(w, "id: 2\nevent: st2.execution.output__create\ndata: {\"data\":\"b\"}\n\nevent: something.new\ndata: {}\n\n")
		default:
			_, _ = io.WriteString(w, "event: EOF\ndata: ''\n\n")
		}
	})
	text := ""
	if err := c.FollowOutput(t.Context(), "x", 0, func(o wire.Output) error { text += o.Data; return nil }); err != nil || text != "ab" {
		t.Errorf("followed %q, %v", text, err)
	}
	if diff := cmp.Diff([]string{"", "1", "1", "2"}, from); diff != "" {
		t.Errorf("opened behind (-want +got):\n%s", diff)
	}
	own := errors.New("enough")
	from = nil
	if err := c.FollowOutput(t.Context(), "x", 0, func(wire.Output) error { return own }); !errors.Is(err, own) {
		t.Errorf("error of the caller's function became %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	silent := serve(t, func(w http.ResponseWriter, _ *http.Request) { hangUp(w) })
	if err := silent.FollowEvents(ctx, EventQuery{}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stream that always breaks, until the caller gives up: %v", err)
	}
}

// A token that the server forgot is fetched anew once.
func TestLogsInAgain(t *testing.T) {
	logins, valid := 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/v1/tokens" {
			if user, password, _ := r.BasicAuth(); user != "ann" || password != "pw" {
				t.Errorf("login as %s %s", user, password)
			}
			logins++
			valid = fmt.Sprint("token", logins)
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprintf(w, `{"token":%q}`, valid)
			return
		}
		if r.Header.Get("X-Auth-Token") != valid {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"username":"ann"}`)
	}))
	defer srv.Close()
	c, err := New(Options{URL: srv.URL, User: "ann", Password: "pw"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Whoami(t.Context()); err != nil || logins != 1 {
			t.Fatalf("%v after %d logins", err, logins)
		}
	}
	valid = "another"
	if _, err := c.Whoami(t.Context()); err != nil || logins != 2 {
		t.Errorf("%v after %d logins", err, logins)
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add("event: a\ndata: 1\n\n")
	f.Add("id:\r\n\r\n::\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		_ = readEvents(strings.NewReader(text), func() {}, func(ev Event) error {
			if strings.ContainsAny(ev.Name+ev.ID, "\n") {
				t.Errorf("line break in %+v", ev)
			}
			return nil
		})
	})
}
