package mistral

import (
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// This file holds definitions against Mistral's own schema, so that a definition
// that Mistral would refuse is called wrong, and not converted to something.

// validator gathers what is wrong.
type validator struct {
	notes *notes
	task  string
}

func (v *validator) wrong(n *yaml.Node, format string, args ...any) {
	v.notes.add(RuleWrong, Impossible, at(v.task, n), format, args...)
}

// form is what a property may be.
type form func(v *validator, name string, n *yaml.Node)

// all accepts what one of the tests does.
func oneOf(what string, tests ...func(*yaml.Node) bool) form {
	return func(v *validator, name string, n *yaml.Node) {
		if !slices.ContainsFunc(tests, func(test func(*yaml.Node) bool) bool { return test(n) }) {
			v.wrong(n, "%s is not %s", name, what)
		}
	}
}

func isName(n *yaml.Node) bool { return isText(n) && n.Value != "" }

func isExpression(n *yaml.Node) bool {
	if !isText(n) {
		return false
	}
	_, _, ok := single(n.Value)
	return ok
}

func isBool(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!bool" }

func isCount(n *yaml.Node) bool {
	i, err := strconv.ParseInt(n.Value, 0, 64)
	return n.Kind == yaml.ScalarNode && n.Tag == "!!int" && err == nil && i >= 0
}

func isObject(n *yaml.Node) bool { return n.Kind == yaml.MappingNode && len(n.Content) > 0 }

func isNames(n *yaml.Node) bool {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return false
	}
	var seen []string
	for _, item := range items(n) {
		if !isName(item) || slices.Contains(seen, item.Value) {
			return false
		}
		seen = append(seen, item.Value)
	}
	return true
}

func isWord(words ...string) func(*yaml.Node) bool {
	return func(n *yaml.Node) bool { return isText(n) && slices.Contains(words, n.Value) }
}

// isInput is a list of names and of names with one default each.
func isInput(n *yaml.Node) bool {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return false
	}
	var seen []string
	for _, item := range items(n) {
		name := ""
		switch {
		case isName(item):
			name = item.Value
		case item.Kind == yaml.MappingNode && len(item.Content) == 2:
			name = "=" + item.Content[0].Value + "=" + item.Content[1].Value
		default:
			return false
		}
		if slices.Contains(seen, name) && item.Kind == yaml.ScalarNode {
			return false
		}
		seen = append(seen, name)
	}
	return true
}

var (
	countForm  = oneOf("a number or an expression", isCount, isExpression)
	boolForm   = oneOf("true, false or an expression", isBool, isExpression)
	objectForm = oneOf("a mapping with content", isObject)
	textForm   = oneOf("a text", isName)
)

// taskForms are the properties of a task; on top of them, direct workflows have
// join and on-..., and reverse ones requires.
var taskForms = map[string]form{
	"name": nil, "version": nil, "type": oneOf("direct or reverse", isWord("direct", "reverse")), "description": textForm, "tags": oneOf("a list of texts", isNames),
	"action": textForm, "workflow": textForm,
	"input":      oneOf("a mapping with content, or a text", isObject, isName),
	"with-items": oneOf("a text or a list of texts", isName, isNames),
	"publish":    objectForm, "publish-on-error": objectForm,
	"retry": retryForm, "wait-before": countForm, "wait-after": countForm, "timeout": countForm, "pause-before": boolForm,
	"concurrency": countForm, "fail-on": boolForm, "target": textForm, "keep-result": boolForm, "safe-rerun": boolForm,
}

var directForms = map[string]form{
	"join":       oneOf("all, one or a number", isWord("all", "one"), isCount),
	"on-success": clauseForm, "on-error": clauseForm, "on-complete": clauseForm,
}

var reverseForms = map[string]form{"requires": oneOf("a task or a list of tasks", isName, isNames)}

