package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
)

func (a *app) actionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "action", Short: "Look at the actions that can be run"}
	cmd.AddCommand(a.actionListCommand(), a.actionGetCommand())
	return cmd
}

func (a *app) actionListCommand() *cobra.Command {
	var (
		out  format
		pack string
	)
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the actions",
		Example: "  squall action list\n  squall action list --pack core -j",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			actions, err := c.Actions(cmd.Context(), client.ActionQuery{Pack: pack})
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, actions)
			}
			st := newStyles(a.io.renderer())
			rows := make([][]string, len(actions))
			for i, ac := range actions {
				rows[i] = []string{ac.Ref, ac.Runner, oneLine(ac.Description)}
			}
			return a.io.table(st, []string{"ACTION", "RUNNER", "DESCRIPTION"}, rows)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVarP(&pack, "pack", "p", "", "only actions of this pack")
	return cmd
}

func (a *app) actionGetCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:               "get ACTION",
		Short:             "Show an action and the parameters it takes",
		Example:           "  squall action get core.local",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAction,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			action, runner, err := actionAndRunner(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, action)
			}
			return a.showAction(action, runner)
		},
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) showAction(action *wire.Action, runner *wire.RunnerType) error {
	st := newStyles(a.io.renderer())
	w := a.io.Stdout
	fmt.Fprintf(w, "%s\n", st.head.Render(action.Ref))
	if action.Description != "" {
		fmt.Fprintf(w, "%s\n", strings.TrimSpace(action.Description))
	}
	fmt.Fprintf(w, "\n%s %s\n", st.key.Render("runner: "), action.Runner)
	if !action.Enabled {
		fmt.Fprintf(w, "%s no: it cannot be run now\n", st.key.Render("enabled:"))
	}
	rows := parameterRows(action, runner)
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return a.io.table(st, []string{"PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"}, rows)
}

// parameterRows are what a caller may give, for a table.
func parameterRows(action *wire.Action, runner *wire.RunnerType) [][]string {
	list := takes(action, runner)
	rows := make([][]string, len(list))
	for i, e := range list {
		name, def := e.name, string(e.Default)
		if e.Required {
			name += " *"
		}
		switch {
		case e.Secret && e.hasDefault():
			def = "********"
		case !e.hasDefault():
			def = "-"
		}
		typ := strings.NewReplacer(`"`, "", "[", "", "]", "").Replace(string(e.Type))
		rows[i] = []string{name, firstOf(typ, "any"), def, oneLine(e.Description)}
	}
	return rows
}

// completeAction offers references of actions to the shell.
func (a *app) completeAction(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	actions, err := c.Actions(cmd.Context(), client.ActionQuery{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var refs []string
	for _, ac := range actions {
		if strings.HasPrefix(ac.Ref, prefix) {
			refs = append(refs, ac.Ref+"\t"+oneLine(ac.Description))
		}
	}
	return refs, cobra.ShellCompDirectiveNoFileComp
}
