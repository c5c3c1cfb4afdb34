package mistral

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// This file reads definitions: what there is, not yet what it means in Orquesta.

// book is a file: one or several workflows, and actions made from others.
type book struct {
	name      string // of a workbook; "" for a file of workflows
	workflows []*flow
	adhoc     map[string]*adhoc
	head      string // comment above everything
}

func (b *book) workflow(name string) *flow {
	for _, w := range b.workflows {
		if w.name == name || b.name != "" && b.name+"."+w.name == name {
			return w
		}
	}
	return nil
}

// adhoc is an action that a workbook makes from another one.
type adhoc struct {
	base   string
	inputs []entry // name and default; nil for none
	given  *yaml.Node
	output *yaml.Node
	at     place
}

type flow struct {
	name        string
	key         *yaml.Node
	description *yaml.Node
	reverse     bool
	input       *yaml.Node
	vars        *yaml.Node
	output      *yaml.Node
	onError     *yaml.Node // output-on-error
	tags        *yaml.Node
	tasks       []*task
	at          place
}

func (w *flow) task(name string) *task {
	for _, t := range w.tasks {
		if t.name == name {
			return t
		}
	}
	return nil
}

type task struct {
	name, renamed string
	key, node     *yaml.Node
	at            place

	action   string // with inline parameters taken out
	workflow string
	comment  string // beside the action
	inline   []entry
	with     []itemList
	requires []string
	success  clause
	failure  clause
	complete clause
	publish  []binding
	onError  []binding // publish-on-error

	props map[string]*yaml.Node // join, retry, wait-before, ...
}

func (t *task) prop(name string) *yaml.Node { return t.props[name] }

// id is the name in Orquesta.
func (t *task) id() string {
	if t.renamed != "" {
		return t.renamed
	}
	return t.name
}

type itemList struct{ name, list string }

// clause is on-success, on-error or on-complete.
type clause struct {
	key     *yaml.Node
	targets []target
	publish []binding // advanced: branch
	global  []binding // advanced: global and atomic
}

type target struct {
	name  string
	guard *yaml.Node // nil: always
	msg   string
	at    place
}

// binding is a variable and what it is set to.
type binding struct {
	name string
	key  *yaml.Node
	val  *yaml.Node
}

func at(task string, n *yaml.Node) place {
	if n == nil {
		return place{task: task}
	}
	return place{task, n.Line, n.Column}
}

// isMistral reports whether a document is one of Mistral's.
func isMistral(root *yaml.Node) bool {
	v := textOf(valueOf(root, "version"))
	return v == "2.0" || v == "2"
}

func readBook(root *yaml.Node, ns *notes) *book {
	b := &book{adhoc: map[string]*adhoc{}, head: root.HeadComment}
	if root.Kind == yaml.MappingNode && len(root.Content) > 0 && b.head == "" {
		b.head = root.Content[0].HeadComment
	}
	if flows := lookup(root, "workflows"); flows != nil {
		b.name = textOf(valueOf(root, "name"))
		for _, e := range entries(flows.val) {
			if e.name != "version" {
				b.workflows = append(b.workflows, readFlow(e, ns))
			}
		}
		for _, e := range entries(valueOf(root, "actions")) {
			if e.name != "version" {
				b.adhoc[e.name] = readAdhoc(e)
			}
		}
		return b
	}
	for _, e := range entries(root) {
		switch e.name {
		case "version":
		default:
			b.workflows = append(b.workflows, readFlow(e, ns))
		}
	}
	return b
}

func readAdhoc(e entry) *adhoc {
	a := &adhoc{at: at("", e.key), output: valueOf(e.val, "output"), given: valueOf(e.val, "base-input")}
	var inline []entry
	a.base, inline = command(textOf(valueOf(e.val, "base")))
	if len(inline) > 0 {
		m := newMapping()
		for _, p := range inline {
			m.set(p.name, p.val)
		}
		if a.given != nil {
			m.node.Content = append(m.node.Content, copyNode(a.given).Content...)
		}
		a.given = m.node
	}
	for _, n := range items(valueOf(e.val, "input")) {
		if n.Kind == yaml.MappingNode {
			a.inputs = append(a.inputs, entries(n)...)
		} else {
			a.inputs = append(a.inputs, entry{name: textOf(n)})
		}
	}
	return a
}