func retryForm(v *validator, name string, n *yaml.Node) {
	if isName(n) {
		_, params := command(" " + n.Value)
		if !slices.ContainsFunc(params, func(p entry) bool { return p.name == "delay" }) {
			v.wrong(n, "%s has no delay", name)
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		v.wrong(n, "%s is not a mapping", name)
		return
	}
	for _, want := range []string{"count", "delay"} {
		if p := lookup(n, want); p == nil {
			v.wrong(n, "%s has no %s", name, want)
		} else {
			countForm(v, want, p.val)
		}
	}
	for _, p := range entries(n) {
		switch p.name {
		case "count", "delay":
		case "break-on", "continue-on":
			if !isExpression(p.val) {
				v.wrong(p.val, "%s is not an expression", p.name)
			}
		default:
			v.wrong(p.key, "%s has no property %q", name, p.name)
		}
	}
}

var (
	oneWord      = regexp.MustCompile(`^\S+$`)
	withArgument = regexp.MustCompile(`(?s)^\w+ \w+=.*$|^\w+\(\w+=.*\)$`)
)

func isTarget(n *yaml.Node) bool {
	return isText(n) && (oneWord.MatchString(n.Value) || withArgument.MatchString(n.Value))
}

// clauseForm: a task, a task with a condition, a list of these, or publish and
// next.
func clauseForm(v *validator, name string, n *yaml.Node) {
	if n.Kind == yaml.MappingNode && (lookup(n, "publish") != nil || lookup(n, "next") != nil) {
		for _, p := range entries(n) {
			switch p.name {
			case "next":
				v.nextForm(name, p.val)
			case "publish":
				if !isObject(p.val) {
					v.wrong(p.val, "publish is not a mapping")
				}
				for _, scope := range entries(p.val) {
					if !slices.Contains([]string{"branch", "global", "atomic"}, scope.name) || !isObject(scope.val) {
						v.wrong(scope.key, "publish has branch, global and atomic, which are mappings")
					}
				}
			default:
				v.wrong(p.key, "%s has no property %q", name, p.name)
			}
		}
		return
	}
	v.nextForm(name, n)
}

func (v *validator) nextForm(name string, n *yaml.Node) {
	switch n.Kind {
	case yaml.ScalarNode:
		if !isTarget(n) {
			v.wrong(n, "%s does not name a task", name)
		}
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			v.wrong(n, "%s is empty", name)
		}
		var seen []string
		for _, item := range items(n) {
			if item.Kind == yaml.MappingNode {
				v.conditional(name, item)
				continue
			}
			if !isTarget(item) || slices.Contains(seen, item.Value) {
				v.wrong(item, "%s does not name a task, or names it twice", name)
			}
			seen = append(seen, item.Value)
		}
	case yaml.MappingNode:
		v.conditional(name, n)
	}
}

func (v *validator) conditional(name string, n *yaml.Node) {
	if len(n.Content) != 2 || !isTarget(n.Content[0]) || !isExpression(resolve(n.Content[1])) {
		v.wrong(n, "%s: a task with a condition is one task and one expression", name)
	}
}

// properties holds a mapping against forms.
func (v *validator) properties(what string, n *yaml.Node, forms ...map[string]form) {
	for _, p := range entries(n) {
		known := false
		for _, f := range forms {
			if check, ok := f[p.name]; ok {
				known = true
				if check != nil {
					check(v, p.name, p.val)
				}
			}
		}
		if !known {
			v.wrong(p.key, "%s has no property %q", what, p.name)
		}
	}
}

var flowForms = map[string]form{
	"type": oneOf("direct or reverse", isWord("direct", "reverse")), "description": textForm, "tags": oneOf("a list of texts", isNames),
	"input":  oneOf("a list of names, and names with one default each", isInput),
	"output": objectForm, "output-on-error": objectForm, "vars": objectForm, "task-defaults": objectForm, "tasks": objectForm,
}

