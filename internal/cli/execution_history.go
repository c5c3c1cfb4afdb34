package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
)

func (a *app) executionHistoryCommand() *cobra.Command {
	var (
		out   format
		brief bool
	)
	cmd := &cobra.Command{
		Use:   "history ID",
		Short: "List every transition of a workflow: when, what, who and why",
		Long: `List every transition of a workflow's execution in the order of time: those of the
workflow itself and those of the actions of its tasks, who asked for them, what
led to them, and which variables were published on the way.

#N is the number of the visit of a task; squall execution context ID --at N
shows the variables as they were when it began.`,
		Example: "  squall execution history last\n  squall execution history 6b0314fc6e31f466e4e4acd2 --brief",
		Args:    cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			id, err := outermost(ctx, c, args[0])
			if err != nil {
				return err
			}
			list, err := c.History(ctx, id)
			if err != nil {
				return err
			}
			if brief {
				list = slices.DeleteFunc(list, func(e wire.FlowEvent) bool { return e.Task != "" && (e.Status == "scheduled" || e.Status == "running") })
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			st := newStyles(a.io.renderer())
			rows := make([][]string, len(list))
			for i, e := range list {
				rows[i] = []string{e.Timestamp.Local().Format("15:04:05.000"), visitOf(e), e.Status, firstOf(e.By, "-"), firstOf(e.Node, "-"), whyOf(e)}
			}
			if len(list) > 0 {
				fmt.Fprintln(a.io.Stdout, st.dim.Render(list[0].Timestamp.Local().Format("Monday 2006-01-02 MST")))
			}
			return a.io.table(st, []string{"TIME", "TASK", "STATE", "WHO", "NODE", "WHY"}, rows)
		}),
	}
	out.addTo(cmd)
	cmd.Flags().BoolVarP(&brief, "brief", "b", false, "of tasks only the beginning and the end")
	return cmd
}

// visitOf names a visit of a task: "#3 build[2]".
func visitOf(e wire.FlowEvent) string {
	if e.Task == "" {
		return "(workflow)"
	}
	name := e.Task
	if e.Item != nil {
		name += fmt.Sprintf("[%d]", *e.Item)
	}
	if e.Visit != nil {
		name = fmt.Sprintf("#%d %s", *e.Visit, name)
	}
	return name
}

func whyOf(e wire.FlowEvent) string {
	why := e.Why
	if len(e.Published) > 0 {
		why += "; published " + strings.Join(e.Published, ", ")
	}
	if e.Execution != "" && e.Why != "" {
		why += "  → " + e.Execution
	}
	return firstOf(oneLine(strings.TrimPrefix(why, "; ")), "-")
}

func (a *app) executionContextCommand() *cobra.Command {
	var (
		out format
		at  string
	)
	cmd := &cobra.Command{
		Use:   "context ID",
		Short: "Show the variables of a workflow, now or as they were",
		Long: `Show the variables of a workflow's execution. --at N shows them as they were when
visit N of a task began (squall execution history numbers the visits); --at TASK
means the last visit of that task. Secrets are masked.`,
		Example: "  squall execution context last\n  squall execution context 6b0314fc6e31f466e4e4acd2 --at 2\n  squall execution context last --at deploy -j",
		Args:    cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			id, err := outermost(ctx, c, args[0])
			if err != nil {
				return err
			}
			visit, err := findVisit(ctx, c, id, at)
			if err != nil {
				return err
			}
			got, err := c.FlowContext(ctx, id, visit)
			if err != nil {
				return err
			}
			if out.json {
				return out.print(a.io.Stdout, got)
			}
			if !out.yaml {
				st := newStyles(a.io.renderer())
				what := "the newest variables"
				if got.Visit != nil {
					what = fmt.Sprintf("when visit %d began: task %s", *got.Visit, got.Task)
				}
				fmt.Fprintln(a.io.Stdout, st.dim.Render("# "+what))
			}
			return printYAML(a.io.Stdout, got.Variables)
		}),
	}
	out.addTo(cmd)
	cmd.Flags().StringVar(&at, "at", "", "number of a visit, or the name of a task")
	return cmd
}

// findVisit turns what --at says into the number of a visit, -1 for none.
func findVisit(ctx context.Context, c *client.Client, id, at string) (int, error) {
	if at == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(at, "#")); err == nil && n >= 0 {
		return n, nil
	}
	flow, err := c.Flow(ctx, id)
	if err != nil {
		return 0, err
	}
	for i := len(flow.Visits) - 1; i >= 0; i-- {
		if flow.Visits[i].Task == at {
			return i, nil
		}
	}
	return 0, usageErrorf("--at %s: the workflow has not come to a task of this name\nsee squall execution history %s", at, id)
}
