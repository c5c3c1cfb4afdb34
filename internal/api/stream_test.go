package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/api/wire"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// sse is an event as a client reads it.
type sse struct {
	id, name, data string
}

func (e sse) status(t testing.TB) string {
	t.Helper()
	var doc struct{ Status string }
	if err := json.Unmarshal([]byte(e.data), &doc); err != nil {
		t.Fatalf("event %s: %v in %s", e.name, err, e.data)
	}
	return doc.Status
}

// reader reads a stream. Its connection ends with the test.
type reader struct {
	t     testing.TB
	lines *bufio.Reader
	close func() error
}

func (ts *testServer) open(t testing.TB, path string, headers ...string) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, "GET", ts.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", ts.admin)
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream; charset=UTF-8" {
		t.Fatalf("%s = %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	r := &reader{t, bufio.NewReader(resp.Body), resp.Body.Close}
	if line, err := r.lines.ReadString('\n'); line != "\n" || err != nil {
		t.Fatalf("a stream begins with %q, %v", line, err)
	}
	return r
}

// next returns the next event; ok is false at the end of the stream.
func (r *reader) next() (e sse, ok bool) {
	r.t.Helper()
	for {
		line, err := r.lines.ReadString('\n')
		if err == io.EOF && line == "" {
			return sse{}, false
		}
		if err != nil {
			r.t.Fatalf("read stream: %v", err)
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e != (sse{}):
			return e, true
		case line == "":
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = value
		default:
			r.t.Fatalf("line %q in a stream", line)
		}
	}
}

// until reads events up to the one for which last is true.
func (r *reader) until(last func(sse) bool) (all []sse) {
	r.t.Helper()
	for {
		e, ok := r.next()
		if !ok {
			r.t.Fatalf("the stream ended behind %d events", len(all))
		}
		if all = append(all, e); last(e) {
			return all
		}
	}
}

func finished(t testing.TB) func(sse) bool {
	return func(e sse) bool { return e.name == executionUpdate && squall.Status(e.status(t)).Final() }
}

func names(t testing.TB, events []sse) (list []string) {
	for _, e := range events {
		list = append(list, strings.TrimPrefix(e.name, "st2.")+" "+e.status(t))
	}
	return list
}

