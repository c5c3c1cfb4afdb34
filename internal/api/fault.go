package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// statusOf is the one table from kinds of error to HTTP.
var statusOf = [...]int{
	squall.Internal:    http.StatusInternalServerError,
	squall.NotFound:    http.StatusNotFound,
	squall.Conflict:    http.StatusConflict,
	squall.Invalid:     http.StatusBadRequest,
	squall.Denied:      http.StatusForbidden,
	squall.Unauthentic: http.StatusUnauthorized,
	squall.Unavailable: http.StatusServiceUnavailable,
}

// retryAfter is what a client is told to wait, in seconds, when the server is
// not available: long enough to not add to the trouble, short enough to not be
// the outage.
const retryAfter = 5

var (
	errNoRoute = squall.Errorf(squall.NotFound, "The resource could not be found.")
	errNoToken = squall.Errorf(squall.Unauthentic, "Unauthorized - One of Token or API key required.")
	errToken   = squall.Errorf(squall.Unauthentic, "Unauthorized")
	errExpired = squall.Errorf(squall.Unauthentic, "Unauthorized - Token has expired.")
	errLogin   = squall.Errorf(squall.Unauthentic, "Invalid or missing credentials")
)

// fault maps an error to the answer: status and text.
func fault(err error) (status int, text string) {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("The request body is larger than the %d bytes allowed.", big.Limit)
	}
	if busy, ok := errors.AsType[*tooMany](err); ok {
		return http.StatusTooManyRequests, busy.Error()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return http.StatusRequestTimeout, "The request body did not arrive in time."
	}
	kind := squall.KindOf(err)
	text = squall.MessageOf(err)
	switch {
	case kind == squall.Unavailable:
		text = "The server cannot do this now, and nothing was stored: " + text
	case kind == squall.Internal && errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "The server did not get this done in time."
	}
	return statusOf[kind], text
}

// ErrStopping is the cause with which the process ends the contexts of requests
// that are under way when it stops.
var ErrStopping = errors.New("the server is stopping")

// fail writes err as the answer, unless the answer has begun: then all that is
// left is to break the connection, so that the client does not take half a
// document for a whole one.
func (s *Server) fail(w *response, r *request, err error) {
	status, text := fault(err)
	switch {
	case errors.Is(context.Cause(r.Context()), ErrStopping):
		status, text = http.StatusServiceUnavailable, "The server is stopping, and nothing was stored."
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		status = 499 // the client has gone; only for the log
	case status >= 500:
		s.Log.ErrorContext(r.Context(), "api request failed", "request_id", r.id, "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	if status == http.StatusRequestTimeout {
		h.Set("Connection", "close") // the rest of the body may still come
	}
	if busy, ok := errors.AsType[*tooMany](err); ok {
		h.Set("Retry-After", strconv.Itoa(busy.seconds()))
	}
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if taken, ok := errors.AsType[*conflict](err); ok {
		taken.write(w)
		return
	}
	writeFault(w, status, text)
}

func writeFault(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Disposition")
	body := wire.AppendFault(nil, text)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody to tell
}

// reasons turns a health error into the list that readiness shows.
func reasons(err error) []string {
	if err == nil {
		return nil
	}
	if squall.KindOf(err) == squall.Internal {
		return []string{err.Error()}
	}
	return []string{squall.MessageOf(err)}
}
