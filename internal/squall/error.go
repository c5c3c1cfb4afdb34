package squall

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in the terms a caller can act on. One table in
// internal/api maps it to an HTTP status, one in internal/cli to an exit code.
type Kind uint8

// The kinds of error.
const (
	Internal    Kind = iota // a fault of ours or of the machine; details go to the log, not to the user
	NotFound                // the object named does not exist
	Conflict                // it exists already, or its state does not allow this
	Invalid                 // the input is wrong; Msg says where and what to do
	Denied                  // authenticated, but not allowed
	Unauthentic             // not authenticated
	Unavailable             // not now: database gone, disk full, shutting down; try again
)

var kindNames = [...]string{"internal", "not found", "conflict", "invalid", "denied", "unauthenticated", "unavailable"}

// String returns the kind's name in words.
func (k Kind) String() string { return kindNames[k] }

// Error is an error whose message is meant for the person who asked.
// Err, when set, is the cause; it is for logs and errors.Is, not for the user.
type Error struct {
	Kind Kind
	Msg  string
	Err  error
}

// Errorf returns an *Error with a message for the user. A %w verb keeps the
// cause reachable for errors.Is, and its text becomes part of the message.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// Error returns the message, followed by the cause if the message does not hold it already.
func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// MessageOf returns a text that may be shown to any user: the message of the
// first *Error in the chain, "Internal Server Error" for everything else
// (st2: pecan's faultstring for unexpected errors).
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Internal {
		return e.Msg
	}
	return "Internal Server Error"
}
