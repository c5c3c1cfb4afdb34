package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"squall/internal/runner"
	"squall/internal/squall"
)

// unreachable is the return code of a host that could not be worked on (st2).
const unreachable = 255

// result is what is known of one host.
type result struct {
	name           string
	stdout, stderr stream
	code           int
	timeout        bool
	problem        string // why there is no result of the command's own
	notice         string // what the reader should know beside the result
}

func newResult(name string, limit int, out runner.Output, label bool) *result {
	r := &result{name: name, stdout: stream{to: out.Stdout(), limit: limit}, stderr: stream{to: out.Stderr(), limit: limit}}
	if label {
		r.stdout.label, r.stderr.label = "["+name+"] ", "["+name+"] "
	}
	return r
}

// fail notes that the host gave no result.
func (r *result) fail(format string, args ...any) {
	r.code, r.problem = unreachable, fmt.Sprintf(format, args...)
}

// stop notes that the host's work was ended because ctx is.
func (r *result) stop(ctx context.Context, timeout *int64) {
	r.code = -9 // st2
	if !errors.Is(context.Cause(ctx), runner.ErrTimeout) {
		r.problem = fmt.Sprintf("The command on host %q was ended: %v.", r.name, context.Cause(ctx))
		return
	}
	r.timeout = true
	r.problem = fmt.Sprintf("Failed executing command on host %q. The time for all hosts was over", r.name)
	if timeout != nil {
		r.problem = fmt.Sprintf("Failed executing command on host %q. Command didn't finish in %d seconds", r.name, *timeout)
	}
}

func (r *result) succeeded() bool { return r.code == 0 && r.problem == "" }

// close ends the live output.
func (r *result) close() {
	r.stdout.flush()
	r.stderr.flush()
}

// status judges the whole: st2 calls it a timeout only when every host's time was over.
func (r *Runner) status(ctx context.Context, results []*result) squall.Status {
	succeeded, late := 0, 0
	for _, res := range results {
		switch {
		case res.succeeded():
			succeeded++
		case res.timeout:
			late++
		}
	}
	switch {
	case ctx.Err() != nil:
		return runner.StatusOf(ctx)
	case succeeded == len(results), succeeded > 0 && r.cfg.AllowPartialFailure:
		return squall.Succeeded
	case late == len(results):
		return squall.Timeout
	default:
		return squall.Failed
	}
}

// resultOf writes st2's object: an entry for each host.
func resultOf(results []*result) json.RawMessage {
	var b bytes.Buffer
	for i, r := range results {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		runner.AppendText(&b, runner.Text([]byte(r.name)))
		fmt.Fprintf(&b, `:{"failed":%t,"succeeded":%t,"return_code":%s,"stdout":`, !r.succeeded(), r.succeeded(), strconv.Itoa(r.code))
		runner.AppendStream(&b, r.stdout.kept, r.stdout.total, int64(r.stdout.limit))
		b.WriteString(`,"stderr":`)
		runner.AppendStream(&b, r.stderr.kept, r.stderr.total, int64(r.stderr.limit))
		if r.problem != "" {
			fmt.Fprintf(&b, `,"timeout":%t,"error":`, r.timeout)
			runner.AppendText(&b, runner.Text([]byte(r.problem)))
		}
		if r.notice != "" {
			b.WriteString(`,"notice":`)
			runner.AppendText(&b, runner.Text([]byte(r.notice)))
		}
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return b.Bytes()
}

// stream keeps a bounded part of what a host prints and passes all of it on,
// line by line with the host's name where there are several.
type stream struct {
	to    io.Writer
	label string
	limit int
	kept  []byte
	total int64
	line  []byte // of several hosts: begun and not passed on yet
}

// longLine is how much of a line is held back to keep it in one piece.
const longLine = 8 << 10

// Write implements io.Writer; it never fails.
func (s *stream) Write(b []byte) (int, error) {
	s.total += int64(len(b))
	if room := s.limit - len(s.kept); room > 0 {
		s.kept = append(s.kept, b[:min(room, len(b))]...)
	}
	if s.label == "" {
		return s.to.Write(b)
	}
	var text []byte
	for part := range bytes.Lines(b) {
		s.line = append(s.line, part...)
		if part[len(part)-1] == '\n' || len(s.line) > longLine {
			text = append(append(text, s.label...), s.line...)
			if part[len(part)-1] != '\n' {
				text = append(text, '\n')
			}
			s.line = s.line[:0]
		}
	}
	if len(text) > 0 {
		_, _ = s.to.Write(text) // an Output never fails
	}
	return len(b), nil
}

// flush passes on a last line without an end.
func (s *stream) flush() {
	if len(s.line) > 0 {
		_, _ = s.to.Write(append(append([]byte(s.label), s.line...), '\n'))
		s.line = nil
	}
}
