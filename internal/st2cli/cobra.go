package st2cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/argparse"
	"squall/internal/client"
)

// notOurs are commands that the program's own command line has otherwise, or not.
var notOurs = []string{"run", "auth", "login", "whoami", "workflow"}

// shorter are names that people will try.
var shorter = map[string][]string{
	"action-alias": {"alias"}, "rule-enforcement": {"enforcement"}, "trigger-instance": {"instance"}, "apikey": {"api-key"}, "service-registry": {"service"},
}

// Cobra returns the commands as commands of Cobra: the same words and options,
// shown in the plain style. Options of two letters behind one dash do not exist
// there, and lists are written with commas.
func (p *Program) Cobra(connect func() (*client.Client, error)) []*cobra.Command {
	var list []*cobra.Command
	for _, sub := range commands().Sub {
		if !slices.Contains(notOurs, sub.Name) {
			list = append(list, p.cobra(sub, "squall", "", connect))
		}
	}
	return list
}

func (p *Program) cobra(cmd *argparse.Command, path, parent string, connect func() (*client.Client, error)) *cobra.Command {
	path += " " + cmd.Name
	out := &cobra.Command{
		Use: cmd.Name, Short: strings.TrimSuffix(cmd.Help, "."), Aliases: shorter[cmd.Name],
		Example: example(path, parent, cmd), DisableFlagsInUseLine: true,
	}
	for _, sub := range cmd.Sub {
		if sub.Name != "clone" || cmd.Name == "action" { // st2 has it for others too, where it only fails
			out.AddCommand(p.cobra(sub, path, cmd.Name, connect))
		}
	}
	run, ok := cmd.Run.(command)
	if !ok {
		return out
	}
	read := bind(out, cmd.Args)
	for i := range cmd.Args {
		if a := &cmd.Args[i]; len(a.Flags) == 0 {
			out.Use += " " + usageWord(a)
		}
	}
	out.RunE = func(cc *cobra.Command, words []string) error {
		v, err := read()
		if err != nil {
			return err
		}
		if err := cmd.Fill(v, words); err != nil {
			return &UsageError{fmt.Errorf("%w\nsee %s --help", err, cc.CommandPath())}
		}
		api, err := connect()
		if err != nil {
			return err
		}
		return run(&call{Context: cc.Context(), Program: p, v: v, api: api, style: Plain, prog: path, cmd: cmd})
	}
	return out
}

// UsageError is a command line that cannot be.
type UsageError struct{ err error }

// Error returns the reason.
func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.err }

// Status returns the exit code of an error that has been printed already.
func Status(err error) (code int, ok bool) {
	e, ok := errors.AsType[exitStatus](err)
	return int(e), ok
}

func usageWord(a *argparse.Arg) string {
	word := strings.ToUpper(strings.NewReplacer("_", "-", "-id", "").Replace(a.Name))
	switch a.Nargs {
	case argparse.Some:
		return word + "..."
	case argparse.Any:
		return "[" + word + "...]"
	case argparse.Optional:
		return "[" + word + "]"
	default:
		return word
	}
}

// bind defines the options of a command and returns the function that reads them.
func bind(cmd *cobra.Command, args []argparse.Arg) func() (argparse.Values, error) {
	flags := cmd.Flags()
	type option struct {
		arg  argparse.Arg
		name string
		get  func() (any, error)
	}
	var options []option
	exclusive := map[string][]string{}
	for _, a := range args {
		if len(a.Flags) == 0 || a.Name == "token" || a.Name == "api_key" || a.Name == "help" {
			continue
		}
		name, short := "", ""
		for _, f := range a.Flags {
			switch {
			case strings.HasPrefix(f, "--") && name == "":
				name = strings.ReplaceAll(f[2:], "_", "-")
			case len(f) == 2:
				short = f[1:]
			}
		}
		if flags.ShorthandLookup(short) != nil && short != "" || short == "h" {
			short = ""
		}
		o := option{arg: a, name: name}
		switch {
		case a.Nargs == argparse.Switch:
			v := flags.BoolP(name, short, false, a.Help)
			o.get = func() (any, error) { return *v, nil }
		case a.Nargs != argparse.One && a.Type == argparse.Int:
			v := flags.Int64SliceP(name, short, nil, a.Help)
			o.get = func() (any, error) { return anys(*v), nil }
		case a.Nargs != argparse.One:
			v := flags.StringSliceP(name, short, nil, a.Help)
			o.get = func() (any, error) { return anys(*v), nil }
		case a.Type == argparse.Int:
			n, _ := a.Default.(int64)
			v := flags.Int64P(name, short, n, a.Help)
			o.get = func() (any, error) { return *v, nil }
		default:
			s, _ := a.Default.(string)
			v := flags.StringP(name, short, s, a.Help)
			o.get = func() (any, error) {
				if a.Read != nil {
					return a.Read(*v)
				}
				return *v, nil
			}
		}
		if a.Required {
			_ = cmd.MarkFlagRequired(name) // it was defined above
		}
		if a.Exclude != "" {
			exclusive[a.Exclude] = append(exclusive[a.Exclude], name)
		}
		options = append(options, o)
	}
	for _, names := range exclusive {
		cmd.MarkFlagsMutuallyExclusive(names...)
	}
	return func() (argparse.Values, error) {
		v := argparse.Values{}
		for _, a := range args {
			v[a.Name] = a.Default
		}
		for _, o := range options {
			if !flags.Changed(o.name) {
				continue
			}
			x, err := o.get()
			if err != nil {
				return nil, &UsageError{fmt.Errorf("--%s: %w", o.name, err)}
			}
			v[o.arg.Name] = x
		}
		return v, nil
	}
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = x
	}
	return out
}

// samples are names that examples use.
var samples = map[string]string{
	"action": "core.local", "action-alias": "packs.pack_get", "apikey": "6b03153b6e31f466e4e4acdd", "execution": "6b0314e16e31f466e4e4acc3",
	"inquiry": "6b0314e16e31f466e4e4acc3", "key": "mysql.host", "pack": "core", "policy": "examples.at_most_two", "policy-type": "action.retry",
	"rule": "examples.greet_on_webhook", "webhook": "deploy", "timer": "6b03104fcc75553ba34af041", "runner": "local-shell-cmd", "sensor": "linux.FileWatchSensor",
	"trace": "6b0315335546b37120a2cee8", "trigger": "core.st2.webhook", "trigger-instance": "6b0315275546b37120a2cee1",
	"rule-enforcement": "6b03151e5546b37120a2ced7", "role": "admin", "role-assignment": "6b03151e5546b37120a2ced7",
}

// example is how a command may be called.
func example(path, parent string, cmd *argparse.Command) string {
	if cmd.Example != "" {
		return "  " + strings.ReplaceAll(cmd.Example, "\n", "\n  ")
	}
	sample := samples[parent]
	switch cmd.Name {
	case "list":
		return fmt.Sprintf("  %[1]s\n  %[1]s -j", path)
	case "get":
		return fmt.Sprintf("  %[1]s %[2]s\n  %[1]s %[2]s -y", path, sample)
	case "create":
		return fmt.Sprintf("  %s %s.yaml", path, parent)
	case "update":
		return fmt.Sprintf("  %s %s %s.yaml", path, sample, parent)
	case "enable", "disable", "delete", "pause", "resume", "re-emit", "getspecs", "respond":
		return fmt.Sprintf("  %s %s", path, sample)
	}
	return ""
}
