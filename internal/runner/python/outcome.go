package python

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"squall/internal/runner"
	"squall/internal/runner/process"
	"squall/internal/squall"
)

// ending is what is known of an action that has ended.
type ending struct {
	process.Ending                 // its code is -N after signal N
	kind           byte            // 't', 'f', 'n', 'p': see squall_runner/action.py; 0: no outcome
	value          json.RawMessage // of kind
}

// noResult stands in the place of a result that is not there (st2).
const noResult = `"None"`

// outcome words the end of an action in st2's shape.
func (r *Runner) outcome(ctx context.Context, p *params, end *ending) squall.Outcome {
	if end.kind == 'p' && !end.Stopped && end.Code == 0 {
		var text string
		if json.Unmarshal(end.value, &text) != nil {
			text = string(end.value)
		}
		return runner.Failure("%s", text)
	}
	status, code, problem := squall.Succeeded, end.Code, ""
	switch {
	case end.Stopped:
		status, code = runner.StatusOf(ctx), -9 // st2, whichever signal it was
		if end.TimedOut {
			status = squall.Timeout
		}
	case code == -9:
		status = squall.Timeout // st2 takes every death by KILL for its own doing
	case code != 0 || end.kind == 'f':
		status = squall.Failed
	}
	if status == squall.Timeout {
		problem = "Action failed to complete in " + numbered(p.timeout)
	}
	value := end.value
	if end.Stopped || end.kind == 0 || end.kind == 'p' {
		value = json.RawMessage(noResult)
	}

	var b bytes.Buffer
	b.Grow(len(end.Stdout.Kept) + len(end.Stderr.Kept) + len(value) + 128)
	b.WriteString(`{"result":`)
	b.Write(value)
	b.WriteString(`,"stdout":`)
	appendStream(&b, &end.Stdout)
	b.WriteString(`,"stderr":`)
	appendStream(&b, &end.Stderr)
	b.WriteString(`,"exit_code":`)
	b.WriteString(strconv.Itoa(code))
	if problem != "" {
		b.WriteString(`,"error":`)
		runner.AppendText(&b, problem)
	}
	b.WriteByte('}')
	return squall.Outcome{Status: status, Result: json.RawMessage(b.Bytes())}
}

// appendStream writes a stream as text, newlines and all (st2). Invalid UTF-8 is
// replaced; the original fails there and loses the result with it.
func appendStream(b *bytes.Buffer, s *process.Stream) {
	text := runner.Text(s.Kept)
	if s.Total > int64(len(s.Kept)) {
		text += runner.CutMark(s.Total, int64(s.Limit))
	}
	runner.AppendText(b, text)
}
