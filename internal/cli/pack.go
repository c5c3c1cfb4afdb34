package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/client"
	"squall/internal/squall"
)

func (a *app) packCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "pack", Short: "Check, install and look at packs"}
	cmd.AddCommand(a.packListCommand(), a.packGetCommand(), a.packConfigCommand(), a.packRegisterCommand(),
		a.packInstallCommand(), a.packRemoveCommand(), a.packSearchCommand(), a.packShowCommand())
	return cmd
}

func (a *app) packListCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the registered packs",
		Example: "  squall pack list\n  squall pack list -j",
		Args:    cobra.NoArgs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			packs, err := c.Packs(ctx)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, packs)
			}
			rows := make([][]string, len(packs))
			for i, p := range packs {
				rows[i] = []string{p.Ref, p.Version, firstOf(p.Author, "-"), oneLine(p.Description)}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"PACK", "VERSION", "AUTHOR", "DESCRIPTION"}, rows)
		}),
	}
	out.addTo(cmd)
	return cmd
}

// withClient makes the function of a command that talks to a server.
func (a *app) withClient(fn func(context.Context, *client.Client, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		return fn(cmd.Context(), c, args)
	}
}

func (a *app) packGetCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:     "get PACK",
		Short:   "Show a registered pack",
		Example: "  squall pack get core",
		Args:    cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			p, err := c.Pack(ctx, args[0])
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, p)
			}
			st := newStyles(a.io.renderer())
			w := a.io.Stdout
			fmt.Fprintf(w, "%s %s\n", st.head.Render(p.Ref), p.Version)
			if p.Description != "" {
				fmt.Fprintf(w, "%s\n", strings.TrimSpace(p.Description))
			}
			fmt.Fprintln(w)
			for _, line := range []struct{ key, value string }{
				{"author:", strings.TrimSpace(p.Author + " " + p.Email)},
				{"keywords:", strings.Join(p.Keywords, ", ")},
				{"needs packs:", strings.Join(p.Dependencies, ", ")},
				{"needs version:", p.ServerVersion},
				{"directory:", p.Path},
				{"files:", fmt.Sprint(len(p.Files))},
			} {
				if line.value != "" {
					fmt.Fprintf(w, "%s %s\n", st.key.Render(fmt.Sprintf("%-14s", line.key)), line.value)
				}
			}
			return nil
		}),
	}
	out.addTo(cmd)
	return cmd
}

// packConfigCommand shows what a pack says of its configuration.
func (a *app) packConfigCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:   "config PACK",
		Short: "Show what can be configured of a pack",
		Long: `Show the keys of a pack's configuration as its config.schema.yaml declares them:
type, default, whether a value must be given (*) and whether it is secret.`,
		Example: "  squall pack config hubot",
		Args:    cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			doc, err := c.ConfigSchema(ctx, args[0])
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, doc)
			}
			var schema struct {
				Attributes map[string]struct {
					Type        any             `json:"type"`
					Description string          `json:"description"`
					Default     json.RawMessage `json:"default"`
					Required    bool            `json:"required"`
					Secret      bool            `json:"secret"`
				} `json:"attributes"`
			}
			if err := json.Unmarshal(doc, &schema); err != nil {
				return err
			}
			var rows [][]string
			for name, at := range schema.Attributes {
				def := firstOf(string(at.Default), "-")
				if at.Secret && def != "-" {
					def = "********"
				}
				if at.Required {
					name += " *"
				}
				typ := "any"
				if at.Type != nil {
					typ = fmt.Sprint(at.Type)
				}
				if at.Secret {
					typ += ", secret"
				}
				rows = append(rows, []string{name, typ, def, oneLine(at.Description)})
			}
			slices.SortFunc(rows, func(x, y []string) int { return strings.Compare(x[0], y[0]) })
			return a.io.table(newStyles(a.io.renderer()), []string{"KEY", "TYPE", "DEFAULT", "DESCRIPTION"}, rows)
		}),
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) packRegisterCommand() *cobra.Command {
	var (
		out     format
		types   []string
		lenient bool
	)
	cmd := &cobra.Command{
		Use:   "register [PACK...]",
		Short: "Register packs from their files, all of them without names",
		Long: `Read the files of packs on the server again and register what has changed. What
was changed through the API gets the form of the file again. A faulty file is
left out and makes the command fail, unless --lenient.`,
		Example: "  squall pack register\n  squall pack register mypack --types rules,actions",
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			counts, err := c.RegisterPacks(ctx, client.PackRegistration{Packs: args, Types: types, Strict: !lenient})
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, counts)
			}
			var rows [][]string
			for kind, n := range counts {
				rows = append(rows, []string{kind, fmt.Sprint(n)})
			}
			slices.SortFunc(rows, func(x, y []string) int { return strings.Compare(x[0], y[0]) })
			return a.io.table(newStyles(a.io.renderer()), []string{"KIND", "REGISTERED"}, rows)
		}),
	}
	out.addTo(cmd)
	cmd.Flags().StringSliceVar(&types, "types", nil, "only these kinds: actions, aliases, policies, rules, sensors, triggers")
	cmd.Flags().BoolVar(&lenient, "lenient", false, "faulty files are no failure")
	return cmd
}