// book holds a whole document against the schema.
func (v *validator) book(root *yaml.Node) {
	flows := root
	if w := lookup(root, "workflows"); w != nil {
		v.properties("a workbook", root, map[string]form{"version": nil, "name": textForm, "description": textForm, "tags": oneOf("a list of texts", isNames),
			"actions": objectForm, "workflows": objectForm})
		if lookup(root, "name") == nil {
			v.wrong(root, "the workbook has no name")
		}
		for _, a := range entries(valueOf(root, "actions")) {
			if a.name == "version" {
				continue
			}
			v.properties("an action", a.val, map[string]form{"name": nil, "version": nil, "description": textForm, "tags": oneOf("a list of texts", isNames), "base": textForm,
				"base-input": objectForm, "input": oneOf("a list of names, and names with one default each", isInput), "output": nil})
			if lookup(a.val, "base") == nil {
				v.wrong(a.key, "the action %q has no base", a.name)
			}
		}
		flows = w.val
	}
	for _, f := range entries(flows) {
		if f.name == "version" {
			continue
		}
		if !isObject(f.val) {
			v.wrong(f.key, "the workflow %q is not a mapping with content", f.name)
			continue
		}
		v.flow(f)
	}
}

func (v *validator) flow(f entry) {
	for _, p := range entries(f.val) {
		if check := flowForms[p.name]; check != nil {
			check(v, p.name, p.val)
		}
	}
	forms := directForms
	if textOf(valueOf(f.val, "type")) == "reverse" {
		forms = reverseForms
	}
	if d := lookup(f.val, "task-defaults"); d != nil {
		some := map[string]form{"requires": reverseForms["requires"]}
		for _, name := range []string{"retry", "wait-before", "wait-after", "timeout", "pause-before", "concurrency", "fail-on", "safe-rerun"} {
			some[name] = taskForms[name]
		}
		for _, name := range []string{"on-success", "on-error", "on-complete"} {
			some[name] = clauseForm
		}
		v.properties("task-defaults", d.val, some)
	}
	for _, t := range entries(valueOf(f.val, "tasks")) {
		v.task = t.name
		if t.name != "version" && !isObject(t.val) {
			v.wrong(t.key, "the task %q is not a mapping with content", t.name)
		}
		v.properties("a task", t.val, taskForms, forms)
		if lookup(t.val, "action") != nil && lookup(t.val, "workflow") != nil {
			v.wrong(t.key, "a task has an action or a workflow, not both")
		}
		v.task = ""
	}
}

// graph checks what tasks say of each other.
func (v *validator) graph(w *flow) {
	for _, t := range w.tasks {
		v.task = t.name
		before := 0
		for _, o := range w.tasks {
			if o.leadsTo(t.name) {
				before++
			}
		}
		if j := t.prop("join"); !isNull(j) && !w.reverse {
			n, err := strconv.Atoi(textOf(j))
			switch text := textOf(j); {
			case text == "all" && before == 0, text == "one" && before == 0, err == nil && n > before:
				v.wrong(j, "there are not enough tasks before the join")
			}
		}
		for _, cl := range []clause{t.success, t.failure, t.complete} {
			for _, to := range cl.targets {
				if !isCommand(to.name) && w.task(to.name) == nil {
					v.notes.add(RuleWrong, Impossible, to.at, "there is no task %q", to.name)
				}
			}
		}
		for _, name := range t.requires {
			if w.task(name) == nil {
				v.wrong(t.key, "the task requires %q, which does not exist", name)
			}
		}
		v.task = ""
	}
	if !w.reverse && len(w.tasks) > 0 && !slices.ContainsFunc(w.tasks, func(t *task) bool {
		return !slices.ContainsFunc(w.tasks, func(o *task) bool { return o.leadsTo(t.name) })
	}) {
		v.notes.add(RuleWrong, Impossible, w.at, "no task is without one before it: nothing can start")
	}
}
