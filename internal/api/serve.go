package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"squall/internal/squall"
)

// request is an HTTP request with what the way to its handler found out.
type request struct {
	*http.Request
	rc     *http.ResponseController
	id     string
	route  *route
	params map[string]string // of the path
	query  url.Values
	caller caller
	noted  bool // the audit log has what the request changed

	claimed string // the user that a login is for, whether it is right or not
}

// handler answers one route. An error it returns becomes a fault.
type handler func(*Server, http.ResponseWriter, *request) error

// answerTimeout is how long a client may take to read an answer. Streams set
// their own time, anew with every piece.
const answerTimeout = 5 * time.Minute

// ServeHTTP answers one request: the whole way of it is in this file.
func (s *Server) ServeHTTP(hw http.ResponseWriter, hr *http.Request) {
	began := time.Now()
	w := &response{ResponseWriter: hw}
	r := &request{Request: hr, id: requestID(hr), rc: http.NewResponseController(hw)}
	_ = r.rc.SetWriteDeadline(began.Add(answerTimeout)) // not every writer has deadlines
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				s.observe(w, r, began)
				panic(p)
			}
			s.Log.ErrorContext(hr.Context(), "api handler panicked", "request_id", r.id, "path", hr.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if w.status == 0 {
				writeFault(w, http.StatusInternalServerError, squall.MessageOf(fmt.Errorf("panic: %v", p)))
			}
		}
		s.observe(w, r, began)
	}()

	w.Header().Set("X-Request-ID", r.id)
	if len(hr.TransferEncoding) > 0 {
		// A proxy that goes by a Content-Length beside the chunks would take what
		// follows for this body, and we for the next request: there is none.
		w.Header().Set("Connection", "close")
	}
	s.secure(w.Header())
	s.cors(w.Header(), hr.Header.Get("Origin"))
	if hr.Method == http.MethodOptions {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8") // st2: pecan's default
		w.WriteHeader(http.StatusOK)
		return
	}
	if isVisit(hr) {
		s.welcome(w)
		return
	}
	err := s.serve(w, r)
	s.auditOutcome(r, err)
	if err != nil {
		s.fail(w, r, err)
	}
}

// serve finds the route, checks the caller and runs the handler.
func (s *Server) serve(w *response, r *request) error {
	if r.route, r.params = s.routes.match(r.Request); r.route == nil {
		return errNoRoute
	}
	var err error
	if r.query, err = readQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if s.Tracer != nil {
		ctx, span := s.startSpan(r)
		defer span.End()
		r.Request = r.WithContext(ctx)
		defer func() {
			span.SetAttributes(attribute.Int("http.response.status_code", w.status))
			if err != nil && squall.KindOf(err) == squall.Internal {
				span.SetStatus(codes.Error, err.Error())
			}
		}()
	}
	if err = s.admit(r); err != nil {
		return err
	}
	if r.ContentLength > s.BodyLimit {
		return &http.MaxBytesError{Limit: s.BodyLimit}
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.BodyLimit)
	err = r.route.handle(s, w, r)
	return err
}

// admit checks who the caller is and whether they may use the route.
func (s *Server) admit(r *request) error {
	if r.route.open != nil && r.route.open(s, r) {
		return nil
	}
	var err error
	if r.caller, err = s.authenticate(r); err != nil {
		return err
	}
	if r.route.need == "" {
		return nil
	}
	return s.permit(r)
}

func (s *Server) observe(w *response, r *request, began time.Time) {
	o := Request{Method: r.Method, Status: w.status, Bytes: w.bytes, Took: time.Since(began)}
	if r.route != nil {
		o.Route = r.route.path
	}
	s.Observe(o)
	s.Log.DebugContext(r.Context(), "api request", "request_id", r.id, "method", r.Method, "path", r.URL.Path,
		"status", w.status, "user", r.caller.User, "took", o.Took)
}

func (s *Server) cors(h http.Header, origin string) {
	allowed := s.Origins[0] // st2: an origin that is not allowed gets the first that is
	for _, o := range s.Origins {
		if o == "*" || o == origin {
			allowed = o
			break
		}
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,DELETE,OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type,Authorization,X-Auth-Token,St2-Api-Key,X-Request-ID")
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "Content-Type,X-Limit,X-Total-Count,X-Request-ID")
	if len(s.Origins) > 1 {
		h.Add("Vary", "Origin")
	}
}

// requestID returns the caller's identifier of the request if it is a harmless
// one, otherwise a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-ID")
	ok := id != "" && len(id) <= 64
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	if ok {
		return id
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// startSpan opens the server's span of a request, below the caller's when the
// request carries a traceparent.
func (s *Server) startSpan(r *request) (ctx context.Context, span trace.Span) {
	parent := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return s.Tracer.Start(parent, r.Method+" "+r.route.path, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("http.route", r.route.path),
			attribute.String("squall.request_id", r.id),
		))
}

// response remembers what was answered.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader keeps the status.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController the writer below.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