func TestStreamShowsALife(t *testing.T) {
	ts := newTestServer(t)
	r := ts.open(t, "/stream/v1/stream")
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo hi"}}`)
	events := r.until(finished(t))
	want := []string{
		"liveaction__create requested", "execution__create requested",
		"liveaction__update scheduled", "execution__update scheduled", "liveaction__update running", "execution__update running",
		"liveaction__update succeeded", "execution__update succeeded",
	}
	if diff := cmp.Diff(want, names(t, events)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(events[7].data), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["id"] != id || doc["result"].(map[string]any)["stdout"] != "hi" {
		t.Errorf("last event: %s", events[7].data)
	}
	if err := json.Unmarshal([]byte(events[5].data), &doc); err != nil || strings.Contains(events[5].data, "end_timestamp") {
		t.Errorf("a running execution is shown with its end: %s", events[5].data)
	}
	for i, e := range events {
		// One message of the outbox is two to six events; only its last one may
		// be gone on from. A run that had to wait is two messages from its start.
		if i == 1 {
			continue
		}
		if want := i == 5 || i == 7; (e.id != "") != want {
			t.Errorf("event %d has id %q", i, e.id)
		}
	}
}

func TestStreamFilters(t *testing.T) {
	ts := newTestServer(t)
	other := ts.run(t, `{"action":"core.noop"}`)
	ts.end(t, other)
	byName := ts.open(t, "/v1/stream?events=st2.execution__create,st2.execution__update&action_refs=core.local")
	byAction := ts.open(t, "/v1/stream?action_refs=core.local&events=st2.liveaction__*")
	output := ts.open(t, "/v1/stream?events=st2.execution.output__create")
	none := ts.open(t, "/v1/stream?execution_ids="+other+"&events=*__create&end_execution_id="+other)

	ts.end(t, ts.run(t, `{"action":"core.noop"}`))
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo hi"}}`)
	if diff := cmp.Diff([]string{"execution__create requested", "execution__update scheduled", "execution__update running", "execution__update succeeded"}, names(t, byName.until(finished(t)))); diff != "" {
		t.Errorf("by name and action (-want +got):\n%s", diff)
	}
	got := names(t, byAction.until(func(e sse) bool { return e.status(t) == "succeeded" }))
	if diff := cmp.Diff([]string{"liveaction__create requested", "liveaction__update scheduled", "liveaction__update running", "liveaction__update succeeded"}, got); diff != "" {
		t.Errorf("by action (-want +got):\n%s", diff)
	}
	e, _ := output.next()
	var out wire.Output
	if err := json.Unmarshal([]byte(e.data), &out); err != nil || out.Execution != id || out.Data != "hi\n" || out.Type != "stdout" || out.Action != "core.local" || out.Runner != "local-shell-cmd" || out.Seq != 1 {
		t.Errorf("output event %+v, %v", out, err)
	}
	if e, ok := none.next(); ok {
		t.Errorf("a stream of one finished execution shows %+v", e)
	}
}

// A client that loses its connection anywhere and goes on behind the last event
// it saw, sees every event once.
func TestStreamResumes(t *testing.T) {
	ts := newTestServer(t)
	r := ts.open(t, "/stream/v1/stream?events=st2.execution__*")
	const runs = 20
	for range runs {
		ts.end(t, ts.run(t, `{"action":"core.noop"}`))
	}
	count := 0
	all := r.until(func(e sse) bool {
		if finished(t)(e) {
			count++
		}
		return count == runs
	})
	for cut := 0; cut < len(all)-1; cut += 5 {
		from := cut
		for from >= 0 && all[from].id == "" {
			from--
		}
		if from < 0 {
			continue
		}
		again := ts.open(t, "/stream/v1/stream?events=st2.execution__*", "Last-Event-ID", all[from].id)
		var got []sse
		for range all[from+1:] {
			e, ok := again.next()
			if !ok {
				t.Fatal("the stream ended")
			}
			got = append(got, e)
		}
		if diff := cmp.Diff(all[from+1:], got, cmp.AllowUnexported(sse{})); diff != "" {
			t.Fatalf("behind event %d (-first +again):\n%s", from, diff)
		}
		_ = again.close()
	}
}

// Streams that come and go while much happens see everything behind the place
// they began at, in order: the hand-over from reading alone to the hub loses and
// doubles nothing.
func TestStreamJoinsUnderLoad(t *testing.T) {
	ts := newTestServer(t)
	start, err := ts.outboxEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keep := ts.open(t, "/v1/stream?events=st2.execution__create") // keeps the hub awake
	const runs = 300
	done := make(chan error, 1)
	go func() {
		for range runs {
			if _, err := ts.svc.Request(context.Background(), requestFor("core.noop", "admin")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var streams []*reader
	for range 8 {
		streams = append(streams, ts.open(t, "/v1/stream?events=st2.execution__create", "Last-Event-ID", orDefault(string(start), "0")))
		time.Sleep(5 * time.Millisecond)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var first []string
	for n, r := range append([]*reader{keep}, streams...) {
		var ids []string
		for range runs {
			e, ok := r.next()
			if !ok {
				t.Fatalf("stream %d ended", n)
			}
			var doc struct{ ID string }
			_ = json.Unmarshal([]byte(e.data), &doc)
			ids = append(ids, doc.ID)
		}
		if n == 0 {
			first = ids
			continue
		}
		if diff := cmp.Diff(first, ids); diff != "" {
			t.Fatalf("stream %d (-first +this):\n%s", n, diff)
		}
	}
}

func TestStreamEnds(t *testing.T) {
	ts := newTestServer(t)
	gate := make(chan struct{})
	ts.shell.run = func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
		<-gate
		return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage("{\n\"a\":\r\n1}")}, nil
	}
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"x"}}`)
	live := ts.open(t, "/v1/stream?events=st2.execution__update&end_execution_id="+id+"&end_event=st2.execution__update")
	close(gate)
	for n, r := range []*reader{live, nil} {
		if r == nil { // opened behind the end: what matters is told once more
			r = ts.open(t, "/v1/stream?events=st2.execution__update&end_execution_id="+id)
		}
		events := r.until(finished(t))
		if e := events[len(events)-1]; !strings.Contains(e.data, `"result":{"a":1}`) {
			t.Errorf("%d: a result with line breaks became %s", n, e.data)
		}
		if e, ok := r.next(); ok {
			t.Errorf("%d: behind the end comes %+v", n, e)
		}
	}
}

func TestAnnouncements(t *testing.T) {
	ts := newTestServer(t)
	r := ts.open(t, "/v1/stream?events=st2.announcement__*")
	err := ts.store.Update(t.Context(), func(tx store.Tx) error {
		tx.Wake(store.TopicOutbox)
		return tx.AppendOutbox(t.Context(), store.Message{Kind: store.Announcement, Body: []byte(`{"route":"chatops.x","payload":{"a":"<b>"}}`)})
	})
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := r.next(); e.name != "st2.announcement__chatops.x" || e.data != `{"payload":{"a":"\u003cb\u003e"}}` {
		t.Errorf("announcement %+v", e)
	}
}

func TestHeartbeat(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.Heartbeat = 10 * time.Millisecond })
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"sleep 60"}}`)
	for _, path := range []string{"/v1/stream?execution_ids=x", "/stream/v1/executions/" + id + "/output"} {
		r := ts.open(t, path)
		for range 3 {
			if line, err := r.lines.ReadString('\n'); line != "\n" || err != nil {
				t.Errorf("%s: %q, %v", path, line, err)
			}
		}
	}
}

