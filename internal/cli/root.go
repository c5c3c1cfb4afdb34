package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/client"
	"squall/internal/squall"
	"squall/internal/st2cli"
)

// DefaultURL is where a server without configuration listens.
const DefaultURL = "http://127.0.0.1:9101"

// app is what the commands share.
type app struct {
	io      *IO
	version string
	url     string // --url
	token   string // --token
}

// New returns the root command with all commands below it and the given ones,
// which run on the server's machine.
func New(io *IO, version string, more ...*cobra.Command) *cobra.Command {
	a := &app{io: io, version: version}
	root := &cobra.Command{
		Use:   "squall",
		Short: "Event-driven automation for computing centres",
		Long: `Squall runs actions, in reply to events, on time or on request, and loses nothing.

` + "`squall server`" + ` starts a server; the other commands talk to one. They find it and
log in by flags, by the environment or by what ` + "`squall login`" + ` has kept:

  SQUALL_URL       address of the server (default ` + DefaultURL + `)
  SQUALL_TOKEN     a token, or instead of it:
  SQUALL_USER, SQUALL_PASSWORD`,
		Example: `  squall server --data ./data &
  squall login admin                        # the password is in data/admin-password
  squall run core.local -- uname -a
  squall execution list`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetIn(io.Stdin)
	root.SetOut(io.Stdout)
	root.SetErr(io.Stderr)
	root.SetVersionTemplate("squall {{.Version}}\n")
	root.PersistentFlags().StringVar(&a.url, "url", "", "address of the server (SQUALL_URL)")
	root.PersistentFlags().StringVar(&a.token, "token", "", "token to authenticate with (SQUALL_TOKEN)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%w\nsee %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		a.runCommand(), a.executionCommand(), a.actionCommand(), a.keyCommand(),
		a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.waitCommand(), a.exprCommand(), a.timerCommand(), a.scheduleCommand(), a.ruleCommand(), a.notificationCommand(), a.sensorCommand(), a.workflowCommand(), a.packCommand(), a.auditCommand(), a.userCommand(), a.nodeCommand(), a.rolloutCommand(), a.versionCommand(),
	)
	for _, cmd := range append(a.resources(), more...) {
		merge(root, cmd)
	}
	showWell(root)
	return root
}

// merge adds a command; when there is one of its name already, what stands below
// it is added to that one.
func merge(parent, cmd *cobra.Command) {
	for _, have := range parent.Commands() {
		if have.Name() == cmd.Name() {
			for _, sub := range cmd.Commands() {
				cmd.RemoveCommand(sub)
				merge(have, sub)
			}
			return
		}
	}
	parent.AddCommand(cmd)
}

// Main runs the command line and returns the exit code, having printed the error.
func Main(ctx context.Context, root *cobra.Command, io *IO, args []string) int {
	err := checkWords(root, args)
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return ExitOK
	}
	code := ExitCode(err)
	if slices.ContainsFunc(wrongLines, func(phrase string) bool { return strings.Contains(err.Error(), phrase) }) {
		code = ExitUsage
		if cmd, _, e := root.Find(args); e == nil && cmd.Runnable() {
			err = fmt.Errorf("%w\nusage: %s", err, cmd.UseLine())
		}
	}
	if _, said := st2cli.Status(err); said {
		return code
	}
	if code == ExitInterrupted && errors.Is(err, context.Canceled) {
		return code // who pressed Ctrl-C knows
	}
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Err != nil {
		fmt.Fprintf(io.Stderr, "squall: %s\n", err)
		if step := nextStep(err); step != "" {
			fmt.Fprintf(io.Stderr, "%s\n", step)
		}
	}
	return code
}

// wrongLines are parts of Cobra's errors about command lines, which have no type.
var wrongLines = []string{"unknown command", "arg(s), received", "arg(s), only received", "required flag(s)", "if any flags in the group"}

// nextStep says what a person would do about an error.
func nextStep(err error) string {
	switch squall.KindOf(err) {
	case squall.Unauthentic:
		return "Log in with: squall login USER   (or set SQUALL_TOKEN, or SQUALL_USER and SQUALL_PASSWORD)"
	case squall.Unavailable:
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "listen" {
			return "Something else listens there (ss -ltnp tells what). Stop that, or choose another address: --listen 127.0.0.1:PORT"
		}
		if _, answered := errors.AsType[*client.StatusError](err); answered {
			return "The server is there but takes no work now. On its machine: squall doctor"
		}
		return "Is the server running (squall server), and is its address right (SQUALL_URL, --url)? On its machine: squall doctor"
	default:
		return ""
	}
}

// connect returns a client for the server that flags, environment and login name.
func (a *app) connect() (*client.Client, error) {
	url := a.serverURL()
	opts := client.Options{
		URL:       url,
		Token:     firstOf(a.token, a.io.Env("SQUALL_TOKEN")),
		UserAgent: "squall/" + a.version,
	}
	if opts.Token == "" {
		opts.User, opts.Password = a.io.Env("SQUALL_USER"), a.io.Env("SQUALL_PASSWORD")
	}
	if opts.Token == "" && opts.User == "" {
		if kept, ok := a.credentials().get(url); ok {
			opts.Token = kept.Token
		}
	}
	return client.New(opts)
}

func (a *app) serverURL() string {
	return strings.TrimRight(firstOf(a.url, a.io.Env("SQUALL_URL"), DefaultURL), "/")
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.io.Stdout, "squall %s\n", a.version)
			return err
		},
	}
}
