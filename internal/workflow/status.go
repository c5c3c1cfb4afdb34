package workflow

import "squall/internal/squall"

// Status is the state of a workflow, a task or an action, in Orquesta's words.
type Status = squall.Status

// Retrying is a task that waits for its next attempt.
const Retrying Status = "retrying"

// unset is the state of a task entry or a workflow nothing was reported of.
const unset Status = ""

// word is how a status is shown: the unset one is "null".
func word(s Status) string {
	if s == unset {
		return "null"
	}
	return string(s)
}

func known(s Status) bool {
	return s == Retrying || s == unset || s == "null" || s.Known()
}

// active: something of it runs, or is about to.
func active(s Status) bool {
	switch s {
	case squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Resuming, squall.Pausing, squall.Canceling:
		return true
	}
	return false
}

// dispatches reports whether a workflow in this state starts tasks.
func dispatches(s Status) bool {
	switch s {
	case squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Resuming, Retrying:
		return true
	}
	return false
}

// starting statuses are those that a task begins with.
func starting(s Status) bool {
	switch s {
	case squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Pending:
		return true
	}
	return false
}

// abended: over, and not well.
func abended(s Status) bool {
	return s == squall.Failed || s == squall.Timeout || s == squall.Abandoned
}

func completed(s Status) bool {
	return s == squall.Succeeded || s == squall.Canceled || abended(s)
}

// halting is a pause or cancel, asked for or reached.
func halting(s Status) bool {
	switch s {
	case squall.Pausing, squall.Paused, squall.Canceling, squall.Canceled:
		return true
	}
	return false
}
