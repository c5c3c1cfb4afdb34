package cli

import (
	"context"
	"errors"
	"fmt"

	"squall/internal/squall"
	"squall/internal/st2cli"
)

// The exit codes of every command.
const (
	ExitOK          = 0
	ExitFailed      = 1   // the action failed, or an error that fits no other code
	ExitUsage       = 2   // wrong command line, or input that cannot be right
	ExitNotFound    = 3   // what was named does not exist
	ExitDenied      = 4   // not logged in, or not allowed
	ExitConflict    = 5   // its state does not allow this
	ExitUnavailable = 6   // the server does not answer or takes no work now
	ExitTimeout     = 7   // --timeout of a waiting command ran out; the execution goes on
	ExitInterrupted = 130 // Ctrl-C
)

const exitHelp = `
Exit status:
  0    done; for run: the action succeeded
  1    the action failed, or another error
  2    wrong command line or wrong input
  3    not found
  4    not logged in or not allowed
  5    the state of the object does not allow this
  6    the server cannot be reached or takes no work now
  7    the waiting time ran out (the execution goes on)
  130  interrupted`

// ExitError carries an exit code out of a command. With a nil Err nothing more
// is printed: the command has said it already.
type ExitError struct {
	Code int
	Err  error
}

// Error returns the cause's text.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode returns the exit code for what a command returned.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[*ExitError](err); ok {
		return e.Code
	}
	if code, ok := st2cli.Status(err); ok {
		return code
	}
	if _, ok := errors.AsType[*st2cli.UsageError](err); ok {
		return ExitUsage
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	switch squall.KindOf(err) {
	case squall.NotFound:
		return ExitNotFound
	case squall.Invalid:
		return ExitUsage
	case squall.Denied, squall.Unauthentic:
		return ExitDenied
	case squall.Conflict:
		return ExitConflict
	case squall.Unavailable:
		return ExitUnavailable
	default:
		return ExitFailed
	}
}

// usageErrorf is a wrong command line.
func usageErrorf(format string, args ...any) error {
	return &ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}
