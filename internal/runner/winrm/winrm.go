package winrm

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
)

// kind is one of the three runners.
type kind int

const (
	cmd kind = iota
	psCmd
	psScript
)

// Runner runs actions of one of the three kinds.
type Runner struct {
	kind  kind
	limit int
}

var _ runner.Runner = Runner{}

// NewCmd returns the runner of winrm-cmd. outputLimit bounds what a result keeps
// of each stream, in bytes; 0: runner.DefaultOutputLimit.
func NewCmd(outputLimit int) Runner { return newRunner(cmd, outputLimit) }

// NewPSCmd returns the runner of winrm-ps-cmd.
func NewPSCmd(outputLimit int) Runner { return newRunner(psCmd, outputLimit) }

// NewPSScript returns the runner of winrm-ps-script.
func NewPSScript(outputLimit int) Runner { return newRunner(psScript, outputLimit) }

func newRunner(k kind, limit int) Runner {
	if limit <= 0 {
		limit = runner.DefaultOutputLimit
	}
	return Runner{k, limit}
}

// params are the runner parameters of one run.
type params struct {
	host, username, password, scheme, transport, cwd, cmd string
	port                                                  int
	verify                                                bool
	env                                                   map[string]string
	timeout                                               *int64
}

func paramsOf(job *runner.Job) (*params, error) {
	given := job.RunnerParams
	text := func(name, otherwise string) string {
		if s, ok := given[name].(string); ok {
			return s
		}
		return otherwise
	}
	p := &params{
		host: text("host", ""), username: text("username", ""), password: text("password", ""), cwd: text("cwd", ""), cmd: text("cmd", ""),
		scheme: text("scheme", "https"), transport: text("transport", "ntlm"), port: 5986, verify: true, timeout: runner.Seconds(given["timeout"]),
	}
	if n := runner.Seconds(given["port"]); n != nil {
		p.port = int(*n)
	}
	if p.port == 5985 {
		p.scheme = "http" // st2
	}
	if verify, ok := given["verify_ssl_cert"].(bool); ok {
		p.verify = verify
	}
	if p.host == "" || p.scheme != "http" && p.scheme != "https" {
		return nil, errors.New("a host is needed, and the scheme must be http or https")
	}
	var err error
	p.env, err = runner.EnvOf(given["env"])
	return p, err
}

// stream keeps a bounded part of an output and passes all of it on.
type stream struct {
	to    io.Writer
	limit int
	kept  []byte
	total int64
}

func (s *stream) write(b []byte) {
	s.total += int64(len(b))
	if room := s.limit - len(s.kept); room > 0 {
		s.kept = append(s.kept, b[:min(room, len(b))]...)
	}
	_, _ = s.to.Write(b) // an Output never fails
}

// Run runs the command or script on the machine.
func (r Runner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	if ctx.Err() != nil {
		return squall.Outcome{Status: runner.StatusOf(ctx)}, nil
	}
	p, err := paramsOf(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	if p.timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(*p.timeout)*time.Second, runner.ErrTimeout)
		defer cancel()
	}
	c, err := newConn(p)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	defer c.drop()
	stdout, stderr := &stream{to: out.Stdout(), limit: r.limit}, &stream{to: out.Stderr(), limit: r.limit}
	code, err := r.perform(ctx, c, job, p, stdout, stderr)
	switch {
	case ctx.Err() != nil:
		return squall.Outcome{Status: runner.StatusOf(ctx), Result: result(-1, stdout, stderr)}, nil // st2: -1
	case err != nil:
		return runner.Failure("%s: %v", p.host, err), nil
	}
	status := squall.Succeeded
	if code != 0 {
		status = squall.Failed
	}
	return squall.Outcome{Status: status, Result: result(code, stdout, stderr)}, nil
}