// A stream whose client does not read is dropped; the others go on.
func TestSlowClientIsDropped(t *testing.T) {
	ts := newTestServer(t)
	cursor, err := ts.outboxEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := func(store.Message) bool { return true }
	slow, _, ok := ts.hub.join(cursor, all)
	if !ok {
		t.Fatal("the first stream was not let in")
	}
	fast := ts.open(t, "/v1/stream?events=st2.execution__create")
	const runs = streamBuffer + 50
	go func() {
		for range runs {
			_, _ = ts.svc.Request(context.Background(), requestFor("core.noop", "admin"))
		}
	}()
	for n := range runs {
		if e, ok := fast.next(); !ok {
			t.Fatalf("the fast stream ended at %d: %+v", n, e)
		}
	}
	select {
	case <-slow.lagged:
	case <-time.After(10 * time.Second):
		t.Fatal("the slow stream was not dropped")
	}
	if len(slow.entries) != streamBuffer {
		t.Errorf("the slow stream holds %d entries", len(slow.entries))
	}
	// What its client sees at the end.
	rec := &recorder{header: http.Header{}}
	out := newEventWriter(rec, time.Hour)
	defer out.stop()
	st := &stream{entries: make(chan *entry), lagged: slow.lagged}
	if err := ts.live(t.Context(), out, &eventFilter{}, st); !errors.Is(err, errStreamEnd) {
		t.Errorf("live = %v", err)
	}
	if want := "event: squall.stream.lagged\ndata: {\"faultstring\":\"This client reads too slowly and was disconnected. Connect again with Last-Event-ID to go on behind the last event.\"}\n\n"; rec.String() != want {
		t.Errorf("the last event is %q", rec.String())
	}
}

// recorder takes what is written to a client.
type recorder struct {
	strings.Builder
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}

func (h *hub) streamCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

