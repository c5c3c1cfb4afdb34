package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"squall/internal/squall"
)

// DefaultOutputLimit is how many bytes of each output stream a result keeps
// when nothing else is configured. The rest is dropped and CutMark says so.
const DefaultOutputLimit = 10 << 20

// CutMark is what stands at the end of a stream that was cut: total is the
// number of bytes printed, limit the number kept.
func CutMark(total, limit int64) string {
	return fmt.Sprintf("\n[output cut here: %d bytes were printed, the limit is %d]", total, limit)
}

// StatusOf says in which state a run ends that was stopped because ctx is done:
// timeout, canceled, or abandoned when the node itself gave up (its result is
// then not the action's own).
func StatusOf(ctx context.Context) squall.Status {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrTimeout), errors.Is(cause, context.DeadlineExceeded):
		return squall.Timeout
	case errors.Is(cause, ErrShutdown), errors.Is(cause, ErrLeaseLost):
		return squall.Abandoned
	default:
		return squall.Canceled
	}
}

// Failure is the outcome of a job that could not do its work because of what
// it was given: {"error": text}, the part of st2's {"error", "traceback"} that
// means something to the reader.
func Failure(format string, args ...any) squall.Outcome {
	return squall.Outcome{Status: squall.Failed, Result: ErrorResult(fmt.Sprintf(format, args...))}
}

// ErrorResult is the result {"error": text}.
func ErrorResult(text string) json.RawMessage {
	b, err := json.Marshal(struct {
		Error string `json:"error"`
	}{text})
	if err != nil {
		panic(fmt.Sprintf("runner: marshal a string: %v", err)) // cannot happen
	}
	return b
}

// Discard is an Output that keeps nothing.
var Discard Output = discard{}

type discard struct{}

func (discard) Stdout() io.Writer { return io.Discard }
func (discard) Stderr() io.Writer { return io.Discard }

// Complaint is an error in the words of the original, which start with a
// capital and end with a full stop where those do: users search for them.
type Complaint string

// Complain returns a Complaint.
func Complain(format string, args ...any) error { return Complaint(fmt.Sprintf(format, args...)) }

// Error returns the text.
func (c Complaint) Error() string { return string(c) }
