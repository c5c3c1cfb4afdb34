package timer

import "fmt"

// Error is a specification that cannot be used. Class is the name of the
// exception StackStorm reports, which its API puts in front of some messages;
// Message is in StackStorm's words and meant for the author of the timer.
type Error struct {
	Class   string // ValidationError, ValueError, ParserError, ZoneInfoNotFoundError or OverflowError
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func valueError(format string, args ...any) *Error {
	return &Error{Class: "ValueError", Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Error {
	return &Error{Class: "ValidationError", Message: fmt.Sprintf(format, args...)}
}
