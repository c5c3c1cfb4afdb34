package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

func (a *app) rolloutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rollout", Short: "Look after actions that run on many machines (see squall node run)"}
	var again bool
	resume := a.rolloutChange("resume ID", "Go on where a rollout was paused, stopped or canceled", func() wire.RolloutChange {
		return wire.RolloutChange{State: "running", Again: again}
	})
	resume.Flags().BoolVar(&again, "again", false, "also repeat what failed")
	cmd.AddCommand(a.rolloutListCommand(), a.rolloutShowCommand(), a.rolloutFollowCommand(), resume,
		a.rolloutChange("pause ID", "Begin with no further machine; what runs goes on", func() wire.RolloutChange { return wire.RolloutChange{State: "paused"} }),
		a.rolloutChange("cancel ID", "Begin with no further machine and cancel what runs", func() wire.RolloutChange { return wire.RolloutChange{State: "canceled"} }))
	return cmd
}

func (a *app) rolloutListCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use: "list", Short: "List rollouts, the newest first", Args: cobra.NoArgs, Example: "  squall rollout list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			list, err := c.Rollouts(cmd.Context())
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			rows := make([][]string, len(list))
			for i, r := range list {
				done := 0
				for _, h := range r.Hosts {
					if squall.Status(h.Status).Final() {
						done++
					}
				}
				rows[i] = []string{r.ID, r.State, r.Action, oneLine(r.Target), fmt.Sprintf("%d/%d", done, len(r.Hosts)), r.User, ago(r.CreatedAt.Time, time.Now())}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"ID", "STATE", "ACTION", "TARGET", "DONE", "USER", "BEGAN"}, rows)
		},
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) rolloutShowCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a rollout and its machines", Args: cobra.ExactArgs(1), Example: "  squall rollout show 6b0353d4923ffe92ea60f69d",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			r, err := c.Rollout(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, r)
			}
			if _, err := fmt.Fprintf(a.io.Stdout, "%s on %s: %s %s\n", r.Action, r.Target, r.State, r.Reason); err != nil {
				return err
			}
			rows := make([][]string, len(r.Hosts))
			for i, h := range r.Hosts {
				rows[i] = []string{strconv.Itoa(h.Batch + 1), h.Name, h.Status, firstOf(h.Execution, "-"), firstOf(oneLine(h.Error), "-")}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"BATCH", "MACHINE", "STATUS", "EXECUTION", "ERROR"}, rows)
		},
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) rolloutFollowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "follow ID", Short: "Watch a rollout to its end and show what the machines answered", Args: cobra.ExactArgs(1), Example: "  squall rollout follow 6b0353d4923ffe92ea60f69d",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			return a.followRollout(cmd.Context(), c, args[0])
		},
	}
}

func (a *app) rolloutChange(use, short string, change func() wire.RolloutChange) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1), Example: "  squall rollout " + strings.Replace(use, "ID", "6b0353d4923ffe92ea60f69d", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			r, err := c.ChangeRollout(cmd.Context(), args[0], change())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "%s %s\n", r.ID, r.State)
			return err
		},
	}
}
