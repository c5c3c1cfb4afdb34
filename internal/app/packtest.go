package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"squall/internal/pyenv"
	"squall/internal/squall"
	pylib "squall/python"
)

func packTestCommand(stdout, stderr io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test DIR [PATTERN]",
		Short: "Run the unit tests of a pack",
		Long: `Run the tests in the directory tests of a pack: files called test_*.py, or matching
PATTERN, with Python's unittest. They find what actions find (st2common, st2client,
st2tests) and the pack's own modules. No server is needed.

The Python is that of the pack's installed environment where it has one, python.path
otherwise. With --install an environment is made for the tests alone, from
requirements.txt and requirements-tests.txt.`,
		Example: "  squall pack test ./mypack\n  squall pack test ./mypack test_parse.py -v\n  squall pack test ./mypack --install --set python.wheels=/srv/wheels",
		Args:    cobra.RangeArgs(1, 2),
	}
	sources := sourceFlags(cmd)
	verbose := cmd.Flags().BoolP("verbose", "v", false, "name every test")
	install := cmd.Flags().Bool("install", false, "make an environment with what the pack and its tests require")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, _, err := LoadConfig(sources())
		if err != nil {
			return &ConfigError{err}
		}
		t := packTest{config: c, dir: args[0], stdout: stdout, stderr: stderr, verbose: *verbose}
		if len(args) > 1 {
			t.pattern = args[1]
		}
		return t.run(cmd.Context(), *install)
	}
	return cmd
}

// packTest is one run of a pack's unit tests.
type packTest struct {
	config         *Config
	dir, pattern   string
	verbose        bool
	stdout, stderr io.Writer
}

func (t *packTest) run(ctx context.Context, install bool) error {
	dir, err := filepath.Abs(t.dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "pack.yaml")); err != nil {
		return squall.Errorf(squall.NotFound, "%s is no pack: there is no pack.yaml", t.dir)
	}
	scratch, err := os.MkdirTemp("", "squall-pack-test-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a leftover below the temporary directory is no failure
	lib, err := pylib.Unpack(scratch)
	if err != nil {
		return err
	}
	python := t.config.Python.Path
	if own := filepath.Join(t.config.virtualenvs(), filepath.Base(dir), "bin", "python"); isThere(own) {
		python = own
	}
	if install {
		if python, err = t.environment(ctx, dir, scratch); err != nil {
			return err
		}
	}
	if _, err := exec.LookPath(python); err != nil {
		return squall.Errorf(squall.Unavailable, "there is no Python on this machine (%s); install python3 or set python.path", python)
	}
	argv := []string{"-X", "utf8", filepath.Join(lib, "lib", "squall_runner", "packtest.py"), dir}
	if t.pattern != "" {
		argv = append(argv, t.pattern)
	}
	if t.verbose {
		argv = append(argv, "-v")
	}
	cmd := exec.CommandContext(ctx, python, argv...)
	cmd.Stdout, cmd.Stderr = t.stdout, t.stderr
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1") // nothing of a test stays in the pack
	if err := cmd.Run(); err != nil {
		if _, failed := errors.AsType[*exec.ExitError](err); failed {
			return squall.Errorf(squall.Invalid, "the tests of pack %s have failed", filepath.Base(dir))
		}
		return err
	}
	return nil
}

// environment makes an environment for the tests and returns its Python.
func (t *packTest) environment(ctx context.Context, dir, scratch string) (string, error) {
	var all bytes.Buffer
	for _, name := range []string{pyenv.File, "requirements-tests.txt"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		fmt.Fprintf(&all, "%s\n", text)
	}
	wants := filepath.Join(scratch, "wants")
	if err := os.Mkdir(wants, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(wants, pyenv.File), all.Bytes(), 0o644); err != nil {
		return "", err
	}
	maker := t.config.environments()
	maker.Dir = filepath.Join(scratch, "virtualenvs")
	env, err := maker.Prepare(ctx, filepath.Base(dir), wants, true, t.stderr)
	if err != nil || env == "" {
		return t.config.Python.Path, err
	}
	return filepath.Join(env, "bin", "python"), nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// environments makes the environments of packs.
func (c *Config) environments() *pyenv.Maker {
	return &pyenv.Maker{
		Dir: c.virtualenvs(), Python: c.Python.Path, Installer: c.Python.Installer,
		Index: c.Python.Index, Wheels: c.Python.Wheels, SitePackages: c.Python.SitePackages,
	}
}
