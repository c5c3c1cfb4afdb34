package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
)

func (a *app) executionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "execution", Aliases: []string{"ex"}, Short: "Look at executions, watch, cancel and repeat them"}
	cmd.AddCommand(a.executionListCommand(), a.executionGetCommand(), a.executionTailCommand(), a.executionCancelCommand(), a.executionRerunCommand(),
		a.executionPauseCommand(), a.executionResumeCommand(), a.executionTreeCommand(), a.executionHistoryCommand(), a.executionContextCommand(), a.executionDiffCommand())
	return cmd
}

func (a *app) executionListCommand() *cobra.Command {
	var (
		out format
		q   client.ExecutionQuery
		all bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List executions, the newest first",
		Long: `List executions, the newest first. The tasks of workflows are left out; --parent
lists those of one workflow, --all lists everything.`,
		Example: "  squall execution list -n 20\n  squall execution list --action core.local --status failed\n  squall execution list --parent 6b0314e16e31f466e4e4acc3",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			if q.Status != "" && !squall.Status(q.Status).Known() {
				return usageErrorf("%q is not a status; there are %s", q.Status, joinStatuses())
			}
			if q.Parent == "" && !all {
				q.Parent = "null"
			}
			list, err := c.Executions(cmd.Context(), q)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			return a.printExecutions(list)
		},
	}
	out.addTo(cmd)
	cmd.Flags().IntVarP(&q.Limit, "last", "n", 50, "how many")
	cmd.Flags().StringVar(&q.Parent, "parent", "", "only the tasks of this workflow execution")
	cmd.Flags().BoolVar(&all, "all", false, "the tasks of workflows too")
	cmd.Flags().StringVar(&q.Action, "action", "", "only executions of this action")
	cmd.Flags().StringVar(&q.Status, "status", "", "only executions in this state")
	cmd.Flags().StringVar(&q.User, "user", "", "only executions of this user")
	return cmd
}

func joinStatuses() string {
	words := make([]string, len(squall.Statuses))
	for i, s := range squall.Statuses {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

func (a *app) printExecutions(list []wire.Execution) error {
	st := newStyles(a.io.renderer())
	now := time.Now()
	rows := make([][]string, len(list))
	for i, ex := range list {
		took := "-"
		if ex.EndTimestamp != nil {
			took = short(time.Duration(ex.Elapsed * float64(time.Second)))
		}
		rows[i] = []string{ex.ID, st.ofStatus(ex.Status), ex.ActionRef(), firstOf(ex.User(), "-"), ago(ex.StartTimestamp.Time, now), took}
	}
	return a.io.table(st, []string{"ID", "STATUS", "ACTION", "USER", "REQUESTED", "TOOK"}, rows)
}

func (a *app) executionGetCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:        "get ID",
		SuggestFor: []string{"show", "view", "result"},
		Short:      "Show an execution with its result",
		Example:    "  squall execution get 6b0314e16e31f466e4e4acc3\n  squall execution get last -j",
		Args:       cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ex, err := execution(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, ex)
			}
			return a.showExecution(ex)
		},
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) showExecution(ex *wire.Execution) error {
	st := newStyles(a.io.renderer())
	w := a.io.Stdout
	line := func(key, value string) {
		fmt.Fprintf(w, "%s %s\n", st.key.Render(fmt.Sprintf("%-12s", key+":")), value)
	}
	line("id", ex.ID)
	line("action", ex.ActionRef())
	line("status", st.ofStatus(ex.Status))
	line("user", firstOf(ex.User(), "-"))
	line("requested", localTime(&ex.StartTimestamp))
	line("ended", localTime(ex.EndTimestamp))
	if ex.EndTimestamp != nil {
		line("took", short(time.Duration(ex.Elapsed*float64(time.Second))))
	}
	if ex.Parent != "" {
		line("parent", ex.Parent)
	}
	if len(ex.Log) > 0 {
		var steps []string
		for _, l := range ex.Log {
			steps = append(steps, string(l.Status))
		}
		line("log", strings.Join(steps, " → "))
	}
	for _, doc := range []struct {
		name string
		text []byte
	}{{"parameters", ex.Parameters}, {"result", ex.Result}} {
		if len(doc.text) == 0 {
			continue
		}
		fmt.Fprintln(w, st.key.Render(doc.name+":"))
		if err := printYAML(&indented{w: w}, doc.text); err != nil {
			return err
		}
	}
	return nil
}

