package st2cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"squall/internal/argparse"
	"squall/internal/client"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// IO is the process around the command line.
type IO struct {
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Env     func(string) string
	Environ func() []string // for --inherit-env
	Home    string          // the user's home directory; empty: there is none
	Columns int             // width of the terminal, 0 when there is none

	// ReadPassword asks for a secret without showing it; nil without a terminal.
	ReadPassword func(prompt string) (string, error)

	// Edit lets the user change a text in an editor; nil when there is none.
	Edit func(text string) (string, error)
}

// Style is how results are shown.
type Style byte

// The styles.
const (
	Boxed Style = iota // st2: tables with borders
	Plain              // squall: columns without borders
)

// Program is the command line.
type Program struct {
	IO
	Version string
	// Kept returns the token that `squall login` has kept for a server, "" for none.
	Kept func(url string) string
}

// Exit codes of st2.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 3 // --print-config
)

// exitStatus ends a command with a code, its text having been printed.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// operationError is an error that st2 ends with code 2 for. A text is printed as
// "ERROR: text" without the empty line that other errors have behind them.
type operationError struct{ err error }

func (e *operationError) Error() string { return e.err.Error() }
func (e *operationError) Unwrap() error { return e.err }

// notFound is a resource that does not exist, in st2's words.
func notFound(format string, args ...any) error {
	return squall.Errorf(squall.NotFound, format, args...)
}

// invalid is input that cannot be.
func invalid(format string, args ...any) error { return squall.Errorf(squall.Invalid, format, args...) }

// call is one command being run.
type call struct {
	context.Context
	*Program
	v     argparse.Values
	api   *client.Client
	cfg   *config
	style Style
	prog  string // "st2 run"
	cmd   *argparse.Command

	tableWidth int // of the last table that was drawn
}

// command is what the Run of a command of the table is.
type command func(*call) error

// Main runs a command line of st2 and returns its exit code.
func (p *Program) Main(ctx context.Context, words []string) int {
	root := commands()
	if len(words) == 0 {
		fmt.Fprint(p.Stderr, p.introduction(root))
		return exitUsage
	}
	res, err := root.Parse(words, p.helpColumns())
	if e, ok := errors.AsType[*argparse.Error](err); ok && !printsConfig(words) {
		fmt.Fprintf(p.Stderr, "%s%s: error: %s\n", e.Usage, e.Prog, e.Msg)
		return exitUsage
	}
	switch res.Ended {
	case "help":
		fmt.Fprint(p.Stdout, res.Command().HelpText(res.Prog, p.helpColumns()))
		return exitOK
	case "version":
		fmt.Fprintf(p.Stdout, "st2 %s (Squall)\n", p.Version)
		return exitOK
	}
	return p.finish(p.run(ctx, root, res))
}

func printsConfig(words []string) bool {
	for _, w := range words {
		if w == "--print-config" {
			return true
		}
	}
	return false
}

func (p *Program) run(ctx context.Context, root *argparse.Command, res *argparse.Result) error {
	cfg, err := p.loadConfig(res.Values)
	if err != nil {
		return err
	}
	if res.Values.Bool("print_config") {
		cfg.print(p.Stdout)
		return exitStatus(exitConfig)
	}
	run, ok := res.Command().Run.(command)
	if !ok { // st2: a branch alone prints the help of the program
		fmt.Fprint(p.Stdout, root.HelpText(root.Name, p.helpColumns()))
		return exitStatus(exitUsage)
	}
	c := &call{Context: ctx, Program: p, v: res.Values, cfg: cfg, style: Boxed, prog: res.Prog, cmd: res.Command()}
	if c.api, err = p.connect(ctx, cfg, res); err != nil {
		return err
	}
	return run(c)
}

// finish prints an error and returns the exit code.
func (p *Program) finish(err error) int {
	var code exitStatus
	var op *operationError
	var usage *argparse.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(p.Stderr, "%s%s: error: %s\n", usage.Usage, usage.Prog, usage.Msg)
		return exitUsage
	case errors.Is(err, context.Canceled):
		return 130
	case errors.As(err, &op):
		if op.err != nil {
			fmt.Fprintf(p.Stdout, "ERROR: %s\n", textOf(op.err))
		}
		return exitUsage
	default:
		fmt.Fprintf(p.Stdout, "ERROR: %s\n\n", textOf(err))
		return exitFailed
	}
}

// textOf is an error as st2 prints it: what a server answered with status, words
// and address (requests: raise_for_status).
func textOf(err error) string {
	s, ok := errors.AsType[*client.StatusError](err)
	if !ok {
		if value.ClassOf(err) != "" {
			return value.MessageOf(err)
		}
		return err.Error()
	}
	side := "Client"
	if s.Status >= 500 {
		side = "Server"
	}
	reason := http.StatusText(s.Status)
	if !s.Silent {
		reason += "\nMESSAGE: " + s.Fault
	}
	return fmt.Sprintf("%d %s Error: %s for url: %s", s.Status, side, reason, s.URL)
}

// columns is the width of tables.
func (p *Program) columns() int { return cmp.Or(max(p.Columns, 0), 150) }

// helpColumns is the width of help: without a terminal argparse has another idea
// of it than st2's tables.
func (p *Program) helpColumns() int { return cmp.Or(max(p.Columns, 0), 80) }

func (p *Program) introduction(root *argparse.Command) string {
	return fmt.Sprintf(`Usage: %[1]s [options] <command> <sub command> [options]

For example:

    %[1]s action list --pack=core
    %[1]s run core.local cmd=date
    %[1]s --debug run core.local cmd=date

%[2]s`, root.Name, root.HelpText(root.Name, p.helpColumns()))
}

// wait sleeps, or returns the context's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