func (a *app) packInstallCommand() *cobra.Command {
	var (
		o              runOptions
		force, without bool
	)
	cmd := &cobra.Command{
		Use:        "install PACK...",
		SuggestFor: []string{"add", "update", "upgrade"},
		Short:      "Install or upgrade packs on the server",
		Long: `Install packs, or replace those that are there. A PACK is

  https://.../x.git, git@host:x.git   a git repository
  NAME                                a pack of the server's index (packs.index)
  /path/to/pack, ./pack, ./x.tar.gz   a directory or an archive on the server

The first two may have =VERSION behind: a branch, a tag or a commit. Packs that
the pack depends on are installed first. When anything fails, the old pack is
there as before.`,
		Example: "  squall pack install https://git.example/mypack.git=v1.2.0\n  squall pack install ./mypack",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			for i, pack := range args {
				if _, err := os.Stat(filepath.Join(pack, "pack.yaml")); err == nil && !strings.Contains(pack, "/") {
					fmt.Fprintf(a.io.Stderr, "%s means the name in the server's index; the directory here is ./%s\n", pack, pack)
				}
				args[i] = hereAbsolute(pack)
			}
			id, err := c.InstallPacks(ctx, args, force, without)
			return a.follow(ctx, c, id, err, o)
		}),
	}
	o.format.addTo(cmd)
	cmd.Flags().BoolVarP(&o.async, "async", "a", false, "do not wait: print the execution's id")
	cmd.Flags().BoolVar(&force, "force", false, "install also what is faulty, or made for another version")
	cmd.Flags().BoolVar(&without, "skip-dependencies", false, "do not install the packs it depends on")
	return cmd
}

// hereAbsolute completes ./x and ../x, which people mean from where they are and
// not from where the server is.
func hereAbsolute(pack string) string {
	if pack != "." && !strings.HasPrefix(pack, "./") && !strings.HasPrefix(pack, "../") {
		return pack
	}
	if whole, err := filepath.Abs(pack); err == nil {
		return whole
	}
	return pack
}

func (a *app) packRemoveCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:     "remove PACK...",
		Aliases: []string{"uninstall"},
		Short:   "Remove packs from the server",
		Long:    "Remove packs and all that was registered of them. Their configuration and the\nexecutions of their actions stay.",
		Example: "  squall pack remove mypack",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			id, err := c.UninstallPacks(ctx, args)
			return a.follow(ctx, c, id, err, o)
		}),
	}
	o.format.addTo(cmd)
	cmd.Flags().BoolVarP(&o.async, "async", "a", false, "do not wait: print the execution's id")
	return cmd
}

// follow watches an execution that a request has started.
func (a *app) follow(ctx context.Context, c *client.Client, id string, err error, o runOptions) error {
	if err != nil {
		return err
	}
	ex, err := c.Execution(ctx, id)
	if err != nil {
		return err
	}
	if o.async {
		return a.printStarted(ex, o)
	}
	return a.watch(ctx, c, ex, o)
}

func (a *app) packSearchCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:     "search [TEXT]",
		Short:   "Search the server's index for packs to install",
		Example: "  squall pack search backup",
		Args:    cobra.MaximumNArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			found, err := c.SearchPacks(ctx, strings.Join(args, " "))
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, found)
			}
			var rows [][]string
			for _, doc := range found {
				var p struct{ Ref, Name, Version, Description string }
				if err := json.Unmarshal(doc, &p); err != nil {
					return err
				}
				rows = append(rows, []string{firstOf(p.Ref, p.Name), p.Version, oneLine(p.Description)})
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"PACK", "VERSION", "DESCRIPTION"}, rows)
		}),
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) packShowCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:     "show PACK",
		Short:   "Show a pack of the server's index",
		Example: "  squall pack show hubot",
		Args:    cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			doc, err := c.IndexedPack(ctx, args[0])
			if err != nil {
				return err
			}
			if len(doc) == 0 || string(doc) == "{}" {
				return squall.Errorf(squall.NotFound, "pack %q is not in the server's index", args[0])
			}
			if !out.json {
				out.yaml = true
			}
			return out.print(a.io.Stdout, doc)
		}),
	}
	out.addTo(cmd)
	return cmd
}
