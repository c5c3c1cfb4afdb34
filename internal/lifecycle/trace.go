package lifecycle

import (
	"bytes"
	"context"
	"encoding/json"

	"go.opentelemetry.io/otel/propagation"
)

// The trace of a request is kept in the execution's context, in the form of
// the W3C headers, so that the run on another node, or after a restart,
// belongs to it.
var w3c propagation.TraceContext

const traceParent = "traceparent"

// traceContext returns what the execution's context keeps of ctx's trace; nil
// without one.
func traceContext(ctx context.Context) map[string]any {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	if len(carrier) == 0 {
		return nil
	}
	own := make(map[string]any, len(carrier))
	for k, v := range carrier {
		own[k] = v
	}
	return own
}

// WithTrace returns ctx as part of the trace that the context of an execution
// names.
func WithTrace(ctx context.Context, executionContext json.RawMessage) context.Context {
	if !bytes.Contains(executionContext, []byte(`"`+traceParent+`"`)) {
		return ctx
	}
	var doc struct {
		Parent string `json:"traceparent"`
		State  string `json:"tracestate"`
	}
	if json.Unmarshal(executionContext, &doc) != nil {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{traceParent: doc.Parent, "tracestate": doc.State})
}
