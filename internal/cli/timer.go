package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/timer"
)

func (a *app) timerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "timer", Short: "Try crontab lines and other times, take over crontabs"}
	cmd.AddCommand(a.timerNextCommand(), a.timerImportCommand())
	return cmd
}

// maxTimerRuns bounds what one command prints.
const maxTimerRuns = 100_000

func (a *app) timerNextCommand() *cobra.Command {
	var zone, from, key string
	var count int
	var out format
	cmd := &cobra.Command{
		Use:   "next SPEC...",
		Short: "Say when a schedule is due, without a server",
		Long: `Say when a schedule is due next. SPEC is one of

  a crontab schedule      '30 3 * * mon-fri', '@daily', 'H H(0-5) * * *'
  parameters of a timer   hour=3 minute=30 day_of_week=mon-fri
                          unit=hours delta=6
                          date='2027-01-01 12:00'
  the same as JSON        '{"hour": 3, "minute": 30}'

Parameters mean what they mean in StackStorm's core.st2.CronTimer, IntervalTimer
and DateTimer. Intervals are counted from --from.`,
		Example: `  squall timer next '0 2 * * *' --zone Europe/Berlin --from 2027-03-27T12:00:00Z
  squall timer next day='last fri' hour=18 -n 3
  squall timer next 'H H(0-5) * * *' --key backup@node17`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if count < 1 || count > maxTimerRuns {
				return usageErrorf("-n %d: want 1 to %d", count, maxTimerRuns)
			}
			at := timer.At{Now: time.Now()}
			var err error
			if from != "" {
				if at.Now, err = time.Parse(time.RFC3339, from); err != nil {
					return usageErrorf("--from %s: want a time such as 2027-03-27T12:00:00Z", from)
				}
			}
			if zone == "Local" || zone == "" {
				at.Zone = time.Local
			} else if at.Zone, err = time.LoadLocation(zone); err != nil {
				return usageErrorf("--zone %s: there is no such time zone", zone)
			}
			spec, err := parseTimer(args, key, at)
			if err != nil {
				return usageErrorf("%w", err)
			}
			return a.printRuns(out, spec, at.Now, count)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVar(&zone, "zone", "", "time zone, such as Europe/Berlin (default: this machine's)")
	cmd.Flags().StringVar(&from, "from", "", "look from this time on, in RFC 3339 (default: now)")
	cmd.Flags().StringVar(&key, "key", "", "what H is spread by, such as the name of the schedule")
	cmd.Flags().IntVarP(&count, "count", "n", 10, "how many times to print")
	return cmd
}

// parseTimer reads a schedule as a person writes it.
func parseTimer(args []string, key string, at timer.At) (timer.Spec, error) {
	text := strings.Join(args, " ")
	doc := []byte(text)
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "{"):
	case strings.Contains(args[0], "="):
		parameters := map[string]any{}
		for _, arg := range args {
			name, value, ok := strings.Cut(arg, "=")
			if !ok {
				return timer.Spec{}, fmt.Errorf("%q is not name=value", arg)
			}
			parameters[name] = value
			if name == "delta" {
				parameters[name] = json.Number(value)
			}
		}
		var err error
		if doc, err = json.Marshal(parameters); err != nil {
			return timer.Spec{}, fmt.Errorf("%s: delta is not a number", text)
		}
	default:
		return timer.ParseCrontab(text, key, at)
	}
	var has struct{ Unit, Delta, Date any }
	if err := json.Unmarshal(doc, &has); err != nil {
		return timer.Spec{}, fmt.Errorf("%s: %w", text, err)
	}
	kind := timer.Cron
	switch {
	case has.Unit != nil || has.Delta != nil:
		kind = timer.Interval
	case has.Date != nil:
		kind = timer.Date
	}
	return timer.Parse(kind, doc, at)
}

// printRuns prints one time per line, or a list for machines.
func (a *app) printRuns(out format, spec timer.Spec, from time.Time, count int) error {
	runs := make([]string, 0, min(count, 1000))
	at := from.Add(-1) // a run at the very instant counts
	for len(runs) < count {
		next, ok := spec.Next(at)
		if !ok {
			break
		}
		layout := "Mon 2006-01-02 15:04:05 -0700 MST"
		if out.machine() {
			layout = time.RFC3339Nano
		}
		runs, at = append(runs, next.Format(layout)), next
	}
	if out.machine() {
		return out.print(a.io.Stdout, runs)
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintln(a.io.Stderr, "never again")
		return err
	}
	_, err := fmt.Fprintln(a.io.Stdout, strings.Join(runs, "\n"))
	return err
}
