package cli

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"squall/internal/st2cli"
)

// IsSt2 reports whether the program was called under the name of StackStorm's
// command line, through a link.
func IsSt2(argv0 string) bool { return filepath.Base(argv0) == "st2" }

// MainSt2 runs a command line of st2 and returns its exit code.
func MainSt2(ctx context.Context, io *IO, version string, args []string) int {
	return (&app{io: io, version: version}).st2().Main(ctx, args)
}

// resources are st2's commands as commands of ours. Unlike st2 they ask the
// terminal alone how wide it is, and are wide and without colours elsewhere.
func (a *app) resources() []*cobra.Command {
	p := a.st2()
	p.Columns = a.io.width()
	return p.Cobra(a.connect)
}

// st2 is the command line of StackStorm over the same process.
func (a *app) st2() *st2cli.Program {
	home := a.io.Env("HOME")
	if home == "" {
		home, _ = os.UserHomeDir() // without one nothing is kept
	}
	columns, err := strconv.Atoi(a.io.Env("COLUMNS"))
	if err != nil {
		columns = a.io.widthAnywhere()
	}
	return &st2cli.Program{
		IO: st2cli.IO{
			Stdin: a.io.Stdin, Stdout: a.io.Stdout, Stderr: a.io.Stderr, Env: a.io.Env, Environ: os.Environ,
			Home: home, Columns: columns, ReadPassword: a.io.ReadPassword, Edit: a.io.Edit,
		},
		Version: a.version,
		Kept: func(url string) string {
			kept, _ := a.credentials().get(url)
			return kept.Token
		},
	}
}