func TestServerStopEndsStreams(t *testing.T) {
	ts := newTestServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := New(ts.Deps)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	rec := &recorder{header: http.Header{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req, _ := http.NewRequest("GET", "/v1/stream", nil)
		req.Header.Set("X-Auth-Token", ts.admin)
		s.ServeHTTP(rec, req)
	}()
	for s.hub.streamCount() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(rec.String(), "event: squall.stream.closed\n") {
		t.Errorf("the stream ended with %q", rec.String())
	}
}

func TestOutput(t *testing.T) {
	ts := newTestServer(t)
	step := make(chan string)
	ts.shell.run = func(_ context.Context, _ *runner.Job, out runner.Output) (squall.Outcome, error) {
		for line := range step {
			_, _ = io.WriteString(out.Stdout(), line)
		}
		_, _ = io.WriteString(out.Stderr(), "oops\n")
		return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}, nil
	}
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"x"}}`)
	r := ts.open(t, "/stream/v1/executions/"+id+"/output")
	for n := range 3 {
		step <- fmt.Sprintf("line %d\n", n)
		e, _ := r.next() // before the next line is printed: it is live
		if e.id != fmt.Sprint(n+1) || e.name != outputCreate || !strings.Contains(e.data, fmt.Sprintf(`"data":"line %d\n"`, n)) {
			t.Fatalf("event %d is %+v", n, e)
		}
	}
	if a := ts.do(t, ts.user, "GET", "/v1/executions/"+id+"/output?follow=false", ""); a.body != "line 0\nline 1\nline 2\n" {
		t.Errorf("output so far %q", a.body)
	}
	close(step)
	var rest []string
	for e, ok := r.next(); ok; e, ok = r.next() {
		rest = append(rest, e.id+" "+e.name+" "+e.data[:2])
	}
	if diff := cmp.Diff([]string{"4 " + outputCreate + ` {"`, " EOF ''"}, rest); diff != "" {
		t.Errorf("end of output (-want +got):\n%s", diff)
	}
	for _, tt := range []struct{ path, want string }{
		{"/v1/executions/" + id + "/output", "line 0\nline 1\nline 2\noops\n"},
		{"/v1/executions/last/output?output_format=raw", "line 0\nline 1\nline 2\noops\n"},
		{"/v1/executions/" + id + "/output?output_type=stderr", "oops\n"},
		{"/v1/executions/" + id + "/output?after=2&output_type=all", "line 2\noops\n"},
	} {
		a := ts.do(t, ts.user, "GET", tt.path, "")
		if a.body != tt.want || a.header.Get("Content-Type") != "text/plain; charset=UTF-8" {
			t.Errorf("%s = %q %s", tt.path, a.body, a.header.Get("Content-Type"))
		}
	}
	again := ts.open(t, "/stream/v1/executions/"+id+"/output", "Last-Event-ID", "3")
	if e, _ := again.next(); e.id != "4" || !strings.Contains(e.data, "oops") {
		t.Errorf("behind 3 comes %+v", e)
	}
	if a := ts.do(t, ts.user, "GET", "/v1/executions/"+ts.run(t, `{"action":"core.noop"}`)+"/output", ""); a.status != 200 || a.body != "" {
		t.Errorf("output of who prints nothing: %d %q", a.status, a.body)
	}
}

// On the direct path two services share a route: the Accept header decides.
func TestOutputOfBothServices(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo hi"}}`)
	ts.end(t, id)
	if a := ts.do(t, ts.user, "GET", "/v1/executions/"+id+"/output", "", "Accept", "*/*"); a.body != "hi\n" {
		t.Errorf("plain: %q", a.body)
	}
	r := ts.open(t, "/v1/executions/"+id+"/output")
	if e, _ := r.next(); e.name != outputCreate {
		t.Errorf("events: %+v", e)
	}
}

// An answer that breaks off after it began must not look whole.
func TestBrokenAnswerIsAborted(t *testing.T) {
	ts := newTestServer(t)
	w := &response{ResponseWriter: &recorder{header: http.Header{}}}
	_, _ = w.Write([]byte(`[{"id"`))
	r := &request{Request: httptest.NewRequest("GET", "/", nil)}
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
	}()
	ts.fail(w, r, iotest.ErrTimeout)
	t.Error("went on")
}
