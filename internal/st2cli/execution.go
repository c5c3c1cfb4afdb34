package st2cli

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

func executionCommands() []*argparse.Command {
	return []*argparse.Command{executionList(), executionGet(), executionReRun(), executionCancel(), executionPause("pause", "pausing"), executionPause("resume", "resuming"), executionTail()}
}

func executionList() *argparse.Command {
	l := listing{
		last: 50, oldest: true,
		query: map[string]string{"action": "action", "status": "status", "user": "user", "trigger_instance": "trigger_instance", "timestamp_gt": "timestamp_gt", "timestamp_lt": "timestamp_lt", "parent": "parent"},
		before: append([]argparse.Arg{
			sortArg("action executions"),
			beside("action", "only executions of this action", "--action"),
			beside("status", "only executions in this state, such as succeeded, running, scheduled, paused, failed, canceling or canceled", "--status"),
			beside("user", "only executions of this user", "--user"),
			beside("trigger_instance", "only executions that this trigger instance led to", "--trigger_instance"),
		}, append(since("start"), argparse.Arg{Flags: []string{"-l", "--showall"}, Name: "showall", Nargs: argparse.Switch, Help: "the tasks of workflows too"})...),
	}
	cmd := executions.list(l)
	cmd.Help = "List the action executions, the newest 50."
	cmd.Run = command(func(c *call) error {
		if !c.v.Bool("showall") {
			c.v["parent"] = "null"
		}
		docs, total, err := executions.query(c, l)
		if err != nil {
			return err
		}
		nested := false
		for _, d := range docs {
			if ch, ok := member(d, "children").(*value.List); ok && len(ch.Items) > 0 {
				nested = true
			}
			if !c.machine() {
				withElapsed(d)
			}
		}
		for _, d := range docs {
			if nested {
				mark := "  "
				if ch, ok := member(d, "children").(*value.List); ok && len(ch.Items) > 0 {
					mark = "+ "
				}
				d.SetStr("id", mark+text(d, "id"))
			}
		}
		return executions.showList(c, l, docs, total)
	})
	return cmd
}

func sortArg(many string) argparse.Arg {
	return argparse.Arg{Flags: []string{"-s", "--sort"}, Name: "sort_order", Default: "descending", Help: "sort " + many + " by their start: ascending (asc) or descending (desc)"}
}

var executionID = argparse.Arg{Name: "id", Nargs: argparse.Some, Help: "id of the execution"}

func executionGet() *argparse.Command {
	attributes := []string{"id", "action.ref", "context.user", "parameters", "status", "start_timestamp", "end_timestamp", "log", "result"}
	own := append([]argparse.Arg{executionID, {Flags: []string{"-x", "--exclude-result"}, Name: "exclude_result", Nargs: argparse.Switch, Help: "without the result"}}, viewArgs()...)
	return &argparse.Command{Name: "get", Help: "Show an execution.", Args: args(own...), Run: command(func(c *call) error {
		q := url.Values{}
		switch wanted := c.attributes(attributes); {
		case c.v.Bool("exclude_result"):
			q.Set("exclude_attributes", "result")
		case !slices.Contains(wanted, "all"):
			need := append([]string{"action.ref", "action.runner_type", "start_timestamp", "end_timestamp", "log"}, wanted...)
			slices.Sort(need)
			q.Set("include_attributes", strings.Join(slices.Compact(need), ","))
		}
		docs, err := executions.getEach(c, c.v.Strings("id"), q)
		if err != nil {
			return err
		}
		for _, ex := range docs {
			if !c.machine() {
				withElapsed(ex)
			}
			if err := c.showExecution(ex, attributes...); err != nil {
				return err
			}
		}
		return nil
	})}
}

func executionReRun() *argparse.Command {
	own := []argparse.Arg{
		{Name: "id", Nargs: argparse.Optional, Help: "id of the execution"},
		{Name: "parameters", Nargs: argparse.Any, Help: "parameters that replace those of the first run"},
		{Flags: []string{"--tasks"}, Name: "tasks", Nargs: argparse.Any, Help: "tasks of the workflow to run again"},
		{Flags: []string{"--no-reset"}, Name: "no_reset", Nargs: argparse.Any, Help: "tasks with items of which only the failed items run again"},
		asyncArg, envArg, helpSwitch,
	}
	return &argparse.Command{Name: "re-run", Help: "Run an action again.", NoHelp: true, Args: args(append(own, viewArgs()...)...), Run: command(func(c *call) error {
		id := first(c.v.String("id"), "None") // st2: no id is Python's None
		if c.v.Bool("help") {
			c.help()
			return nil
		}
		old, err := c.fetch(at(executions.path, id), nil)
		if err != nil {
			return err
		}
		if old == nil {
			return notFound("Action execution with id \"%s\" cannot be found.", id)
		}
		_, s, err := c.action(text(old, "action.ref"))
		if err != nil {
			return err
		}
		params, err := c.parameters(text(old, "action.ref"), s, c.v.Strings("parameters"))
		if err != nil {
			return err
		}
		tasks, kept := c.v.Strings("tasks"), c.v.Strings("no_reset")
		reset := value.NewList()
		names := value.NewList()
		for _, t := range tasks {
			names.Items = append(names.Items, t)
			if !slices.Contains(kept, t) {
				reset.Items = append(reset.Items, t)
			}
		}
		for _, t := range kept {
			if !slices.Contains(tasks, t) {
				return invalid("List of tasks to reset does not match the tasks to rerun.")
			}
		}
		ex, err := c.sendDocument(http.MethodPost, at(executions.path, id)+"/re_run", value.DictOf("parameters", params, "tasks", names, "reset", reset, "delay", c.v.Int("delay")))
		if err != nil {
			return err
		}
		return c.ran(ex)
	})}
}

func executionCancel() *argparse.Command {
	return &argparse.Command{Name: "cancel", Help: "Stop executions.", Args: args(
		argparse.Arg{Name: "ids", Nargs: argparse.Some, Help: "ids of the executions"},
	), Run: command(func(c *call) error {
		for _, id := range c.v.Strings("ids") {
			d, err := c.sendDocument(http.MethodDelete, at(executions.path, id), nil)
			switch fault := text(d, "faultstring"); {
			case statusOf(err) == http.StatusNotFound:
				c.print(textOfFault(err))
			case err != nil:
				return err
			case fault != "":
				c.print(fault)
			default:
				c.print(fmt.Sprintf("action execution with id %s canceled.", id))
			}
		}
		return nil
	})}
}

// executionPause is pause or resume.
func executionPause(name, status string) *argparse.Command {
	help := map[string]string{"pause": "Pause executions of workflows.", "resume": "Let paused executions of workflows go on."}[name]
	own := append([]argparse.Arg{{Name: "ids", Nargs: argparse.Some, Help: "ids of the executions"}}, viewArgs()...)
	return &argparse.Command{Name: name, Help: help, Args: args(own...), Run: command(func(c *call) error {
		for _, id := range c.v.Strings("ids") {
			ex, err := c.sendDocument(http.MethodPut, at(executions.path, id), value.DictOf("status", status))
			if err != nil {
				return err
			}
			if !c.machine() {
				withElapsed(ex)
			}
			if err := c.showExecution(ex); err != nil {
				return err
			}
		}
		return nil
	})}
}
