package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/fleet"
	"squall/internal/squall"
)

func (a *app) nodeRunCommand() *cobra.Command {
	var (
		r     wire.Rollout
		async bool
	)
	cmd := &cobra.Command{
		Use:   "run TARGET [name=value ...] [command]",
		Short: "Run a command or any action on many machines, batch by batch",
		Long: `Run a command on the machines that a target means, batch by batch, one execution
for each machine. With --action it is any action or workflow: --param names its
parameter that gets the machine.

Batches are sizes or shares: "1, 5, 20%" is one machine, then five, then a fifth
of all again and again. It stops when more than --max-fail have failed (a number
or a share; none may without it), lets what runs end, and can go on later:
squall rollout resume ID. Two rollouts never work on one machine at once, unless
--shared. Machines with the same answer are shown together.

` + targetHelp,
		Example: `  squall node run 'web & !drained' uptime
  squall node run @web --batches '1, 5, 20%' --canary --max-fail 5% systemctl restart nginx
  squall node run '*' --action site.upgrade --param host version=1.2 --batches 10%`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.nodeRun(cmd.Context(), r, args[0], args[1:], async)
		},
	}
	cmd.Flags().SetInterspersed(true)
	cmd.Flags().StringVar(&r.Action, "action", "core.remote", "the action or workflow")
	cmd.Flags().StringVar(&r.Param, "param", "", "its parameter that gets the machine (default hosts)")
	cmd.Flags().StringVarP(&r.Batches, "batches", "b", "", "sizes of the batches; all at once without it")
	cmd.Flags().StringVar(&r.Pause, "pause", "", "pause between two batches, such as 30s")
	cmd.Flags().BoolVar(&r.Canary, "canary", false, "pause after the first batch until it is resumed")
	cmd.Flags().StringVar(&r.MaxFail, "max-fail", "", "how many machines may fail: 3 or 10%")
	cmd.Flags().BoolVar(&r.Shared, "shared", false, "also machines that another rollout works on")
	cmd.Flags().BoolVarP(&async, "async", "a", false, "do not wait: print the rollout's id")
	return cmd
}

func (a *app) nodeRun(ctx context.Context, r wire.Rollout, target string, words []string, async bool) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	action, runner, err := actionAndRunner(ctx, c, r.Action)
	if err != nil {
		return err
	}
	if r.Parameters, err = parseParams(action, runner, words); err != nil {
		return err
	}
	r.Target = target
	made, err := c.CreateRollout(ctx, r)
	if err != nil {
		return err
	}
	if async {
		_, err = fmt.Fprintln(a.io.Stdout, made.ID)
		return err
	}
	if _, err := fmt.Fprintf(a.io.Stderr, "rollout %s: %d machines\n", made.ID, len(made.Hosts)); err != nil {
		return err
	}
	return a.followRollout(ctx, c, made.ID)
}

func (a *app) nodePingCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ping [TARGET]",
		Short:   "See which machines can be reached and logged in to",
		Long:    "Log in to machines and run nothing there, to see which ones can be reached.\n\n" + targetHelp,
		Example: "  squall node ping\n  squall node ping '@web & rack=7'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := firstOf(strings.Join(args, ""), "*")
			return a.nodeRun(cmd.Context(), wire.Rollout{Action: "core.remote", MaxFail: "100%", Shared: true}, target, []string{"cmd=:", "timeout=30"}, false)
		},
	}
}

// followRollout tells what happens until nothing more does, and then what the
// machines have answered.
func (a *app) followRollout(ctx context.Context, c *client.Client, id string) error {
	st := newStyles(a.io.renderer())
	told := map[string]string{}
	paused := false
	for {
		r, err := c.Rollout(ctx, id)
		if err != nil {
			return err
		}
		working := false
		for _, h := range r.Hosts {
			status := squall.Status(h.Status)
			working = working || h.Execution != "" && !status.Final()
			if status.Final() && told[h.Name] != h.Execution+h.Status {
				told[h.Name] = h.Execution + h.Status
				line := fmt.Sprintf("%s %s", st.ofStatus(status), h.Name)
				if h.Error != "" {
					line += ": " + oneLine(h.Error)
				}
				if _, err := fmt.Fprintln(a.io.Stderr, line); err != nil {
					return err
				}
			}
		}
		if r.State == string(squall.RolloutPaused) && !working && !paused {
			paused = true
			if _, err := fmt.Fprintf(a.io.Stderr, "paused: %s (squall rollout resume %s)\n", r.Reason, id); err != nil {
				return err
			}
		}
		if squall.RolloutState(r.State).Ended() && !working {
			return a.rolloutAnswers(ctx, c, r)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// rolloutAnswers prints the machines' answers, the same ones together.
func (a *app) rolloutAnswers(ctx context.Context, c *client.Client, r *wire.Rollout) error {
	answers := make([]fleet.Answer, len(r.Hosts))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, h := range r.Hosts {
		answers[i] = fleet.Answer{Host: h.Name, Text: "(not begun)"}
		if h.Error != "" {
			answers[i].Text = h.Error
		}
		if h.Execution == "" {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			answers[i].Text = answerOf(ctx, c, h)
		})
	}
	wg.Wait()
	for _, g := range fleet.GroupAnswers(answers) {
		if _, err := fmt.Fprintf(a.io.Stdout, "── %d: %s\n%s\n", len(g.Hosts), strings.Join(g.Hosts, " "), strings.TrimRight(g.Text, "\n")); err != nil {
			return err
		}
	}
	if r.State != string(squall.RolloutSucceeded) {
		return &ExitError{Code: ExitFailed, Err: fmt.Errorf("rollout %s is %s: %s", r.ID, r.State, r.Reason)}
	}
	return nil
}

// answerOf is what a machine said: of a remote command its output, of anything
// else the result.
func answerOf(ctx context.Context, c *client.Client, h wire.RolloutHost) string {
	body, err := c.Result(ctx, h.Execution)
	if err != nil {
		return err.Error()
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return err.Error()
	}
	var byHost map[string]struct {
		Stdout, Stderr json.RawMessage
		ReturnCode     *int `json:"return_code"`
		Error          string
	}
	if json.Unmarshal(text, &byHost) != nil || len(byHost) != 1 {
		return h.Status + " " + string(text)
	}
	for _, e := range byHost {
		if e.ReturnCode == nil {
			break
		}
		said := plainText(e.Stdout) + plainText(e.Stderr)
		if e.Error != "" {
			said = strings.TrimRight(e.Error+"\n"+said, "\n")
		} else if *e.ReturnCode != 0 {
			said = fmt.Sprintf("exit code %d\n%s", *e.ReturnCode, said)
		}
		return said
	}
	return h.Status + " " + string(text)
}

func plainText(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		s = string(v)
	}
	if s != "" {
		s += "\n"
	}
	return s
}
