package st2cli

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squall/internal/argparse"
)

// What events, rules and their kin have.

var packArg = argparse.Arg{Flags: []string{"-p", "--pack"}, Name: "pack", Help: "only those of this pack"}

// inPack is the list of things that belong to packs.
var inPack = listing{query: map[string]string{"pack": "pack"}, args: []argparse.Arg{packArg}, empty: noItems}

// since are the arguments that limit a list to a time.
func since(what string) []argparse.Arg {
	return []argparse.Arg{
		{Flags: []string{"-tg", "--timestamp-gt"}, Name: "timestamp_gt", Help: "only those whose " + what + " is later than this, such as 2000-01-01T12:00:00.000Z"},
		{Flags: []string{"-tl", "--timestamp-lt"}, Name: "timestamp_lt", Help: "only those whose " + what + " is earlier than this"},
	}
}

// beside is an option that help lists apart.
func beside(name, help string, flags ...string) argparse.Arg {
	return argparse.Arg{Flags: flags, Name: name, Help: help, Apart: true}
}

var rules = &resource{
	path: "/api/v1/rules", one: "Rule", many: "rules", id: "ref_or_id", heads: true,
	columns: []string{"ref", "pack", "description", "enabled"},
	plain:   []string{"ref", "enabled", "trigger.type", "action.ref", "description"},
	order:   []string{"id", "uid", "ref", "pack", "name", "description", "enabled"},
	doubts:  ruleDoubts,
}

// ruleDoubts names what a rule speaks of and what is not there. That is no fault: a
// pack that has it may come.
func ruleDoubts(c *call, rule document) (list []string) {
	for _, of := range []struct{ member, what, path string }{
		{"trigger.type", "trigger type", "/api/v1/triggertypes"}, {"action.ref", "action", "/api/v1/actions"},
	} {
		ref, _ := member(rule, of.member).(string)
		if ref == "" {
			continue
		}
		if d, err := c.fetch(at(of.path, ref), nil); err == nil && d == nil {
			list = append(list, fmt.Sprintf("there is no %s %q yet; until there is, the rule does nothing", of.what, ref))
		}
	}
	return list
}

func ruleCommands() []*argparse.Command {
	return []*argparse.Command{
		ruleList(), rules.getCommand(nil), rules.create(), rules.update(), rules.delete(), rules.clone(), rules.enable(true), rules.enable(false),
	}
}

func ruleList() *argparse.Command {
	l := listing{
		last: 50, empty: noItems,
		query: map[string]string{"pack": "pack", "action": "action", "trigger": "trigger"},
		args: []argparse.Arg{
			{Flags: []string{"--iftt"}, Name: "iftt", Nargs: argparse.Switch, Help: "show triggers and actions"},
			packArg,
			beside("action", "only rules that run this action", "-c", "--action"),
			beside("trigger", "only rules on this trigger", "-g", "--trigger"),
			{Flags: []string{"--enabled"}, Name: "enabled", Nargs: argparse.Switch, Exclude: "enabled", Help: "only rules that are on"},
			{Flags: []string{"--disabled"}, Name: "disabled", Nargs: argparse.Switch, Exclude: "enabled", Help: "only rules that are off"},
		},
	}
	cmd := rules.list(l)
	cmd.Run = command(func(c *call) error {
		l, r := l, *rules
		l.query = map[string]string{"pack": "pack", "action": "action", "trigger": "trigger"}
		if c.v.Bool("iftt") {
			r.columns = []string{"ref", "trigger.ref", "action.ref", "enabled"}
			r.plain = r.columns
		}
		for name, value := range map[string]string{"enabled": "True", "disabled": "False"} {
			if c.v.Bool(name) {
				c.v["only"] = value
				l.query["only"] = "enabled"
			}
		}
		docs, total, err := r.query(c, l)
		if err != nil {
			return err
		}
		return r.showList(c, l, docs, total)
	})
	return cmd
}

var enforcements = &resource{
	path: "/api/v1/ruleenforcements", one: "Rule Enforcement", many: "rule enforcements", id: "id",
	columns: []string{"id", "rule.ref", "trigger_instance_id", "execution_id", "enforced_at"},
	attr:    []string{"id", "rule.ref", "trigger_instance_id", "execution_id", "failure_reason", "enforced_at"},
	order:   []string{"id", "rule.ref", "trigger_instance_id", "execution_id", "failure_reason", "enforced_at"},
}

