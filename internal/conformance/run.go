package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// Outcome is the verdict over one case.
type Outcome struct {
	Case *Case
	// Why tells what is wrong; "" when the case passes.
	Why string
	// Expected is the reason from the list of expected failures, if listed.
	Expected string
}

// Failed reports whether the outcome counts as a failure: a difference that
// is not expected, or an expected one that is gone.
func (o Outcome) Failed() bool { return (o.Why != "") != (o.Expected != "") }

// ExpectedFailure reports an accepted difference.
func (o Outcome) ExpectedFailure() bool { return o.Why != "" && o.Expected != "" }

// disagreement is an error of a runner that compares by itself: it tells what
// differs.
type disagreement string

func (d disagreement) Error() string { return string(d) }

type result struct {
	v   any
	err error
}

// run evaluates one case. A case that neither ends nor honours its context is
// left behind after the time limit and fails.
func run(ctx context.Context, s Suite, c *Case, limit time.Duration) string {
	f := s.Modes[c.Mode]
	if f == nil {
		return "no runner for mode " + c.Mode
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		v, err := f(ctx, c)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return judge(c, r)
	case <-time.After(limit + time.Second):
		return fmt.Sprintf("did not end within %s", limit)
	}
}

// judge compares what happened with what was recorded.
func judge(c *Case, r result) string {
	want := c.Expect
	if want.Error == "" {
		if _, ok := errors.AsType[disagreement](r.err); ok {
			return r.err.Error()
		}
		if r.err != nil {
			class, msg := describe(r.err)
			return fmt.Sprintf("want %s, got error %s: %s", show(want.Value), class, msg)
		}
		return difference(want.Value, r.v, "")
	}
	if r.err == nil {
		return fmt.Sprintf("want error %s: %s, got %s", want.Error, want.Message, show(r.v))
	}
	class, msg := describe(r.err)
	if class != want.Error {
		return fmt.Sprintf("want error %s: %s, got %s: %s", want.Error, want.Message, class, msg)
	}
	// The recording used a stand-in for orjson, so its wording means nothing.
	if want.Origin == "library" && msg != want.Message && want.Cause != "JSONDecodeError" && class != "JSONDecodeError" {
		return fmt.Sprintf("%s: want message %q, got %q", class, want.Message, msg)
	}
	return ""
}

// describe gives class and message of an error.
func describe(err error) (class, msg string) {
	var e *expr.Error
	if errors.As(err, &e) {
		return e.Class, e.Message
	}
	if class := value.ClassOf(err); class != "" {
		return class, value.MessageOf(err)
	}
	return fmt.Sprintf("(%T)", err), err.Error()
}
