package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"squall/internal/runner"
	"squall/internal/runner/process"
	"squall/internal/squall"
)

// outcome words the end of a command in st2's shape.
func (r *Runner) outcome(ctx context.Context, p *params, end *process.Ending) squall.Outcome {
	status, code, problem := squall.Succeeded, end.Code, ""
	if code != 0 {
		status = squall.Failed
	}
	if end.Stopped {
		status = runner.StatusOf(ctx)
		if end.TimedOut {
			status = squall.Timeout
		}
		code = -9 // st2, whichever signal it was
		if status == squall.Timeout {
			problem = "Action failed to complete in time"
			if p.timeout != nil {
				problem = fmt.Sprintf("Action failed to complete in %d seconds", *p.timeout)
			}
		}
	}
	if p.password != "" {
		if text, ok := runner.RefusedPassword(end.Stderr.Kept); ok {
			status, code, problem = squall.Failed, -1, text
		}
	}

	var b bytes.Buffer
	b.Grow(len(end.Stdout.Kept) + len(end.Stderr.Kept) + 128)
	succeeded := code == 0
	fmt.Fprintf(&b, `{"failed":%t,"succeeded":%t,"return_code":%s,"stdout":`, !succeeded, succeeded, strconv.Itoa(code))
	runner.AppendStream(&b, end.Stdout.Kept, end.Stdout.Total, int64(end.Stdout.Limit))
	b.WriteString(`,"stderr":`)
	runner.AppendStream(&b, end.Stderr.Kept, end.Stderr.Total, int64(end.Stderr.Limit))
	if problem != "" {
		b.WriteString(`,"error":`)
		runner.AppendText(&b, problem)
	}
	b.WriteByte('}')
	return squall.Outcome{Status: status, Result: json.RawMessage(b.Bytes())}
}
