package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
)

// scheduleType is the trigger of schedules; schedulePack is where those live
// that people make here.
const (
	scheduleType = "std.schedule"
	schedulePack = "default"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Run actions at times",
		Long: `Run actions at times. A schedule is a rule on the trigger std.schedule, so
everything about rules holds for it: it can be disabled, tested, and its runs
are found by its name.`,
	}
	cmd.AddCommand(a.scheduleCreateCommand(), a.scheduleListCommand(), a.scheduleHistoryCommand(), a.scheduleDeleteCommand())
	return cmd
}

// schedule is the parameters of the trigger.
type schedule struct {
	Cron     string            `json:"cron,omitempty"`
	Every    string            `json:"every,omitempty"`
	At       string            `json:"at,omitempty"`
	Calendar map[string]string `json:"calendar,omitempty"`
	Timezone string            `json:"timezone,omitempty"`
	From     string            `json:"from,omitempty"`
	To       string            `json:"to,omitempty"`
	Jitter   string            `json:"jitter,omitempty"`
	Key      string            `json:"key,omitempty"`
	Missed   string            `json:"missed,omitempty"`
	Window   string            `json:"window,omitempty"`
	Grace    string            `json:"grace,omitempty"`
	Overlap  string            `json:"overlap,omitempty"`
	Depth    int               `json:"depth,omitempty"`
	DeadMan  string            `json:"dead_man,omitempty"`
	Exclude  []any             `json:"exclude,omitempty"`
	OnlyIf   string            `json:"only_if,omitempty"`
	After    []string          `json:"after,omitempty"`
}

// ruleDocument is what the API takes for a rule.
type ruleDocument struct {
	Name        string         `json:"name"`
	Pack        string         `json:"pack"`
	Description string         `json:"description,omitempty"`
	Enabled     bool           `json:"enabled"`
	Trigger     ruleTrigger    `json:"trigger"`
	Criteria    map[string]any `json:"criteria"`
	Action      ruleAction     `json:"action"`
}

type ruleTrigger struct {
	Type       string `json:"type"`
	Parameters any    `json:"parameters"`
}

