package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"squall/internal/auth"
	"squall/internal/squall"
)

// rbacCommand works on the files of roles, on the server's machine; the commands
// that ask a server what is in force are merged into it.
func rbacCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Check and put in force the files of roles",
		Long: `Check and put in force the files of roles: roles/, assignments/ and mappings/ in
rbac.dir, in StackStorm's formats (docs/access.md). A running server follows the
directory; nothing has to be restarted.`,
	}
	cmd.AddCommand(rbacValidateCommand(stdout), rbacApplyCommand(stdout))
	return cmd
}

func rbacValidateCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check files of roles without a server and say everything that is wrong",
		Long: `Read the files as the server does, and print every mistake with file, line and
column. Without DIR it is rbac.dir. Exit status 2 when the server would refuse them.`,
		Example: "  squall rbac validate\n  squall rbac validate ./rbac",
		Args:    cobra.MaximumNArgs(1),
	}
	sources := sourceFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		dir, err := rbacDir(sources, args)
		if err != nil {
			return err
		}
		p, err := readPolicy(dir)
		if err != nil {
			return squall.Errorf(squall.Invalid, "%w", err)
		}
		_, err = fmt.Fprintf(stdout, "%s is right: %d roles, %d assignments\n", dir, len(p.Roles)-len(auth.SystemRoles), len(p.Assignments))
		return err
	}
	return cmd
}

func rbacApplyCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply DIR",
		Short: "Put files of roles in the place of those in force",
		Long: `Check the files in DIR and, when all is right, put them in the place of those in
rbac.dir, as a whole. Prints what changes: which roles and which assignments are
new, different or gone. A running server takes them within seconds and writes the
change into the audit log. In a cluster, apply them on every node.

This is what st2-apply-rbac-definitions does in StackStorm.`,
		Example: "  squall rbac apply --dry-run ./rbac\n  squall rbac apply ./rbac",
		Args:    cobra.ExactArgs(1),
	}
	sources := sourceFlags(cmd)
	dry := cmd.Flags().Bool("dry-run", false, "print what would change, and change nothing")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		into, err := rbacDir(sources, nil)
		if err != nil {
			return err
		}
		next, err := readPolicy(args[0])
		if err != nil {
			return squall.Errorf(squall.Invalid, "%w", err)
		}
		before, err := readPolicy(into)
		if err != nil {
			before = &auth.Policy{} // what is there is wrong already: all of it goes
		}
		for _, line := range changesOf(before, next) {
			if _, err := fmt.Fprintln(stdout, line); err != nil {
				return err
			}
		}
		if *dry {
			return nil
		}
		if err := replaceDir(args[0], into); err != nil {
			return squall.Errorf(squall.Unavailable, "the files cannot be put into %s: %w", into, err)
		}
		_, err = fmt.Fprintf(stdout, "%d roles and %d assignments are in %s\n", len(next.Roles)-len(auth.SystemRoles), len(next.Assignments), into)
		return err
	}
	return cmd
}

// rbacDir is the directory named, or that of the configuration.
func rbacDir(sources func() Sources, args []string) (string, error) {
	if len(args) > 0 {
		if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
			return "", squall.Errorf(squall.NotFound, "%s is not a directory", args[0])
		}
		return args[0], nil
	}
	c, _, err := LoadConfig(sources())
	if err != nil {
		return "", &ConfigError{err}
	}
	return c.RBACPath(), nil
}

// changesOf says in lines what differs between two policies.
func changesOf(before, after *auth.Policy) []string {
	var lines []string
	lines = append(lines, difference("role", rolesByName(before), rolesByName(after))...)
	return append(lines, difference("assignment", assignmentsByName(before), assignmentsByName(after))...)
}

func rolesByName(p *auth.Policy) map[string]string {
	found := map[string]string{}
	for _, r := range p.Roles {
		if !r.System {
			found[r.Name] = fmt.Sprintf("%+v", r)
		}
	}
	return found
}

func assignmentsByName(p *auth.Policy) map[string]string {
	found := map[string]string{}
	for _, a := range p.Assignments {
		who := a.User
		if a.Group != "" {
			who = "group " + a.Group
		}
		found[who+" → "+a.Role] = a.Description
	}
	return found
}

// difference lists what is new (+), different (~) and gone (-), by name.
func difference(what string, before, after map[string]string) []string {
	var lines []string
	for name, text := range after {
		switch old, known := before[name]; {
		case !known:
			lines = append(lines, "+ "+what+" "+name)
		case old != text:
			lines = append(lines, "~ "+what+" "+name)
		}
	}
	for name := range before {
		if _, stays := after[name]; !stays {
			lines = append(lines, "- "+what+" "+name)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return lines
}

// replaceDir puts a copy of the YAML files of from in the place of into, in one
// step: a server that looks just then must not take a half for the whole.
func replaceDir(from, into string) error {
	if err := os.MkdirAll(filepath.Dir(into), 0o700); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(filepath.Dir(into), ".rbac-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage) //nolint:errcheck // what is left is hidden and harmless
	fresh := filepath.Join(stage, "new")
	for _, sub := range []string{"roles", "assignments", "mappings"} {
		if err := copyYAML(filepath.Join(from, sub), filepath.Join(fresh, sub)); err != nil {
			return err
		}
	}
	info, err := os.Stat(into)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(fresh, into)
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(fresh, info.Mode().Perm()); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, into, unix.RENAME_EXCHANGE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// Some network file systems cannot exchange: for a moment there is nothing,
	// and nothing permits nothing.
	old := filepath.Join(stage, "old")
	if err := os.Rename(into, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, into); err != nil {
		return errors.Join(err, os.Rename(old, into))
	}
	return nil
}

// copyYAML copies the files that are read; a directory that is not there is
// made empty.
func copyYAML(from, into string) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(into, e.Name()), text, 0o644); err != nil { //nolint:gosec // roles are no secret
			return err
		}
	}
	return nil
}