func localTime(t *wire.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05.000 MST")
}

func (a *app) executionTailCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:        "tail ID",
		SuggestFor: []string{"logs", "log", "follow", "watch"},
		Aliases:    []string{"output"},
		Short:      "Show an execution's output, live until it ends",
		Example:    "  squall execution tail last",
		Args:       cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ex, err := execution(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), c, ex, o)
		},
	}
	o.addTo(cmd)
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print the action's output only")
	cmd.Flags().DurationVar(&o.timeout, "wait", 0, "wait no longer than this; the action goes on")
	return cmd
}

func (a *app) executionCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:        "cancel ID...",
		SuggestFor: []string{"stop", "kill", "abort", "delete"},
		Short:      "Stop executions",
		Example:    "  squall execution cancel 6b0314e16e31f466e4e4acc3",
		Args:       cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			st := newStyles(a.io.renderer())
			for _, id := range args {
				if id, err = outermost(cmd.Context(), c, id); err != nil {
					return err
				}
				ex, err := c.Cancel(cmd.Context(), id)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.io.Stdout, "%s %s\n", ex.ID, st.ofStatus(ex.Status))
			}
			return nil
		},
	}
}

func (a *app) executionPauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "pause ID...",
		Short:   "Let workflows start no more tasks; running actions end first",
		Example: "  squall execution pause 6b0314fc6e31f466e4e4acd2",
		Args:    cobra.MinimumNArgs(1),
		RunE:    a.withClient(a.eachExecution((*client.Client).Pause, "To go on: squall execution resume %s")),
	}
}

func (a *app) executionResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "resume ID...",
		Short:   "Let paused workflows go on",
		Example: "  squall execution resume 6b0314fc6e31f466e4e4acd2",
		Args:    cobra.MinimumNArgs(1),
		RunE:    a.withClient(a.eachExecution((*client.Client).Resume, "To watch it: squall execution tail %s")),
	}
}

// eachExecution does something to each of some executions and says what to do next.
func (a *app) eachExecution(do func(*client.Client, context.Context, string) (*wire.Execution, error), next string) func(context.Context, *client.Client, []string) error {
	return func(ctx context.Context, c *client.Client, ids []string) error {
		st := newStyles(a.io.renderer())
		for _, id := range ids {
			id, err := outermost(ctx, c, id)
			if err != nil {
				return err
			}
			ex, err := do(c, ctx, id)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.io.Stdout, "%s %s\n"+next+"\n", ex.ID, st.ofStatus(ex.Status), ex.ID)
		}
		return nil
	}
}

func (a *app) executionRerunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:        "re-run ID [name=value ...]",
		SuggestFor: []string{"rerun", "repeat", "retry"},
		Short:      "Run an execution's action again with the same parameters",
		Long: `Run an execution's action again with the same parameters. Parameters given here
replace those of the first run.`,
		Example: "  squall execution re-run 6b0314e16e31f466e4e4acc3\n  squall execution re-run last timeout=600",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := a.connect()
			if err != nil {
				return err
			}
			first, err := execution(ctx, c, args[0])
			if err != nil {
				return err
			}
			req := wire.ReRunRequest{Delay: o.delay.Milliseconds()}
			if len(args) > 1 {
				action, err := c.Action(ctx, first.ActionRef())
				if err != nil {
					return err
				}
				runner, err := c.RunnerType(ctx, action.Runner)
				if err != nil {
					return err
				}
				if req.Parameters, err = parseParams(action, runner, args[1:]); err != nil {
					return err
				}
			}
			ex, err := c.Rerun(ctx, first.ID, req)
			if err != nil {
				return err
			}
			if o.async {
				return a.printStarted(ex, o)
			}
			return a.watch(ctx, c, ex, o)
		},
	}
	o.addTo(cmd)
	cmd.Flags().BoolVarP(&o.async, "async", "a", false, "do not wait: print the new execution's id")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print the action's output only")
	cmd.Flags().DurationVar(&o.delay, "delay", 0, "start so much later, such as 10m")
	return cmd
}
