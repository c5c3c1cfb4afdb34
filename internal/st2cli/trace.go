package st2cli

import (
	"slices"
	"strings"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

var traces = &resource{
	path: "/api/v1/traces", one: "Trace", many: "traces", id: "id",
	columns: []string{"id", "uid", "trace_tag", "start_timestamp"},
	plain:   []string{"id", "trace_tag", "start_timestamp"},
	show:    map[string]func(*call, any) any{"start_timestamp": (*call).showTime},
}

func traceCommands() []*argparse.Command {
	l := listing{
		last: 50, bare: true, empty: noItems,
		query: map[string]string{"trace_tag": "trace_tag", "execution": "execution", "rule": "rule", "trigger_instance": "trigger_instance"},
		before: []argparse.Arg{
			sortArg("traces"),
			{Flags: []string{"-c", "--trace-tag"}, Name: "trace_tag", Exclude: "of", Help: "only those with this tag"},
			{Flags: []string{"-e", "--execution"}, Name: "execution", Exclude: "of", Help: "only that of this execution"},
			{Flags: []string{"-r", "--rule"}, Name: "rule", Exclude: "of", Help: "only those with this rule"},
			{Flags: []string{"-g", "--trigger-instance"}, Name: "trigger_instance", Exclude: "of", Help: "only that of this trigger instance"},
		},
	}
	cmd := traces.list(l)
	cmd.Run = command(func(c *call) error {
		docs, total, err := traces.query(c, l)
		if err != nil {
			return err
		}
		if len(docs) != 1 { // st2: a single one is shown with what it holds
			return traces.showList(c, l, docs, total)
		}
		if err := c.showTrace(docs[0], c.attributes([]string{"all"})); err != nil {
			return err
		}
		if last := int(c.v.Int("last")); last > 0 && total > last && !c.machine() {
			c.note(traces.many, 1)
		}
		return nil
	})
	return []*argparse.Command{cmd, traceGet()}
}

func traceGet() *argparse.Command {
	cmd := traces.getCommand(nil,
		argparse.Arg{Flags: []string{"-e", "--execution"}, Name: "execution", Exclude: "of", Help: "only what led to this execution"},
		argparse.Arg{Flags: []string{"-r", "--rule"}, Name: "rule", Exclude: "of", Help: "only what led to this rule"},
		argparse.Arg{Flags: []string{"-g", "--trigger-instance"}, Name: "trigger_instance", Exclude: "of", Help: "only what led to this trigger instance"},
		argparse.Arg{Flags: []string{"--show-executions"}, Name: "show_executions", Nargs: argparse.Switch, Apart: true, Help: "only executions"},
		argparse.Arg{Flags: []string{"--show-rules"}, Name: "show_rules", Nargs: argparse.Switch, Apart: true, Help: "only rules"},
		argparse.Arg{Flags: []string{"--show-trigger-instances"}, Name: "show_trigger_instances", Nargs: argparse.Switch, Apart: true, Help: "only trigger instances"},
		argparse.Arg{Flags: []string{"-n", "--hide-noop-triggers"}, Name: "hide_noop_triggers", Nargs: argparse.Switch, Apart: true, Help: "without trigger instances that no rule reacted to"},
	)
	cmd.Run = command(func(c *call) error {
		docs, err := traces.getEach(c, c.v.Strings("id"), nil)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := c.showTrace(filterTrace(c.v, d), c.attributes([]string{"all"})); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

// The kinds of components, as members of traces and as rows call them.
var components = []struct {
	member, kind, cause string
	asked               []string
}{
	{"trigger_instances", "trigger-instance", "trigger_instance", []string{"all", "trigger-instances", "trigger_instances", "triggerinstances", "triggers"}},
	{"rules", "rule", "rule", []string{"all", "rules"}},
	{"action_executions", "execution", "action_execution", []string{"all", "executions", "action-executions", "action_executions", "actionexecutions", "actions"}},
}

// showTrace shows a trace and its components, the earliest first.
func (c *call) showTrace(d document, asked []string) error {
	if c.machine() {
		attributes := []string{"id", "trace_tag", "action_executions", "rules", "trigger_instances", "start_timestamp"}
		if !c.v.Bool("json") {
			attributes = []string{"id", "trace_tag", "start_timestamp"}
		}
		return c.emit(pick(d, attributes))
	}
	if err := c.block(d, []string{"id", "trace_tag", "start_timestamp"}); err != nil {
		return err
	}
	var rows []document
	for _, k := range components {
		if !slices.ContainsFunc(k.asked, func(a string) bool { return slices.Contains(asked, a) }) {
			continue
		}
		for _, m := range list(member(d, k.member)) {
			rows = append(rows, value.DictOf("id", member(m, "object_id"), "type", k.kind, "ref", member(m, "ref"), "updated_at", member(m, "updated_at")))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortStableFunc(rows, func(a, b document) int { return strings.Compare(text(a, "updated_at"), text(b, "updated_at")) })
	return c.table(rows, []string{"id", "type", "ref", "updated_at"}, nil)
}

// filterTrace leaves what options ask for: the chain that led to a component, or
// some kinds of components.
func filterTrace(v argparse.Values, d document) document {
	kept := d.Clone()
	for i, name := range []string{"trigger_instance", "rule", "execution"} {
		if id := v.String(name); id != "" {
			for k, items := range causes(d, components[i].cause, id) {
				kept.SetStr(k, items)
			}
		}
	}
	if all := !v.Bool("show_executions") && !v.Bool("show_rules") && !v.Bool("show_trigger_instances"); all || v.Bool("show_trigger_instances") {
		if v.Bool("hide_noop_triggers") {
			used := value.NewList()
			for _, t := range list(member(kept, "trigger_instances")) {
				if slices.ContainsFunc(list(member(kept, "rules")), func(r document) bool { return text(r, "caused_by.id") == text(t, "object_id") }) {
					used.Items = append(used.Items, t)
				}
			}
			kept.SetStr("trigger_instances", used)
		}
		if all {
			return kept
		}
	}
	for name, option := range map[string]string{"action_executions": "show_executions", "rules": "show_rules", "trigger_instances": "show_trigger_instances"} {
		if !v.Bool(option) {
			kept.SetStr(name, value.NewList())
		}
	}
	return kept
}

// causes walks from a component to what caused it, and so on.
func causes(d document, kind, id string) map[string]*value.List {
	chain := map[string]*value.List{}
	for _, k := range components {
		chain[k.member] = value.NewList()
	}
	for instance := ""; id != ""; {
		i := slices.IndexFunc(components, func(k struct {
			member, kind, cause string
			asked               []string
		}) bool {
			return k.cause == kind
		})
		if i < 0 {
			break
		}
		found := false
		for _, m := range list(member(d, components[i].member)) {
			if text(m, "object_id") != id || instance != "" && text(m, "caused_by.id") != instance {
				continue // the same rule may stand there for several events
			}
			to := chain[components[i].member]
			to.Items = append(to.Items, m)
			var before string
			before, instance, _ = strings.Cut(text(m, "caused_by.id"), ":")
			id, kind, found = before, text(m, "caused_by.type"), true
			break
		}
		if !found || len(chain["action_executions"].Items) > 10000 {
			break
		}
	}
	return chain
}