func readFlow(e entry, ns *notes) *flow {
	w := &flow{name: e.name, key: e.key, at: at("", e.key), description: valueOf(e.val, "description"), input: valueOf(e.val, "input"),
		vars: valueOf(e.val, "vars"), output: valueOf(e.val, "output"), onError: valueOf(e.val, "output-on-error"), tags: valueOf(e.val, "tags")}
	w.reverse = textOf(valueOf(e.val, "type")) == "reverse"
	for _, p := range entries(e.val) {
		switch p.name {
		case "type", "description", "input", "vars", "output", "output-on-error", "tags", "tasks", "task-defaults", "name", "version":
		default:
			ns.add(RuleIgnored, Info, at("", p.key), "the property %q of the workflow is left out", p.name)
		}
	}
	defaults := valueOf(e.val, "task-defaults")
	for _, t := range entries(valueOf(e.val, "tasks")) {
		if t.name != "version" {
			w.tasks = append(w.tasks, readTask(t, defaults, ns))
		}
	}
	for _, t := range w.tasks {
		if id := wordFor(t.name, func(id string) bool { return w.task(id) != nil }); id != t.name {
			t.renamed = id
		}
	}
	if len(w.tasks) == 0 {
		ns.add(RuleWrong, Impossible, w.at, "the workflow %q has no tasks", w.name)
	}
	return w
}

func readTask(e entry, defaults *yaml.Node, ns *notes) *task {
	t := &task{name: e.name, key: e.key, node: e.val, at: at(e.name, e.key), props: map[string]*yaml.Node{}}
	for _, p := range entries(e.val) {
		switch p.name {
		case "action":
			t.action, t.inline = command(textOf(p.val))
			t.comment = p.val.LineComment
		case "workflow":
			t.workflow, t.inline = command(textOf(p.val))
			t.comment = p.val.LineComment
		case "with-items":
			for _, n := range items(p.val) {
				if l, ok := readItems(textOf(n)); ok {
					t.with = append(t.with, l)
				} else {
					ns.add(RuleWrong, Impossible, at(t.name, n), "with-items has the form \"name in list\"")
				}
			}
		case "requires":
			for _, n := range items(p.val) {
				t.requires = append(t.requires, textOf(n))
			}
		case "publish":
			t.publish = bindings(p.val)
		case "publish-on-error":
			t.onError = bindings(p.val)
		case "on-success":
			t.success = t.readClause(p, ns)
		case "on-error":
			t.failure = t.readClause(p, ns)
		case "on-complete":
			t.complete = t.readClause(p, ns)
		default:
			t.props[p.name] = p.val
		}
	}
	t.takeDefaults(defaults, ns)
	if t.action == "" && t.workflow == "" {
		t.action = "std.noop"
	}
	return t
}

var notWord = regexp.MustCompile(`\W`)

// wordFor is a task's name in Orquesta: a word that is no command, and that no
// other task has.
func wordFor(name string, taken func(string) bool) string {
	id := notWord.ReplaceAllString(name, "_")
	switch id {
	case "retry", "continue", "noop", "fail":
		id += "_task"
	}
	for id != name && taken(id) {
		id += "_"
	}
	return id
}

// takeDefaults adds what task-defaults say for what the task does not.
func (t *task) takeDefaults(defaults *yaml.Node, ns *notes) {
	notMe := func(c clause) clause {
		c.targets = slices.DeleteFunc(c.targets, func(to target) bool { return to.name == t.name })
		return c
	}
	for _, p := range entries(defaults) {
		switch p.name {
		case "on-success":
			if len(t.success.targets) == 0 {
				t.success.targets = notMe(t.readClause(p, ns)).targets
			}
		case "on-error":
			if len(t.failure.targets) == 0 {
				t.failure.targets = notMe(t.readClause(p, ns)).targets
			}
		case "on-complete":
			if len(t.complete.targets) == 0 {
				t.complete.targets = notMe(t.readClause(p, ns)).targets
			}
		case "requires":
			if len(t.requires) == 0 {
				for _, n := range items(p.val) {
					if textOf(n) != t.name {
						t.requires = append(t.requires, textOf(n))
					}
				}
			}
		default:
			if t.props[p.name] == nil {
				t.props[p.name] = p.val
			}
		}
	}
}