func enforcementCommands() []*argparse.Command {
	byName := *enforcements
	byName.id = "name_or_id"
	return []*argparse.Command{
		enforcements.list(listing{
			last: 50, bare: true, turned: true, empty: noItems, before: append([]argparse.Arg{
				beside("trigger_instance", "only those of this trigger instance", "--trigger-instance"),
				beside("execution", "only those of this execution", "--execution"),
				beside("rule", "only those of this rule", "--rule"),
			}, since("time")...),
			query: map[string]string{"trigger_instance": "trigger_instance", "execution": "execution", "rule": "rule_ref", "timestamp_gt": "enforced_at_gt", "timestamp_lt": "enforced_at_lt"},
		}),
		enforcements.getCommand(nil), enforcements.create(), byName.update(), byName.delete(), enforcements.clone(),
	}
}

var sensors = &resource{
	path: "/api/v1/sensortypes", one: "Sensor", many: "sensortypes", id: "ref_or_id",
	columns: []string{"ref", "pack", "description", "enabled"},
	order:   []string{"id", "uid", "ref", "pack", "name", "enabled", "entry_point", "artifact_uri", "trigger_types"},
}

func sensorCommands() []*argparse.Command {
	return []*argparse.Command{sensors.list(inPack), sensors.getCommand(nil), sensors.enable(true), sensors.enable(false)}
}

var triggers = &resource{
	path: "/api/v1/triggertypes", one: "Trigger", many: "triggers", id: "ref_or_id",
	columns: []string{"ref", "pack", "description"},
	order:   []string{"id", "ref", "pack", "name", "description", "parameters_schema", "payload_schema"},
}

func triggerCommands() []*argparse.Command {
	specs := &argparse.Command{
		Name: "getspecs", Help: "List the triggers of a kind with their parameters.", NoHelp: true,
		Args: args(argparse.Arg{Name: "ref", Nargs: argparse.Optional, Help: "reference of the kind of trigger"}, helpSwitch),
		Run: command(func(c *call) error {
			if c.v.Bool("help") {
				c.help()
				return nil
			}
			docs, _, err := c.collect("/api/v1/triggers", url.Values{"type": {c.v.String("ref")}}, 0)
			if err != nil {
				return err
			}
			if len(docs) == 0 {
				c.print(noItems)
				return nil
			}
			return c.table(docs, nil, nil)
		}),
	}
	return []*argparse.Command{triggers.list(inPack), triggers.getCommand(nil), triggers.create(), triggers.update(), triggers.delete(), triggers.clone(), specs}
}

// helpSwitch is -h of commands that answer it themselves.
var helpSwitch = argparse.Arg{Flags: []string{"-h", "--help"}, Name: "help", Nargs: argparse.Switch, Help: "show this help message and exit"}

// help prints the command's own help.
func (c *call) help() { fmt.Fprint(c.Stdout, c.cmd.HelpText(c.prog, c.helpColumns())) }

var instances = &resource{
	path: "/api/v1/triggerinstances", one: "Trigger Instance", many: "triggerinstances", id: "id",
	columns: []string{"id", "trigger", "occurrence_time", "status"},
	order:   []string{"id", "trigger", "occurrence_time", "payload"},
	show:    map[string]func(*call, any) any{"occurrence_time": (*call).showTime},
}

func triggerInstanceCommands() []*argparse.Command {
	get := *instances
	get.show = nil // st2 shows the time as it is stored
	emit := &argparse.Command{
		Name: "re-emit", Help: "Report an event again, with the same payload.", NoHelp: true,
		Args: args(argparse.Arg{Name: "id", Nargs: argparse.Optional, Help: "id of the trigger instance"}, helpSwitch),
		Run: command(func(c *call) error {
			if c.v.Bool("help") || c.v.String("id") == "" {
				c.help()
				return nil
			}
			d, err := c.sendDocument(http.MethodPost, at(instances.path, c.v.String("id"))+"/re_emit", nil)
			if err != nil {
				return err
			}
			if msg := text(d, "message"); msg != "" {
				c.print(msg)
			}
			return nil
		}),
	}
	return []*argparse.Command{
		instances.list(listing{
			last: 50, oldest: true, before: append([]argparse.Arg{
				beside("trigger", "only those of this trigger", "--trigger"),
			}, append(since("time"), beside("status", "only pending, processing, processed or processing_failed ones", "--status"))...),
			query: map[string]string{"trigger": "trigger", "timestamp_gt": "timestamp_gt", "timestamp_lt": "timestamp_lt", "status": "status"},
		}),
		get.getCommand(nil), emit,
	}
}

