package runner

import (
	"context"
	"errors"
	"testing"
	"time"

	"squall/internal/squall"
)

func TestStatusOf(t *testing.T) {
	for cause, want := range map[error]squall.Status{
		ErrTimeout:             squall.Timeout,
		ErrCanceled:            squall.Canceled,
		ErrShutdown:            squall.Abandoned,
		ErrLeaseLost:           squall.Abandoned,
		errors.New("whatever"): squall.Canceled,
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if got := StatusOf(ctx); got != want {
			t.Errorf("%v: %s, want %s", cause, got, want)
		}
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if got := StatusOf(ctx); got != squall.Timeout {
		t.Errorf("deadline: %s, want timeout", got)
	}
}

func TestFailureKeepsTheText(t *testing.T) {
	got := Failure("no such file: %q", "a<b")
	if want := `{"error":"no such file: \"a\u003cb\""}`; string(got.Result) != want || got.Status != squall.Failed {
		t.Errorf("got %s %s, want failed %s", got.Status, got.Result, want)
	}
}
