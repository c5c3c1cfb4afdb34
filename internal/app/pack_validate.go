package app

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/content"
	"squall/internal/pack"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/packs"
)

// packCommand holds what concerns packs on the server's machine; the commands
// that talk to a server are merged into it.
func packCommand(stdout, stderr io.Writer) *cobra.Command {
	cmd := &cobra.Command{Use: "pack", Short: "Check, install and look at packs"}
	cmd.AddCommand(packValidateCommand(stdout), packTestCommand(stdout, stderr))
	return cmd
}

func packValidateCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate DIR...",
		Short: "Check packs without a server and say everything that is wrong",
		Long: `Read packs as registration does, without a server, and print every problem with
file, line and column, what is meant and what to do.

A DIR is a pack or holds packs. Rules may use trigger types of the built-in packs
and of all packs given; others are listed as waiting for another pack. Exit
status 2 when a file would be refused.`,
		Example: "  squall pack validate ./mypack\n  squall pack validate /opt/stackstorm/packs --json",
		Args:    cobra.MinimumNArgs(1),
	}
	asJSON := cmd.Flags().BoolP("json", "j", false, "print JSON")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var paths []string
		for _, dir := range args {
			found, err := content.Find(dir)
			if err != nil {
				return squall.Errorf(squall.NotFound, "%w", err)
			}
			if len(found) == 0 {
				return squall.Errorf(squall.NotFound, "%s is no pack and holds none: there is no pack.yaml", dir)
			}
			paths = append(paths, found...)
		}
		known, err := builtinTriggers()
		if err != nil {
			return err
		}
		refused := 0
		verdicts := []*content.Verdict{}
		for _, p := range content.Read(paths, types.Known().RunnerType, known) {
			v := content.Judge(p)
			refused += len(v.Invalid)
			verdicts = append(verdicts, v)
		}
		if *asJSON {
			enc := json.NewEncoder(stdout)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "    ")
			if err := enc.Encode(verdicts); err != nil {
				return err
			}
		} else if err := printVerdicts(stdout, verdicts); err != nil {
			return err
		}
		if refused > 0 {
			return squall.Errorf(squall.Invalid, "%s would be refused", counted(refused, "files"))
		}
		return nil
	}
	return cmd
}

// builtinTriggers returns the trigger types that every server has.
func builtinTriggers() (pack.TriggersFunc, error) {
	var contents []*pack.Content
	for _, name := range packs.Names() {
		sub, err := fs.Sub(packs.Files, name)
		if err != nil {
			return nil, err
		}
		c, problems := pack.Read(sub, name)
		if c == nil {
			return nil, fmt.Errorf("built-in pack %s: %v", name, problems)
		}
		contents = append(contents, c)
	}
	return content.BuiltinTriggers(contents...), nil
}

// counted puts a number before a plural: "1 policy", "2 policies".
func counted(n int, plural string) string {
	if n != 1 {
		return fmt.Sprintf("%d %s", n, plural)
	}
	switch {
	case strings.HasSuffix(plural, "ies"):
		plural = strings.TrimSuffix(plural, "ies") + "y"
	case strings.HasSuffix(plural, "ses"):
		plural = strings.TrimSuffix(plural, "es")
	default:
		plural = strings.TrimSuffix(plural, "s")
	}
	return fmt.Sprintf("1 %s", plural)
}

func printVerdicts(w io.Writer, verdicts []*content.Verdict) error {
	var b strings.Builder
	for _, v := range verdicts {
		var parts []string
		for _, dir := range pack.Dirs {
			if n := v.Right[dir]; n > 0 {
				parts = append(parts, counted(n, dir))
			}
		}
		state := "ok"
		if len(v.Invalid) > 0 {
			state = "wrong"
		}
		fmt.Fprintf(&b, "%-5s %s %s: %s\n", state, v.Pack, v.Version, strings.Join(parts, ", "))
		for _, i := range v.Invalid {
			for _, problem := range i.Problems {
				fmt.Fprintf(&b, "      %s\n", problem)
			}
		}
		for _, warning := range v.Warnings {
			fmt.Fprintf(&b, "      %s\n", warning)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
