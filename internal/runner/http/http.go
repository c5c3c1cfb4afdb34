package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"squall/internal/runner"
	"squall/internal/squall"
)

// Config says what all requests have in common. The zero value is ready.
type Config struct {
	// UserAgent is sent with every request, whatever the action sets (st2).
	// Empty: that of the StackStorm version whose behaviour this package keeps;
	// servers and proxies have rules for it.
	UserAgent string
	// BodyLimit bounds what a result keeps of a body, in bytes; 0:
	// runner.DefaultOutputLimit.
	BodyLimit int
}

// Runner runs http-request actions, many at once.
type Runner struct{ cfg Config }

var _ runner.Runner = (*Runner)(nil)

// New returns a runner.
func New(cfg Config) *Runner {
	if cfg.UserAgent == "" {
		cfg.UserAgent = "st2/v3.10dev"
	}
	if cfg.BodyLimit == 0 {
		cfg.BodyLimit = runner.DefaultOutputLimit
	}
	return &Runner{cfg: cfg}
}

// Run sends the request and reads the answer. Whatever prevents one is an
// outcome: the action or the network is to blame, never the node.
func (r *Runner) Run(ctx context.Context, job *runner.Job, _ runner.Output) (squall.Outcome, error) {
	req, err := r.requestOf(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	answer, err := r.send(ctx, req)
	if err != nil {
		return failure(ctx, req, err), nil
	}
	status := squall.Failed
	if answer.status >= 200 && answer.status <= 206 { // st2: 207 and above fail
		status = squall.Succeeded
	}
	result, err := answer.result()
	if err != nil {
		return squall.Outcome{}, fmt.Errorf("encode the answer: %w", err)
	}
	return squall.Outcome{Status: status, Result: result}, nil
}

// maxRedirects is where requests gives up.
const maxRedirects = 30

// send sends req, follows redirects if it is to, and reads the last answer.
func (r *Runner) send(ctx context.Context, req *request) (*answer, error) {
	for hops := 0; ; hops++ {
		if err := req.hosts.check(req.url); err != nil {
			return nil, err
		}
		answer, err := r.exchange(ctx, req)
		if err != nil {
			return nil, err
		}
		if !req.follow {
			return answer, nil
		}
		next, err := req.redirect(answer)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return answer, nil
		}
		if hops == maxRedirects {
			return nil, runner.Complain("Exceeded %d redirects.", maxRedirects)
		}
		req = next
	}
}

// exchange sends one request and reads its answer.
func (r *Runner) exchange(ctx context.Context, req *request) (*answer, error) {
	out, err := req.wire(ctx)
	if err != nil {
		return nil, err
	}
	wire := newWire(req)
	defer wire.close()
	resp, err := wire.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return readAnswer(resp, wire.headers(), r.cfg.BodyLimit)
}

// failure words why there is no answer.
func failure(ctx context.Context, req *request, err error) squall.Outcome {
	if ctx.Err() != nil {
		status := runner.StatusOf(ctx)
		return squall.Outcome{Status: status, Result: runner.ErrorResult(context.Cause(ctx).Error())}
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
		return squall.Outcome{Status: squall.Timeout, Result: runner.ErrorResult(req.timeoutText(err))}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return runner.Failure("('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))")
	}
	return runner.Failure("%v", err)
}

// timeoutText is the text of requests, which people search for.
func (req *request) timeoutText(err error) string {
	u, parseErr := url.Parse(req.url)
	if parseErr != nil {
		return err.Error()
	}
	pool, port := "HTTPConnectionPool", "80"
	if u.Scheme == "https" {
		pool, port = "HTTPSConnectionPool", "443"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	seconds := runner.PythonText(req.timeout.Seconds(), true)
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return fmt.Sprintf("%s(host='%s', port=%s): Max retries exceeded with url: %s (connect timeout=%s)", pool, u.Hostname(), port, u.RequestURI(), seconds)
	}
	return fmt.Sprintf("%s(host='%s', port=%s): Read timed out. (read timeout=%s)", pool, u.Hostname(), port, seconds)
}

// answer is what came back.
type answer struct {
	status  int
	headers []header // as the server wrote them
	body    []byte   // decoded as Content-Encoding says
	cut     int      // the limit at which body was cut; 0: it is whole
}

// get returns all values of a header as one, in Latin-1.
func (a *answer) get(name string) string {
	var values []string
	for _, h := range a.headers {
		if strings.EqualFold(h.name, name) {
			values = append(values, h.value)
		}
	}
	return strings.Join(values, ", ") // requests shows several so
}

// result encodes the answer in st2's shape.
func (a *answer) result() (json.RawMessage, error) {
	headers := make(map[string]string, len(a.headers))
	seen := map[string]bool{}
	for _, h := range a.headers {
		if key := strings.ToLower(h.name); !seen[key] {
			seen[key] = true
			headers[latin1(h.name)] = latin1(a.get(h.name))
		}
	}
	doc, err := json.Marshal(headers)
	if err != nil {
		return nil, err
	}
	contentType := latin1(a.get("Content-Type"))
	text := decodeText(a.body, contentType)
	if a.cut > 0 {
		text = fmt.Appendf(slices.Clip(text), "\n[body cut here: the limit is %d bytes]", a.cut)
	}

	var b bytes.Buffer
	fmt.Fprintf(&b, `{"status_code":%d,"body":`, a.status)
	parsed := false
	if isJSON(contentType) && a.cut == 0 {
		before := b.Len()
		if err := json.Compact(&b, text); err == nil {
			parsed = true
		} else {
			b.Truncate(before)
		}
	}
	if !parsed {
		runner.AppendText(&b, text)
	}
	fmt.Fprintf(&b, `,"parsed":%t,"headers":%s}`, parsed, doc)
	return json.RawMessage(b.Bytes()), nil
}
