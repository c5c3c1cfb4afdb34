package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/store"
)

// discard is a client that takes everything.
type discard struct {
	header http.Header
	n      atomic.Int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Flush()              {}
func (d *discard) Write(b []byte) (int, error) {
	d.n.Add(int64(len(b)))
	return len(b), nil
}

func BenchmarkTokenCheck(b *testing.B) {
	ts := newTestServer(b)
	r := &request{Request: httptest.NewRequest("GET", "/v1/user", nil)}
	r.Header.Set("X-Auth-Token", ts.user)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ts.authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequest is POST /executions of a no-op through the handler, without
// the network: "handler" with all of it, "lifecycle" the same call without the
// API around it. Their difference is what the API costs.
func BenchmarkRequest(b *testing.B) {
	ts := newTestServer(b)
	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			req := httptest.NewRequest("POST", "/api/v1/executions", strings.NewReader(`{"action":"core.noop"}`))
			req.Header.Set("X-Auth-Token", ts.user)
			w := &discard{header: http.Header{}}
			ts.ServeHTTP(w, req)
			if w.n.Load() == 0 {
				b.Fatal("no answer")
			}
		}
	})
	b.Run("lifecycle", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ts.svc.Request(b.Context(), requestFor("core.noop", "ann")); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkList50(b *testing.B) {
	ts := newTestServer(b)
	for range 2000 {
		if _, err := ts.svc.Request(b.Context(), requestFor("core.noop", "ann")); err != nil {
			b.Fatal(err)
		}
	}
	for _, query := range []string{"limit=50", "limit=50&include_attributes=id,status,action.ref,context.user,start_timestamp,end_timestamp"} {
		b.Run(fmt.Sprint(strings.Count(query, ",")+1, " members"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest("GET", "/api/v1/executions?"+query, nil)
				req.Header.Set("X-Auth-Token", ts.user)
				w := &discard{header: http.Header{}}
				ts.ServeHTTP(w, req)
			}
		})
	}
}

// BenchmarkFanOut sends events to a thousand streams in this process. An
// operation is one message of the outbox at all of them.
func BenchmarkFanOut(b *testing.B) {
	ts := newTestServer(b)
	const clients = 1000
	ctx, cancel := context.WithCancel(context.Background())
	cursor, err := ts.outboxEnd(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	sinks := make([]*discard, clients)
	for i := range sinks {
		sinks[i] = &discard{header: http.Header{}}
		wg.Go(func() {
			f := &eventFilter{names: []string{"st2.execution__*"}}
			if err := f.compile(); err != nil {
				b.Error(err)
			}
			out := newEventWriter(sinks[i], time.Hour)
			defer out.stop()
			_ = ts.pump(ctx, out, f, cursor, false)
		})
	}
	for ts.hub.streamCount() < clients {
		time.Sleep(time.Millisecond)
	}
	ex, err := ts.svc.Request(ctx, requestFor("core.noop", "ann"))
	if err != nil {
		b.Fatal(err)
	}
	received := func() (n int64) {
		for _, s := range sinks {
			n += s.n.Load()
		}
		return n
	}
	settle := func() {
		for last := int64(-1); last != received(); time.Sleep(20 * time.Millisecond) {
			last = received()
		}
	}
	settle()
	start := received()
	b.ResetTimer()
	for n := 0; b.Loop(); n++ {
		// One message, encoded once, to every stream; that no stream falls so far
		// behind that it is dropped is looked at now and then.
		e := &entry{Message: store.Message{Cursor: "1", Kind: store.ExecutionUpdated, Execution: ex.ID, Status: "succeeded"}}
		ts.encodeEntries(ctx, []*entry{e})
		for n%(streamBuffer/4) == 0 && ts.hub.fullest() > streamBuffer/2 {
			time.Sleep(time.Millisecond)
		}
		ts.hub.mu.Lock()
		ts.hub.pass(e)
		ts.hub.mu.Unlock()
	}
	for ts.hub.fullest() > 0 {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	if left := ts.hub.streamCount(); left != clients {
		b.Fatalf("%d streams are left", left)
	}
	b.ReportMetric(float64(b.N)*clients/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64(received()-start)/float64(b.N)/clients, "B/delivery")
	cancel()
	wg.Wait()
}

// fullest returns how many entries wait in the fullest stream.
func (h *hub) fullest() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for st := range h.streams {
		n = max(n, len(st.entries))
	}
	return n
}

func BenchmarkLogin(b *testing.B) {
	hash := passwordHash()
	for b.Loop() {
		if !auth.CheckPassword(hash, password) {
			b.Fatal("wrong password")
		}
	}
}
