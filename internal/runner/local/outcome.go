package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"squall/internal/runner"
	"squall/internal/squall"
)

// outcome words the end of a command in st2's shape.
func (r *Runner) outcome(ctx context.Context, p *params, end *ending) squall.Outcome {
	status, code, problem := squall.Succeeded, end.code, ""
	if code != 0 {
		status = squall.Failed
	}
	if end.stopped {
		status = runner.StatusOf(ctx)
		code = -9 // st2, whichever signal it was
		if status == squall.Timeout {
			problem = "Action failed to complete in time"
			if p.timeout != nil {
				problem = fmt.Sprintf("Action failed to complete in %d seconds", *p.timeout)
			}
		}
	}
	if p.password != "" {
		if text, ok := refusedPassword(end.stderr.kept); ok {
			status, code, problem = squall.Failed, -1, text
		}
	}

	var b bytes.Buffer
	b.Grow(len(end.stdout.kept) + len(end.stderr.kept) + 128)
	succeeded := code == 0
	fmt.Fprintf(&b, `{"failed":%t,"succeeded":%t,"return_code":%s,"stdout":`, !succeeded, succeeded, strconv.Itoa(code))
	end.stdout.appendTo(&b)
	b.WriteString(`,"stderr":`)
	end.stderr.appendTo(&b)
	if problem != "" {
		b.WriteString(`,"error":`)
		runner.AppendText(&b, problem)
	}
	b.WriteByte('}')
	return squall.Outcome{Status: status, Result: json.RawMessage(b.Bytes())}
}

// appendTo writes what the stream held as a JSON value: itself, if it is a JSON
// document, also after a failure (st2), a string otherwise. One trailing
// newline goes, then one carriage return. Invalid UTF-8 is replaced; the
// original fails there and loses all output of the command.
func (s *stream) appendTo(b *bytes.Buffer) {
	if s.total > int64(len(s.kept)) {
		runner.AppendText(b, runner.Text(s.kept)+runner.CutMark(s.total, int64(s.limit)))
		return
	}
	text := bytes.TrimSuffix(s.kept, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if !utf8.Valid(text) {
		text = []byte(runner.Text(text))
	}
	if mayBeJSON(text) {
		before := b.Len()
		if err := json.Compact(b, text); err == nil {
			return
		}
		b.Truncate(before)
	}
	runner.AppendText(b, text)
}

// mayBeJSON looks at the first character only, so that plain text, which is
// nearly all output, is not scanned for nothing.
func mayBeJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && strings.IndexByte(`{["-0123456789tfn`, text[0]) >= 0
}

var (
	wrongPassword = regexp.MustCompile(`sudo: \d+ incorrect password attempt`)
	passwordOf    = regexp.MustCompile(`\[sudo\] password for (.+?):`)
)

// refusedPassword recognises sudo's complaint about the password it was given.
func refusedPassword(stderr []byte) (string, bool) {
	if !wrongPassword.Match(stderr) {
		return "", false
	}
	who := "unknown"
	if m := passwordOf.FindSubmatch(stderr); m != nil {
		who = runner.Text(m[1])
	}
	return fmt.Sprintf("Invalid sudo password provided or sudo is not configured for this user (%s)", who), true
}