func (r Runner) perform(ctx context.Context, c *conn, job *runner.Job, p *params, stdout, stderr *stream) (int, error) {
	switch r.kind {
	case cmd:
		return c.run(ctx, p.cmd, p.cwd, p.env, stdout.write, stderr.write)
	case psCmd:
		return r.script(ctx, c, p, p.cmd, "", stdout, stderr)
	case psScript:
	}
	if job.Action.EntryPoint == "" {
		return 0, runner.Complain("Missing entry_point action metadata attribute")
	}
	file := job.Action.EntryPoint
	if !filepath.IsAbs(file) {
		file = filepath.Join(job.PackDir, "actions", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return r.script(ctx, c, p, string(text), arguments(job), stdout, stderr)
}

// arguments writes the parameters of a script: named ones in the caller's order,
// then positional ones.
func arguments(job *runner.Job) string {
	op := "-"
	if given, ok := job.RunnerParams["kwarg_op"].(string); ok {
		op = given
	}
	named, positional := runner.ScriptValues(job)
	var words []string
	for _, m := range named {
		words = append(words, op+m.Name+" "+psValue(m.Value))
	}
	for _, v := range positional {
		words = append(words, psValue(v))
	}
	return strings.Join(words, " ")
}

// script runs PowerShell: on the command line where it fits, from a file else.
func (r Runner) script(ctx context.Context, c *conn, p *params, text, args string, stdout, stderr *stream) (int, error) {
	whole := text
	if args != "" {
		whole = "& {" + text + "} " + args
	}
	line := powershell(whole)
	if len(line) > longestLine {
		dir, err := r.quiet(ctx, c, p, `$d = Join-Path ([System.IO.Path]::GetTempPath()) ([System.IO.Path]::GetRandomFileName()); New-Item -ItemType Directory -Path $d | Out-Null; $d`)
		if err != nil {
			return 0, fmt.Errorf("make a directory for the script: %w", err)
		}
		dir = strings.TrimSpace(dir)
		defer func() {
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
			defer cancel()
			_, _ = r.quiet(clean, c, p, `Remove-Item -Force -Recurse -LiteralPath `+psValue(dir)) // the result counts, not what is left
		}()
		file := dir + `\script.ps1`
		for rest := []byte(text); len(rest) > 0; rest = rest[min(pieceSize, len(rest)):] {
			piece := base64.StdEncoding.EncodeToString(rest[:min(pieceSize, len(rest))])
			if _, err := r.quiet(ctx, c, p, `$f = [System.IO.File]::Open(`+psValue(file)+`, 'Append'); $b = [System.Convert]::FromBase64String("`+piece+`"); $f.Write($b, 0, $b.Length); $f.Close()`); err != nil {
				return 0, fmt.Errorf("upload the script: %w", err)
			}
		}
		line = powershell(strings.TrimSpace("& " + psValue(file) + " " + args))
	}
	var errors bytes.Buffer // XML in pieces is no use to anybody
	code, err := c.run(ctx, line, p.cwd, p.env, stdout.write, func(b []byte) { errors.Write(b) })
	if text := cleanError(errors.String()); text != "" {
		stderr.write([]byte(text))
	}
	return code, err
}

// quiet runs a step of ours and returns what it prints.
func (r Runner) quiet(ctx context.Context, c *conn, p *params, script string) (string, error) {
	var out, errs bytes.Buffer
	code, err := c.run(ctx, powershell(script), "", nil, func(b []byte) { out.Write(b) }, func(b []byte) { errs.Write(b) })
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d: %s", code, cleanError(errs.String()))
	}
	return out.String(), err
}

// result is st2's shape.
func result(code int, stdout, stderr *stream) json.RawMessage {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"failed":%t,"succeeded":%t,"return_code":%d,"stdout":`, code != 0, code == 0, code)
	appendStream(&b, stdout)
	b.WriteString(`,"stderr":`)
	appendStream(&b, stderr)
	b.WriteByte('}')
	return b.Bytes()
}

// appendStream differs from the shells': the original takes no newline away here.
func appendStream(b *bytes.Buffer, s *stream) {
	text := bytes.TrimSpace(s.kept)
	if s.total == int64(len(s.kept)) && len(text) > 0 && strings.IndexByte(`{["-0123456789tfn`, text[0]) >= 0 && json.Valid(text) {
		if json.Compact(b, text) == nil {
			return
		}
	}
	kept := runner.Text(s.kept)
	if s.total > int64(len(s.kept)) {
		kept += runner.CutMark(s.total, int64(s.limit))
	}
	runner.AppendText(b, kept)
}
