package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"squall/internal/app"
	"squall/internal/cli"
)

// commandPage is the tree of commands as one page: a table of them all, and a
// section for each with what its --help says.
func commandPage() (string, error) {
	root := cli.New(&cli.IO{Stdout: io.Discard, Stderr: io.Discard, Env: func(string) string { return "" }}, "", app.Commands(io.Discard, io.Discard)...)
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString(generated)
	b.WriteString("# Commands\n\n" +
		"What `squall COMMAND --help` says, on one page. [The command line](../cli.md) explains how\n" +
		"to find the server, how to log in, and what the exit status means.\n\n" +
		"Every command also takes `--url` (address of the server, `SQUALL_URL`), `--token`\n" +
		"(`SQUALL_TOKEN`) and `--help`.\n\n")
	for _, cmd := range visible(root) {
		fmt.Fprintf(&b, "- [`squall %s`](#squall-%s): %s\n", cmd.Name(), cmd.Name(), lowerFirst(cmd.Short))
	}
	for _, cmd := range visible(root) {
		commandSection(&b, cmd)
	}
	return b.String(), nil
}

func commandSection(b *strings.Builder, cmd *cobra.Command) {
	below := visible(cmd)
	level := "###"
	if cmd.Parent() == cmd.Root() {
		level = "##"
	}
	fmt.Fprintf(b, "\n%s %s\n\n", level, cmd.CommandPath())
	about := cmd.Short + "."
	if cmd.Long != "" && cmd.Name() != "completion" && !strings.HasPrefix(cmd.CommandPath(), "squall completion") {
		about = strings.TrimSpace(cmd.Long)
	}
	fmt.Fprintf(b, "%s\n", about)
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso called `%s`.\n", strings.Join(cmd.Aliases, "`, `"))
	}
	if cmd.Runnable() {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		flagTable(b, cmd)
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n```text\n%s\n```\n", unindent(cmd.Example))
	}
	for _, sub := range below {
		commandSection(b, sub)
	}
}

// flagTable lists a command's own flags.
func flagTable(b *strings.Builder, cmd *cobra.Command) {
	head := "\n| flag | |\n|---|---|\n"
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind != "" {
			name += " " + kind
		}
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "0s" && !strings.Contains(usage, "default") {
			usage += " (default " + d + ")"
		}
		fmt.Fprintf(b, "%s| `%s` | %s |\n", head, name, cell(usage))
		head = ""
	})
}

// visible are the commands below cmd that help lists, in the order of their names.
func visible(cmd *cobra.Command) (list []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			list = append(list, sub)
		}
	}
	return list
}

// cell makes a text fit into a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(strings.TrimSpace(s))
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func unindent(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}