func bindings(n *yaml.Node) (out []binding) {
	for _, e := range entries(n) {
		out = append(out, binding(e))
	}
	return out
}

func (t *task) readClause(p entry, ns *notes) clause {
	c := clause{key: p.key}
	next := p.val
	if p.val.Kind == yaml.MappingNode && (lookup(p.val, "publish") != nil || lookup(p.val, "next") != nil) {
		next = valueOf(p.val, "next")
		pub := valueOf(p.val, "publish")
		c.publish = bindings(valueOf(pub, "branch"))
		c.global = append(bindings(valueOf(pub, "global")), bindings(valueOf(pub, "atomic"))...)
	}
	for _, n := range items(next) {
		switch {
		case n.Kind == yaml.MappingNode:
			for _, e := range entries(n) {
				name, msg := engineCommand(e.name)
				to := target{name: name, msg: msg, at: at(t.name, e.key)}
				if text := textOf(e.val); text != "" {
					to.guard = e.val
				}
				c.targets = append(c.targets, to)
			}
		case isText(n):
			name, msg := engineCommand(n.Value)
			c.targets = append(c.targets, target{name: name, msg: msg, at: at(t.name, n)})
		default:
			ns.add(RuleWrong, Impossible, at(t.name, n), "a transition names a task")
		}
	}
	return c
}

var commandWithMessage = regexp.MustCompile(`^(\w+)(?:\s+|\()\s*\w+\s*=\s*(.*?)\)?$`)

// engineCommand takes the message off a command: fail(msg="..."), fail msg=....
func engineCommand(text string) (name, msg string) {
	m := commandWithMessage.FindStringSubmatch(text)
	if m == nil || !isCommand(m[1]) {
		return strings.TrimSpace(text), ""
	}
	return m[1], strings.Trim(m[2], `"'`)
}

func isCommand(name string) bool {
	switch name {
	case "fail", "succeed", "pause", "noop":
		return true
	}
	return false
}

var itemsForm = regexp.MustCompile(`(?s)^\s*([\w-]+)\s*in\s*(\[.+\]|<%.*?%>|\{\{.*\}\})\s*$`)

func readItems(text string) (itemList, bool) {
	m := itemsForm.FindStringSubmatch(text)
	if m == nil {
		return itemList{}, false
	}
	return itemList{m[1], m[2]}, true
}

// inlineForms is what stands behind "name=" on the line of an action.
var (
	commandName  = regexp.MustCompile(`^(?:[\w.]+[^=(\s"]*|<%.*?%>|\{\{.*?\}\})`)
	inlineParams = regexp.MustCompile(`([-_\w]+)=("[^"]*"|'[^']*'|<%.*?%>|\{\{.*?\}\}|\[.*\]|true|false|null|\d+)`)
)

// command takes inline parameters off an action: "std.echo output=<% $.x %>".
func command(text string) (name string, params []entry) {
	if !strings.Contains(text, " ") {
		return text, nil
	}
	name = commandName.FindString(text)
	if strings.HasPrefix(name, "<%") || strings.HasPrefix(name, "{{") {
		if name == strings.TrimSpace(text) {
			return name, nil
		}
	}
	for _, m := range inlineParams.FindAllStringSubmatch(text, -1) {
		v := m[2]
		var n *yaml.Node
		switch {
		case v[0] == '"' || v[0] == '\'':
			n = str(v[1 : len(v)-1])
		case strings.HasPrefix(v, "<%") || strings.HasPrefix(v, "{{"):
			n = str(v)
		default:
			n = jsonNode(v)
		}
		params = append(params, entry{name: m[1], key: str(m[1]), val: n})
	}
	return name, params
}

// jsonNode is a value written as JSON; what is none is a text.
func jsonNode(text string) *yaml.Node {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil || len(n.Content) != 1 {
		return str(text)
	}
	return n.Content[0]
}
