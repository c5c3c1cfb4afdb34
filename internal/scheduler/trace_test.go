package scheduler

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// The span of the run belongs to the trace of the request, also when another
// node, which has never seen the request, runs it.
func TestTraceGoesOnInTheRun(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		spans := tracetest.NewSpanRecorder()
		provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
		defer provider.Shutdown(t.Context()) //nolint:errcheck // nothing is sent
		b.svc = lifecycle.New(b.st, types, lifecycle.Options{Tracer: provider.Tracer("request")})
		ex := b.request("func", "traced")
		cfg := fast("n1")
		cfg.Tracer = provider.Tracer("run")
		s := b.startOn(lifecycle.New(b.st, types, lifecycle.Options{}), b.st, cfg)
		b.await(ex.ID, squall.Succeeded)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		ended := spans.Ended()
		if len(ended) != 2 {
			t.Fatalf("%d spans, want 2", len(ended))
		}
		request, run := ended[0], ended[1]
		if request.Name() != "request t.func" || run.Name() != "run t.func" ||
			run.SpanContext().TraceID() != request.SpanContext().TraceID() || run.Parent().SpanID() != request.SpanContext().SpanID() {
			t.Errorf("the run %s of %v is no child of the request %s", run.Name(), run.Parent(), request.Name())
		}
	})
}

func TestLogsHoldNoSecrets(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		err := b.st.Update(t.Context(), func(tx store.Tx) error {
			return tx.PutAction(t.Context(), &squall.Action{
				Ref: squall.Ref{Pack: "t", Name: "secret"}, Runner: "func", Enabled: true,
				Parameters: squall.Schema{{Name: "password", Type: json.RawMessage(`"string"`), Secret: true}},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		log := &testLog{t: t}
		handler := slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})
		b.svc = lifecycle.New(b.st, types, lifecycle.Options{Log: slog.New(handler)})
		cfg := fast("n1")
		cfg.Log = slog.New(handler)
		b.funcs.set("wait", untilCanceled)
		s := b.start(cfg)
		for _, name := range []string{"fine", "wait"} {
			ex := b.request("secret", "", func(r *squall.Request) {
				r.Parameters = json.RawMessage(`{"name":"` + name + `","password":"hush-hush"}`)
			})
			b.await(ex.ID, squall.Succeeded, squall.Running)
		}
		_, err = b.svc.Request(t.Context(), squall.Request{
			Action: squall.Ref{Pack: "t", Name: "secret"}, Parameters: json.RawMessage(`{"password":"hush-hush","bogus":1}`),
		})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v", err)
		}
		b.start(fast("n1")) // the first node loses its lease, and has something to say about it
		for s.Active() > 0 {
			time.Sleep(time.Millisecond)
		}
		if text := log.String(); strings.Contains(text, "hush") || text == "" {
			t.Errorf("the log: %s", text)
		}
	})
}
