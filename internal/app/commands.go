package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// configFlags are the flags that stand for configuration keys.
var configFlags = []struct{ flag, key, usage string }{
	{"data", "server.data", "directory of the embedded database, the admin password and the keys"},
	{"listen", "server.listen", "address of the API; port 0 takes a free one"},
	{"postgres", "database.url", "postgres://... to use PostgreSQL instead of the embedded database"},
	{"node", "scheduler.node", "name of this node in the cluster"},
	{"log-level", "log.level", "debug, info, warn or error"},
	{"log-format", "log.format", "text or json"},
}

// sourceFlags defines the configuration flags on cmd and returns what they say
// once they are parsed.
func sourceFlags(cmd *cobra.Command) func() Sources {
	file := cmd.Flags().StringP("config", "c", "", "configuration file (default "+DefaultConfigFile+" when it exists)")
	for _, f := range configFlags {
		cmd.Flags().String(f.flag, "", f.usage)
	}
	set := cmd.Flags().StringArray("set", nil, "any setting as key=value, such as scheduler.slots=64; repeatable")
	return func() Sources {
		src := Sources{File: *file, Env: os.LookupEnv, Flags: map[string]string{}}
		for _, f := range configFlags {
			if cmd.Flags().Changed(f.flag) {
				src.Flags[f.key], _ = cmd.Flags().GetString(f.flag)
			}
		}
		for _, kv := range *set {
			key, value, _ := strings.Cut(kv, "=")
			src.Flags[key] = value
		}
		return src
	}
}

// Commands returns the commands that run on the server's machine.
func Commands(stdout, stderr io.Writer) []*cobra.Command {
	return []*cobra.Command{serverCommand(stderr), workerCommand(stderr), configCommand(stdout), doctorCommand(stdout), keyringCommand(stdout), rbacCommand(stdout), packCommand(stdout, stderr), keeperCommand(stdout)}
}

func serverCommand(stderr io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Start the server",
		Long: `Start the server: API, scheduler and runners in one process.

Without any configuration it keeps its state in an embedded database in the data
directory and answers on this machine only. The first start creates the user
admin and writes the password to DIR/admin-password.

Ctrl-C or SIGTERM stops it in an orderly way: it takes no new work and waits for
running actions (server.shutdown_timeout); a second signal does not wait.`,
		Example: `  squall server
  squall server --data /srv/squall --listen 127.0.0.1:9101
  squall server --postgres postgres://squall@db/squall --node node1
  squall server --set scheduler.slots=64
  squall server --st2-ports`,
		Args: cobra.NoArgs,
	}
	sources := sourceFlags(cmd)
	st2Ports := cmd.Flags().Bool("st2-ports", false, "answer also on 127.0.0.1:9100, 9101 and 9102, where StackStorm's services do")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		src := sources()
		if cmd.Flags().Changed("st2-ports") {
			src.Flags["server.st2_ports"] = strconv.FormatBool(*st2Ports)
		}
		return serveUntilSignal(cmd, src, stderr)
	}
	return cmd
}

// serveUntilSignal runs a server until a signal ends it.
func serveUntilSignal(cmd *cobra.Command, src Sources, stderr io.Writer) error {
	c, _, err := LoadConfig(src)
	if err != nil {
		return &ConfigError{err}
	}
	// Keepers and actions run in other directories than the server does.
	if c.Server.Data, err = filepath.Abs(c.Server.Data); err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	c.Keeper = []string{"squall", "keep-runs"}
	soft, stopSoft := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stopSoft()
	hard := make(chan os.Signal, 1)
	go func() {
		<-soft.Done()
		stopSoft() // from here on a second signal ends the process at once
		signal.Notify(hard, syscall.SIGINT, syscall.SIGTERM)
		if _, ok := <-hard; ok {
			os.Exit(130)
		}
	}()
	return Serve(soft, c, newLogger(stderr, c.Log.Level, c.Log.Format))
}

func configCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show and check the server's configuration"}

	show := &cobra.Command{
		Use:   "show",
		Short: "Print every setting, its value and where the value came from",
		Long: `Print every setting, its value and where the value came from: default, file with
line, environment or flag. Secrets are masked. All problems are printed too.`,
		Example: "  squall config show\n  squall config show --config ./squall.yaml -j",
		Args:    cobra.NoArgs,
	}
	sources := sourceFlags(show)
	asJSON := show.Flags().BoolP("json", "j", false, "print JSON")
	show.RunE = func(*cobra.Command, []string) error {
		_, settings, err := LoadConfig(sources())
		if *asJSON {
			enc := json.NewEncoder(stdout)
			enc.SetIndent("", "    ")
			if e := enc.Encode(settings); e != nil {
				return e
			}
		} else {
			w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SETTING\tVALUE\tFROM\tMEANING")
			for _, s := range settings {
				value := s.Value
				if value == "" {
					value = "-"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Key, value, s.Origin, s.Help)
			}
			if e := w.Flush(); e != nil {
				return e
			}
		}
		if err != nil {
			return &ConfigError{err}
		}
		return nil
	}
	cmd.AddCommand(show)
	return cmd
}

func doctorCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong on this machine and say what to do",
		Long: `Look at everything the server needs: data directory, disk, address, database, clock,
limits, Python, ssh, sudo, git. It changes nothing. Exit status 1 when something
will not work.`,
		Example: "  squall doctor\n  squall doctor --data /srv/squall -j",
		Args:    cobra.NoArgs,
	}
	sources := sourceFlags(cmd)
	asJSON := cmd.Flags().BoolP("json", "j", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, _, err := LoadConfig(sources())
		if err != nil {
			return &ConfigError{err}
		}
		findings := Doctor(cmd.Context(), c)
		if *asJSON {
			enc := json.NewEncoder(stdout)
			enc.SetIndent("", "    ")
			if err := enc.Encode(findings); err != nil {
				return err
			}
		} else {
			for _, f := range findings {
				fmt.Fprintf(stdout, "%-5s %-15s %s\n", f.Verdict, f.Check, f.Detail)
				if f.Fix != "" {
					fmt.Fprintf(stdout, "      %-15s → %s\n", "", f.Fix)
				}
			}
		}
		for _, f := range findings {
			if f.Verdict == Fail {
				return ErrUnhealthy
			}
		}
		return nil
	}
	return cmd
}

// ErrUnhealthy is what doctor returns when it has printed something that will not work.
var ErrUnhealthy = errors.New("something will not work: see the lines that begin with fail")

// ConfigError holds everything that is wrong with the configuration.
type ConfigError struct{ Err error }

// Error lists one problem a line.
func (e *ConfigError) Error() string {
	return "the configuration is wrong:\n  " + strings.ReplaceAll(e.Err.Error(), "\n", "\n  ")
}

// Unwrap returns the problems.
func (e *ConfigError) Unwrap() error { return e.Err }
