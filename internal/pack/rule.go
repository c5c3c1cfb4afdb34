package pack

import (
	"encoding/json"
	"fmt"
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

var ruleKeys = []string{"name", "pack", "description", "enabled", "type", "trigger", "criteria", "action", "tags", "context"}

// operators are what a criterion may ask (st2).
var operators = []string{
	"matchwildcard", "matchregex", "regex", "iregex",
	"equals", "eq", "nequals", "neq", "iequals", "ieq",
	"contains", "icontains", "ncontains", "incontains",
	"startswith", "istartswith", "endswith", "iendswith",
	"lessthan", "lt", "greaterthan", "gt",
	"timediff_lt", "td_lt", "timediff_gt", "td_gt",
	"exists", "nexists", "inside", "in", "ninside", "nin", "search",
}

// readRule reads a rule. A rule without "enabled" is off (st2). Its action need
// not exist; whether its trigger does is the caller's question.
func (r Reader) readRule(f *file, root *pyyaml.Node, pack string) (rule *squall.Rule, trigger *pyyaml.Node) {
	rule = &squall.Rule{Type: squall.RuleStandard, MetadataFile: f.name}
	c := common{kind: "a rule"}
	var action *pyyaml.Node
	for _, e := range f.entries(root) {
		switch e.name {
		case "type":
			rule.Type = f.ruleType(e.node)
		case "trigger":
			trigger = e.node
			f.ruleTrigger(e.node, &rule.Trigger)
		case "criteria":
			if f.mapping("criteria", e.node) {
				f.criteria(e.node)
				rule.Criteria = f.object("criteria", e.node)
			}
		case "action":
			action = e.node
			f.ruleAction(e.node, &rule.Action)
		case "context":
			// Of exported rules; it is the server's, but for what rules say beyond StackStorm.
			rule.Context = ownContext(f.object("context", e.node))
		default:
			if !c.read(f, e, pack) {
				f.unknown(e, "a rule has no %q", ruleKeys)
			}
		}
	}
	f.need(root, "name", c.name, c.nameAt, "add a line name: with the rule's name")
	if trigger == nil {
		f.fault(root, "trigger is missing", "add trigger: with the line type: pack.trigger below")
	}
	if action == nil {
		f.fault(root, "action is missing", "add action: with the line ref: pack.action below")
	}
	rule.Ref = squall.Ref{Pack: pack, Name: c.name}
	rule.Description, rule.Enabled, rule.Tags = c.description, c.enabled, c.tags
	return rule, trigger
}

// ruleType reads the rule's own type: standard or backstop.
func (f *file) ruleType(n *pyyaml.Node) string {
	if !f.mapping("type", n) {
		return squall.RuleStandard
	}
	name := ""
	for _, e := range f.entries(n) {
		switch e.name {
		case "ref":
			name = f.text("ref of type", e.node)
		case "parameters":
			f.mapping("parameters of type", e.node)
		default:
			f.unknown(e, "the type of a rule has no %q", []string{"ref", "parameters"})
		}
	}
	if name != squall.RuleStandard && name != squall.RuleBackstop {
		// The original keeps any name and treats all but backstop alike.
		f.doubt(n, fmt.Sprintf("there is no rule type %q, the rule is a standard one", name), "write ref: standard or ref: backstop, or remove type")
		return squall.RuleStandard
	}
	return name
}

func (f *file) ruleTrigger(n *pyyaml.Node, t *squall.RuleTrigger) {
	if n.Kind != pyyaml.Mapping {
		f.fault(n, "trigger must be a mapping, not "+kindOf(n), "write type: pack.trigger below it")
		return
	}
	var typeAt *pyyaml.Node
	name := ""
	for _, e := range f.entries(n) {
		switch e.name { // others are let pass (st2)
		case "type":
			name, typeAt = f.text("type of trigger", e.node), e.node
		case "parameters":
			t.Parameters = f.object("parameters of trigger", e.node)
		}
	}
	f.need(n, "type of trigger", name, typeAt, "add a line type: with a reference such as core.st2.webhook")
	if name == "" {
		return
	}
	ref, err := squall.ParseRef(name)
	if err != nil {
		f.fault(typeAt, fmt.Sprintf("trigger type %q is no reference", name), "write it as pack.name, such as core.st2.webhook")
	}
	t.Type = ref
}

func (f *file) ruleAction(n *pyyaml.Node, a *squall.RuleAction) {
	if n.Kind != pyyaml.Mapping {
		f.fault(n, "action must be a mapping, not "+kindOf(n), "write ref: pack.action below it")
		return
	}
	var refAt *pyyaml.Node
	for _, e := range f.entries(n) {
		switch e.name {
		case "ref":
			a.Ref, refAt = f.text("ref of action", e.node), e.node
		case "parameters":
			a.Parameters = f.object("parameters of action", e.node)
		default:
			f.unknown(e, "the action of a rule has no %q", []string{"ref", "parameters"})
		}
	}
	f.need(n, "ref of action", a.Ref, refAt, "add a line ref: with a reference such as core.local")
}

// criteria checks that every criterion has an operator that exists and a
// pattern that is not null (st2: also exists and nexists need one).
func (f *file) criteria(n *pyyaml.Node) {
	for _, e := range f.entries(n) {
		if e.node.Kind != pyyaml.Mapping {
			f.fault(e.node, fmt.Sprintf("the criterion for %q must be a mapping, not %s", e.name, kindOf(e.node)), "write type: and pattern: below it")
			continue
		}
		operator, pattern := e.node.Get("type"), e.node.Get("pattern")
		switch {
		case operator == nil || operator.Value == nil:
			f.fault(e.node, fmt.Sprintf("the criterion for %q has no operator", e.name), "add a line such as type: equals")
		default:
			name := f.text(fmt.Sprintf("type of the criterion for %q", e.name), operator)
			if name != "" && !slices.Contains(operators, name) {
				do := "use one such as equals, contains, matchregex, gt, exists"
				if near := squall.Nearest(name, operators, 2); near != "" {
					do = fmt.Sprintf("did you mean %q?", near)
				}
				f.fault(operator, fmt.Sprintf("there is no operator %q (criterion for %q)", name, e.name), do)
			}
		}
		if pattern == nil || pattern.Value == nil {
			f.fault(e.node, fmt.Sprintf("the criterion for %q has no pattern", e.name), "add a line pattern: with what to compare to")
		}
	}
}

// ownContext keeps the member "squall" of a rule's context; nil when there is none.
func ownContext(doc json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) != nil || members["squall"] == nil {
		return nil
	}
	out, err := json.Marshal(map[string]json.RawMessage{"squall": members["squall"]})
	if err != nil {
		return nil // it was JSON a moment ago
	}
	return out
}