type ruleAction struct {
	Ref        string          `json:"ref"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
}

func (a *app) scheduleCreateCommand() *cobra.Command {
	var s schedule
	var exclude []string
	var description string
	var machines onMachines
	cmd := &cobra.Command{
		Use:   "create NAME ACTION [PARAMETER=VALUE ...]",
		Short: "Run an action at times",
		Long: `Run an action at times: one of --cron, --every and --at says when. A schedule of
that name is replaced.

--missed says what becomes of times at which no server ran: skip (they are
gone), last (one run for all), all (each). --overlap says what a time does while
the last run is still going: allow, forbid (recorded as skipped), replace (the
old run is canceled), queue. --dead-man raises the event
std.schedule_missed when no run has succeeded so long after a time.

--only-if is an expression of workflows that has to hold, --after another schedule
that must have succeeded since the time before; both are asked again until --grace
is over.

With --on it runs on machines of the inventory, one execution for each, and the
schedule's run ends when they have ended. --pick 1 runs it on one of them; with
--failover unreachable another one takes over where nothing could be run, with
always also where it failed.`,
		Example: `  squall schedule create backup --cron '30 2 * * *' --zone Europe/Berlin --missed last core.local cmd=/usr/local/bin/backup
  squall schedule create poll --every 5m --overlap forbid --jitter 30s examples.poll
  squall schedule create spread --cron 'H H(0-5) * * *' core.noop
  squall schedule create tidy --cron '@daily' --on '@web & !drained' --at-once 20 --splay 10m core.remote cmd=/usr/local/sbin/tidy
  squall schedule create report --cron '0 6 * * 1' --on @storage --pick 1 --after default.tidy core.remote cmd=report
  squall schedule create once --at '2027-01-01 09:00' core.noop`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.Cron == "" && s.Every == "" && s.At == "" {
				return usageErrorf("when? give one of --cron, --every and --at")
			}
			for _, text := range exclude {
				e, err := exclusion(text)
				if err != nil {
					return err
				}
				s.Exclude = append(s.Exclude, e)
			}
			s.Key = args[0] // so that H and jitter stay when something else changes
			c, err := a.connect()
			if err != nil {
				return err
			}
			params, err := a.parametersOf(cmd, c, args[1], args[2:], machines.param())
			if err != nil {
				return err
			}
			action, err := machines.action(args[0], args[1], params)
			if err != nil {
				return err
			}
			for i, name := range s.After {
				s.After[i] = ruleName(name)
			}
			rule := ruleDocument{
				Name: args[0], Pack: schedulePack, Description: description, Enabled: true, Criteria: map[string]any{},
				Trigger: ruleTrigger{scheduleType, s}, Action: action,
			}
			if err := putRule(cmd, c, &rule); err != nil {
				return err
			}
			return a.printSchedules(cmd, c, format{}, schedulePack+"."+args[0], 3)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(true)
	f.StringVar(&s.Cron, "cron", "", "five crontab fields, six with seconds first, or @daily and the like")
	f.StringVar(&s.Every, "every", "", "a span such as 30s, 5m, 12h")
	f.StringVar(&s.At, "at", "", "one date and time")
	f.StringVar(&s.Timezone, "zone", "", "time zone, such as Europe/Berlin (default: the server's)")
	f.StringVar(&s.From, "from", "", "not before this date")
	f.StringVar(&s.To, "to", "", "not after this date")
	f.StringVar(&s.Jitter, "jitter", "", "each run up to so much later")
	f.StringVar(&s.Missed, "missed", "", "skip, last or all")
	f.StringVar(&s.Window, "window", "", "how far back missed times are made up for")
	f.StringVar(&s.Grace, "grace", "", "how late a time may be and still start (default 30s)")
	f.StringVar(&s.Overlap, "overlap", "", "allow, forbid, replace or queue")
	f.IntVar(&s.Depth, "depth", 0, "how many may wait with --overlap queue")
	f.StringVar(&s.DeadMan, "dead-man", "", "alarm when no run succeeded so long after a time")
	f.StringArrayVar(&exclude, "exclude", nil, "a day (2026-12-25, 12-25), weekdays (sat,sun) or hours (22:00-06:00) without runs; repeatable")
	f.StringVar(&s.OnlyIf, "only-if", "", "an expression that has to hold, such as \"{{ st2kv('system.drain') != 'on' }}\"")
	f.StringSliceVar(&s.After, "after", nil, "schedules that must have succeeded since the time before")
	machines.addTo(cmd)
	f.StringVar(&description, "description", "", "what it is for")
	return cmd
}

// exclusion reads a value of --exclude.
func exclusion(text string) (map[string]any, error) {
	start, end, hours := strings.Cut(text, "-")
	switch {
	case hours && strings.Contains(start, ":") && strings.Contains(end, ":"):
		return map[string]any{"start": start, "end": end}, nil
	case strings.ContainsAny(text, "0123456789"):
		return map[string]any{"days": strings.Split(text, ",")}, nil
	case text != "":
		return map[string]any{"weekdays": strings.Split(text, ",")}, nil
	}
	return nil, usageErrorf("--exclude is empty")
}

// parametersOf reads the parameters of what will run. What is missing is told now
// and not when it is due; but for machineParam, which the schedule gives itself.
func (a *app) parametersOf(cmd *cobra.Command, c *client.Client, ref string, words []string, machineParam string) (json.RawMessage, error) {
	action, runner, err := actionAndRunner(cmd.Context(), c, ref)
	if err != nil {
		return nil, err
	}
	params, err := parseParams(action, runner, words)
	if err != nil {
		return nil, err
	}
	names := missing(takes(action, runner), params)
	if names = slices.DeleteFunc(names, func(n string) bool { return n == machineParam }); len(names) > 0 {
		return nil, usageErrorf("%s needs %s\nsee what the action takes: squall run %s --help", ref, strings.Join(names, ", "), ref)
	}
	return params, nil
}

// putRule makes a rule, or replaces the one of its name.
func putRule(cmd *cobra.Command, c *client.Client, rule *ruleDocument) error {
	_, err := c.Do(cmd.Context(), http.MethodPost, "/api/v1/rules", nil, rule)
	if status, ok := errors.AsType[*client.StatusError](err); ok && status.Status == http.StatusConflict {
		_, err = c.Do(cmd.Context(), http.MethodPut, "/api/v1/rules/"+url.PathEscape(rule.Pack+"."+rule.Name), nil, rule)
	}
	return err
}

func (a *app) scheduleListCommand() *cobra.Command {
	var out format
	next := 1
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List schedules and timers with their next runs",
		Example: "  squall schedule list\n  squall schedule list -n 3",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			return a.printSchedules(cmd, c, out, "", next)
		},
	}
	out.addTo(cmd)
	cmd.Flags().IntVarP(&next, "next", "n", next, "how many next runs to show")
	return cmd
}

// scheduleView is a rule on a timer with its next runs.
type scheduleView struct {
	Rule       string          `json:"rule"`
	Enabled    bool            `json:"enabled"`
	Action     string          `json:"action"`
	Trigger    string          `json:"trigger"`
	Parameters json.RawMessage `json:"parameters"`
	Next       []wire.Time     `json:"next_runs"`
	Fault      string          `json:"fault,omitempty"`
}

// schedules lists the rules on timers, or one.
func (a *app) schedules(cmd *cobra.Command, c *client.Client, only string, next int) ([]scheduleView, error) {
	var timers []wire.Timer
	answer, err := c.Do(cmd.Context(), http.MethodGet, "/api/v1/timers", url.Values{"next": {fmt.Sprint(max(next, 1))}}, nil)
	if err == nil {
		err = json.Unmarshal(answer.Body, &timers)
	}
	if err != nil {
		return nil, err
	}
	of := map[string]*wire.Timer{}
	for i := range timers {
		of[timers[i].Ref] = &timers[i]
	}
	views, err := rulesOnTimers(cmd, c, only)
	if err != nil {
		return nil, err
	}
	list := []scheduleView{}
	for _, v := range views {
		t := of[v.Trigger.Ref]
		if t == nil {
			continue
		}
		list = append(list, scheduleView{v.Ref, v.Enabled, v.Action.Ref, v.Trigger.Type, v.Trigger.Parameters, t.Next, t.Fault})
	}
	return list, nil
}

// scheduleRule is what schedules show of a rule.
type scheduleRule struct {
	Ref     string `json:"ref"`
	Enabled bool   `json:"enabled"`
	Trigger struct {
		Ref        string          `json:"ref"`
		Type       string          `json:"type"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"trigger"`
	Action struct {
		Ref string `json:"ref"`
	} `json:"action"`
}

// rulesOnTimers reads all rules, page by page, or one.
func rulesOnTimers(cmd *cobra.Command, c *client.Client, only string) (all []scheduleRule, err error) {
	if only != "" {
		answer, err := c.Do(cmd.Context(), http.MethodGet, "/api/v1/rules/views/"+url.PathEscape(only), nil, nil)
		if err != nil {
			return nil, err
		}
		all = make([]scheduleRule, 1)
		return all, json.Unmarshal(answer.Body, &all[0])
	}
	const page = 100 // the most that everybody may ask for
	for {
		answer, err := c.Do(cmd.Context(), http.MethodGet, "/api/v1/rules/views", url.Values{"limit": {fmt.Sprint(page)}, "offset": {fmt.Sprint(len(all))}}, nil)
		if err != nil {
			return nil, err
		}
		var some []scheduleRule
		if err := json.Unmarshal(answer.Body, &some); err != nil {
			return nil, err
		}
		if all = append(all, some...); len(some) < page {
			return all, nil
		}
	}
}

func (a *app) printSchedules(cmd *cobra.Command, c *client.Client, out format, only string, next int) error {
	list, err := a.schedules(cmd, c, only, next)
	if err != nil {
		return err
	}
	if out.machine() {
		return out.print(a.io.Stdout, list)
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		when := s.Fault
		if when == "" {
			var at []string
			for _, t := range s.Next {
				at = append(at, t.Local().Format(time.DateTime))
			}
			when = strings.Join(at, ", ")
		}
		if !s.Enabled {
			when = "disabled"
		}
		rows[i] = []string{s.Rule, s.Action, when, strings.TrimPrefix(s.Trigger, "core."), scheduleWords(s.Parameters)}
	}
	return a.io.table(newStyles(a.io.renderer()), []string{"RULE", "ACTION", "NEXT", "TIMER", "PARAMETERS"}, rows)
}

// scheduleWords are the parameters of a timer for a table: when, then the rest.
func scheduleWords(parameters json.RawMessage) string {
	var doc map[string]json.RawMessage
	if json.Unmarshal(parameters, &doc) != nil {
		return oneLine(string(parameters))
	}
	delete(doc, "key") // its own name
	names := slices.Collect(maps.Keys(doc))
	when := []string{"cron", "every", "at", "calendar"}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(slices.Index(when, y), slices.Index(when, x)), strings.Compare(x, y))
	})
	words := make([]string, len(names))
	for i, name := range names {
		text := string(doc[name])
		_ = json.Unmarshal(doc[name], &text) // what is no text stays JSON
		words[i] = name + "=" + oneLine(text)
	}
	return strings.Join(words, " ")
}

func (a *app) scheduleHistoryCommand() *cobra.Command {
	var out format
	limit := 20
	cmd := &cobra.Command{
		Use:     "history NAME",
		Short:   "List the times of a schedule and what became of them",
		Example: "  squall schedule history backup",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var rule struct {
				Trigger struct {
					Ref string `json:"ref"`
				} `json:"trigger"`
			}
			answer, err := c.Do(cmd.Context(), http.MethodGet, "/api/v1/rules/views/"+url.PathEscape(ruleName(args[0])), nil, nil)
			if err == nil {
				err = json.Unmarshal(answer.Body, &rule)
			}
			if err != nil {
				return err
			}
			var fires []wire.Fire
			answer, err = c.Do(cmd.Context(), http.MethodGet, "/api/v1/timers/"+url.PathEscape(rule.Trigger.Ref)+"/history", url.Values{"limit": {fmt.Sprint(limit)}}, nil)
			if err == nil {
				err = json.Unmarshal(answer.Body, &fires)
			}
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, fires)
			}
			rows := make([][]string, len(fires))
			for i, f := range fires {
				rows[i] = []string{f.Nominal.Local().Format(time.DateTime), f.Outcome, short(f.At.Sub(f.Nominal.Time)), cmp.Or(string(f.Event), f.Reason)}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"TIME", "OUTCOME", "LATE", "EVENT OR REASON"}, rows)
		},
	}
	out.addTo(cmd)
	cmd.Flags().IntVarP(&limit, "last", "n", limit, "how many")
	return cmd
}

// ruleName completes the name of a schedule to a reference.
func ruleName(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return schedulePack + "." + name
}

func (a *app) scheduleDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME...",
		Short:   "Remove schedules",
		Example: "  squall schedule delete backup",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			for _, name := range args {
				if _, err := c.Do(cmd.Context(), http.MethodDelete, "/api/v1/rules/"+url.PathEscape(ruleName(name)), nil, nil); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		},
	}
}
