package scheduler

import (
	"context"
	"log/slog"

	"squall/internal/squall"
)

// runLog returns a logger whose lines name the execution. Nearly no run logs
// anything, so the attributes are formatted with a line, not with every run as
// slog's With does.
func runLog(log *slog.Logger, ex *squall.Execution) *slog.Logger {
	return slog.New(&runHandler{Handler: log.Handler(), ex: ex})
}

type runHandler struct {
	slog.Handler
	ex *squall.Execution
}

// Handle adds the execution to the line.
func (h *runHandler) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(slog.String("execution_id", string(h.ex.ID)), slog.String("action", h.ex.Action.String()))
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *runHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &runHandler{Handler: h.Handler.WithAttrs(attrs), ex: h.ex}
}

// WithGroup implements slog.Handler.
func (h *runHandler) WithGroup(name string) slog.Handler {
	return &runHandler{Handler: h.Handler.WithGroup(name), ex: h.ex}
}