var timers = &resource{
	path: "/api/v1/timers", one: "Timer", many: "timers", id: "name_or_id",
	columns: []string{"id", "uid", "pack", "name", "type", "parameters"},
	plain:   []string{"id", "type", "name", "parameters"},
	order:   []string{"type", "pack", "name", "description", "parameters"},
}

func timerCommands() []*argparse.Command {
	return []*argparse.Command{
		timers.list(listing{bare: true, empty: noItems, query: map[string]string{"timer_type": "timer_type"}, args: []argparse.Arg{
			{Flags: []string{"-ty", "--timer-type"}, Name: "timer_type", Help: "only timers of this kind: core.st2.IntervalTimer, core.st2.DateTimer or core.st2.CronTimer"},
		}}),
		timers.getCommand(nil),
	}
}

var webhooks = &resource{
	path: "/api/v1/webhooks", one: "Webhook", many: "webhooks", id: "url",
	columns: []string{"url", "type", "description"},
	order:   []string{"type", "description"},
}

func webhookCommands() []*argparse.Command {
	l := inPack
	l.bare = true
	cmd := webhooks.list(l)
	cmd.Run = command(func(c *call) error {
		docs, total, err := webhooks.query(c, l)
		if err != nil {
			return err
		}
		for _, d := range docs {
			d.SetStr("url", member(d, "parameters.url"))
		}
		slices.SortStableFunc(docs, func(a, b document) int { return strings.Compare(str(member(a, "url")), str(member(b, "url"))) })
		return webhooks.showList(c, l, docs, total)
	})
	return []*argparse.Command{cmd, webhooks.getCommand(nil)}
}

var policies = &resource{
	path: "/api/v1/policies", one: "Policy", many: "policies", id: "ref_or_id",
	columns: []string{"ref", "resource_ref", "policy_type", "enabled"},
	order:   []string{"id", "ref", "pack", "name", "description", "enabled", "resource_ref", "policy_type", "parameters"},
}

func policyCommands() []*argparse.Command {
	return []*argparse.Command{
		policies.list(listing{empty: noItems, query: map[string]string{"pack": "pack", "resource_ref": "resource_ref", "policy_type": "policy_type"}, args: []argparse.Arg{
			packArg,
			{Flags: []string{"-r", "--resource-ref"}, Name: "resource_ref", Help: "only policies of this action"},
			{Flags: []string{"-pt", "--policy-type"}, Name: "policy_type", Help: "only policies of this kind"},
		}}),
		policies.getCommand(nil), policies.create(), policies.update(), policies.delete(), policies.clone(),
	}
}

var policyTypes = &resource{
	path: "/api/v1/policytypes", one: "Policy type", many: "policy types", id: "ref_or_id",
	columns: []string{"id", "resource_type", "name", "description"},
	order:   defaultOrder,
}

func policyTypeCommands() []*argparse.Command {
	return []*argparse.Command{
		policyTypes.list(listing{bare: true, empty: noItems, query: map[string]string{"resource_type": "resource_type"}, args: []argparse.Arg{
			{Flags: []string{"-r", "--resource-type"}, Name: "resource_type", Help: "only policies for this kind of thing"},
		}}),
		policyTypes.getCommand(nil),
	}
}

var runners = &resource{
	path: "/api/v1/runnertypes", one: "Runner", many: "runners", id: "name_or_id",
	columns: []string{"id", "name", "description"},
	plain:   []string{"name", "description"},
	order:   defaultOrder,
}

func runnerCommands() []*argparse.Command {
	return []*argparse.Command{runners.list(listing{empty: noItems}), runners.getCommand(nil), runners.enable(true), runners.enable(false)}
}
