package mistral

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// task builds one task of the Orquesta document, and lists the tasks it leads
// to.
func (c *converter) task(t *task) (node *yaml.Node, next []string) {
	m := newMapping()
	c.ignored(t)
	if j := t.prop("join"); !isNull(j) {
		c.joinCount(t, j)
		switch text := textOf(j); text {
		case "all":
			m.set("join", str("all"))
		case "one":
			m.set("join", plain("1"))
		default:
			m.set("join", copyNode(j))
		}
	}
	c.with(t, m)
	c.delay(t, m)
	c.action(t, m)
	c.retry(t, m)
	next = c.next(t, m)
	if m.empty() {
		m.set("action", str("core.noop"))
	}
	return m.node, next
}

// joinCount notes joins that do not wait for all: what comes later is dropped in
// Orquesta, and in Mistral it may start the task again, or be merged.
func (c *converter) joinCount(t *task, join *yaml.Node) {
	before, sure := 0, true
	for _, o := range c.flow.tasks {
		if o.leadsTo(t.name) {
			before++
			sure = sure && o.alwaysLeadsTo(t.name)
		}
	}
	if !sure && len(t.failure.targets)+len(t.complete.targets) > 0 {
		c.notes.add(RuleJoinError, Look, at(t.name, join), "when the join cannot be reached any more, the workflow fails; in Mistral that is an error of the task, and its on-error and on-complete follow")
	}
	n, err := strconv.Atoi(textOf(join))
	if textOf(join) == "one" {
		n, err = 1, nil
	}
	if err == nil && n < before {
		c.notes.add(RuleJoinCount, Look, at(t.name, join), "the join waits for %d of %d tasks; variables of those that come later are not seen after it", n, before)
	}
}

// ignored notes what has no meaning in Orquesta.
func (c *converter) ignored(t *task) {
	for _, name := range []string{"keep-result", "safe-rerun", "target"} {
		if n := t.prop(name); !isNull(n) && textOf(n) != "true" {
			c.notes.add(RuleIgnored, Look, at(t.name, n), "%s is left out", name)
		}
	}
	if n := t.prop("tags"); !isNull(n) {
		c.notes.add(RuleIgnored, Info, at(t.name, n), "tags of tasks are left out")
	}
	if n := t.prop("pause-before"); !isNull(n) && textOf(n) != "false" {
		c.notes.add(RulePause, Impossible, at(t.name, n), "pause-before has no counterpart; an inquiry (core.ask) before the task stops a workflow")
	}
	if t.renamed != "" {
		c.notes.add(RuleRenamed, Info, t.at, "the task %q is called %q: names are words, and no commands", t.name, t.renamed)
	}
}

func (c *converter) with(t *task, m *mapping) {
	if len(t.with) == 0 {
		return
	}
	w := newMapping()
	r := c.rewriter(t, nil)
	lists, vars := make([]string, 0, len(t.with)), make([]string, 0, len(t.with))
	for _, l := range t.with {
		vars = append(vars, l.name)
		if strings.HasPrefix(l.list, "[") {
			lists = append(lists, "yaql\x00"+yaqlLiteral(jsonNode(l.list), r))
			continue
		}
		language, inner, ok := single(l.list)
		if !ok {
			c.notes.add(RuleMixedTemplate, Impossible, t.at, "the list of with-items is not one expression")
		}
		if language == "jinja" {
			lists = append(lists, "jinja\x00"+r.jinja(inner))
		} else {
			lists = append(lists, "yaql\x00"+r.yaql(inner))
		}
	}
	language, _, _ := strings.Cut(lists[0], "\x00")
	inner := make([]string, len(lists))
	for i, l := range lists {
		lang, text, _ := strings.Cut(l, "\x00")
		if lang != language {
			c.notes.add(RuleMixedTemplate, Impossible, t.at, "the lists of with-items are of two languages")
		}
		inner[i] = text
	}
	list := inner[0]
	if len(inner) > 1 {
		c.notes.add(RuleItemLists, Look, t.at, "lists of different lengths are filled up with null; Mistral fails")
		list = "zip(" + strings.Join(inner, ", ") + ")"
	}
	w.set("items", str(strings.Join(vars, ", ")+" in "+wrap(language, list)))
	if n := t.prop("concurrency"); !isNull(n) && textOf(n) != "0" {
		w.set("concurrency", c.rewriter(t, n).node(copyNode(n)))
		c.notes.add(RuleItemFailure, Look, at(t.name, n), "items that wait when one has failed do not start; in Mistral they do")
	}
	m.set("with", w.node)
}

// yaqlLiteral writes a value as a YAQL expression.
func yaqlLiteral(n *yaml.Node, r *rewriter) string {
	n = resolve(n)
	switch n.Kind {
	case yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			parts[i] = yaqlLiteral(item, r)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.MappingNode:
		var parts []string
		for _, e := range entries(n) {
			parts = append(parts, quote(e.name)+" => "+yaqlLiteral(e.val, r))
		}
		return "dict(" + strings.Join(parts, ", ") + ")"
	}
	switch n.Tag {
	case "!!null":
		return "null"
	case "!!bool", "!!int", "!!float":
		return strings.ToLower(n.Value)
	}
	if language, inner, ok := single(n.Value); ok && language == "yaql" {
		return r.yaql(inner)
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(n.Value) + "'"
}

// delay is wait-before, and the wait-after of the task before.
func (c *converter) delay(t *task, m *mapping) {
	before := t.prop("wait-before")
	after := c.waitAfter(t)
	switch {
	case isNull(before) && after == 0:
	case after == 0:
		if textOf(before) != "0" {
			m.set("delay", c.rewriter(t, before).node(copyNode(before)))
		}
	default:
		n, err := 0, error(nil)
		if !isNull(before) {
			n, err = strconv.Atoi(textOf(before))
		}
		if err != nil {
			c.notes.add(RuleWaitAfter, Look, at(t.name, before), "wait-after of the task before is left out")
			m.set("delay", c.rewriter(t, before).node(copyNode(before)))
			return
		}
		m.set("delay", plain(strconv.Itoa(n+after)))
	}
}

// waitAfter is the wait-after that all tasks before a task have; it is waited
// before the task starts.
func (c *converter) waitAfter(t *task) int {
	seconds := -1
	for _, from := range c.flow.tasks {
		n := from.prop("wait-after")
		if isNull(n) && !slices.ContainsFunc(c.flow.tasks, func(o *task) bool { return !isNull(o.prop("wait-after")) }) {
			continue
		}
		if !from.leadsTo(t.name) {
			continue
		}
		s, err := 0, error(nil)
		if !isNull(n) {
			s, err = strconv.Atoi(textOf(n))
		}
		if err != nil || seconds >= 0 && seconds != s || !isNull(t.prop("join")) && s > 0 {
			c.notes.add(RuleWaitAfter, Look, at(from.name, n), "wait-after is left out: what follows has several tasks before it, or the time is an expression")
			return 0
		}
		seconds = s
	}
	if seconds > 0 {
		c.notes.add(RuleWaitAfter, Info, t.at, "the wait-after of the task before is a delay of this one")
	}
	return max(seconds, 0)
}

func (t *task) leadsTo(name string) bool {
	for _, cl := range []clause{t.success, t.failure, t.complete} {
		if slices.ContainsFunc(cl.targets, func(to target) bool { return to.name == name }) {
			return true
		}
	}
	return false
}

// alwaysLeadsTo: whatever becomes of t, the other task comes after it.
func (t *task) alwaysLeadsTo(name string) bool {
	has := func(cl clause) bool {
		return slices.ContainsFunc(cl.targets, func(to target) bool { return to.name == name && to.guard == nil })
	}
	return has(t.complete) || has(t.success) && has(t.failure)
}

// action sets action and input.
func (c *converter) action(t *task, m *mapping) {
	name, given := t.action, t.prop("input")
	r := c.rewriter(t, given)
	for _, l := range t.with {
		r.items = append(r.items, l.name)
	}
	input := newMapping()
	for _, e := range entries(given) {
		if !slices.ContainsFunc(t.inline, func(p entry) bool { return p.name == e.name }) {
			input.setKey(keyLike(e.name, e.key), r.node(copyNode(e.val)))
		}
	}
	for _, p := range t.inline {
		input.setKey(str(p.name), r.node(copyNode(p.val)))
	}
	switch {
	case t.workflow != "":
		name = r.text(c.subworkflow(t))
	case c.book.adhoc[strings.TrimPrefix(name, c.book.name+".")] != nil:
		name, input = c.takeIn(t, c.book.adhoc[strings.TrimPrefix(name, c.book.name+".")], input)
	default:
		name = r.text(name)
	}
	switch name {
	case "std.noop":
		if len(t.with) == 0 && isNull(t.prop("retry")) && isNull(t.prop("wait-before")) && c.waitAfter(t) == 0 {
			return // a task without action does nothing, too
		}
	case "std.http", "std.mistral_http", "std.async_noop", "std.ssh", "std.ssh_proxied", "std.email", "std.js", "std.javascript":
		if !c.standard(t, &name, input) {
			return
		}
	}
	c.timeout(t, input)
	node := str(name)
	node.LineComment = t.comment
	m.set("action", node)
	switch {
	case isText(given) && input.empty():
		m.set("input", r.node(copyNode(given)))
	case !input.empty():
		m.set("input", input.node)
	}
}

// subworkflow is the action that a sub-workflow becomes.
func (c *converter) subworkflow(t *task) string {
	w := c.book.workflow(t.workflow)
	if w == nil && strings.HasPrefix(t.workflow, c.o.Pack+"."+c.o.Name+".") {
		w = c.book.workflow(strings.TrimPrefix(t.workflow, c.o.Pack+"."+c.o.Name+"."))
	}
	if w == nil {
		return t.workflow // another action
	}
	return actionOf(w, w == c.book.workflows[0], c.o)
}

// timeout becomes the parameter that the runners of commands and scripts have.
func (c *converter) timeout(t *task, input *mapping) {
	n := t.prop("timeout")
	if isNull(n) || textOf(n) == "0" {
		return
	}
	if strings.HasPrefix(t.action, "std.") || t.workflow != "" {
		c.notes.add(RuleTimeout, Look, at(t.name, n), "timeout is left out: the action has none")
		return
	}
	if lookup(input.node, "timeout") == nil {
		input.set("timeout", c.rewriter(t, n).node(copyNode(n)))
	}
	c.notes.add(RuleTimeout, Look, at(t.name, n), "timeout is the action's parameter now; it must have one, as those of command, script and Python runners do")
}

// standard maps standard actions that have a counterpart under another name.
func (c *converter) standard(t *task, name *string, input *mapping) bool {
	switch *name {
	case "std.http":
		c.notes.add(RuleStdAction, Look, t.at, "std.http is core.http: its result has body and status_code instead of content and status")
		*name = "core.http"
		for i := 0; i < len(input.node.Content); i += 2 {
			if input.node.Content[i].Value == "verify" {
				input.node.Content[i].Value = "verify_ssl_cert"
			}
		}
		return true
	case "std.ssh":
		c.notes.add(RuleStdAction, Look, t.at, "std.ssh is core.remote: its result is per host")
		*name = "core.remote"
		for i := 0; i < len(input.node.Content); i += 2 {
			switch k := input.node.Content[i]; k.Value {
			case "host":
				k.Value = "hosts"
			case "private_key_filename":
				k.Value = "private_key"
			}
		}
		return true
	}
	c.notes.add(RuleNoAction, Impossible, t.at, "the action %s has no counterpart", *name)
	return false
}

// takeIn puts what an ad-hoc action is made of in its place.
func (c *converter) takeIn(t *task, a *adhoc, given *mapping) (string, *mapping) {
	base := a.base
	if a.output != nil {
		c.notes.add(RuleAdhoc, Impossible, a.at, "the ad-hoc action of the task %q changes its result (output)", t.name)
		return base, given
	}
	if c.book.adhoc[base] != nil {
		c.notes.add(RuleAdhoc, Impossible, a.at, "the ad-hoc action of the task %q is made of another ad-hoc action", t.name)
		return base, given
	}
	r := c.rewriter(t, nil)
	r.params = map[string]string{}
	for _, in := range a.inputs {
		n := valueOf(given.node, in.name)
		if n == nil {
			n = in.val
		}
		if n == nil {
			n = plain("null")
		}
		if language, inner, ok := single(textOf(n)); ok {
			r.params[language+":"+in.name] = "(" + inner + ")"
		} else if !hasExpression(textOf(n)) {
			text := yaqlLiteral(n, r)
			r.params["yaql:"+in.name], r.params["jinja:"+in.name] = text, text
		}
	}
	input := newMapping()
	for _, e := range entries(a.given) {
		// A single variable is put in as it is, whatever its language.
		if name := onlyVariable(textOf(e.val)); name != "" {
			if n := valueOf(given.node, name); n != nil {
				input.setKey(keyLike(e.name, e.key), n)
				continue
			}
		}
		input.setKey(keyLike(e.name, e.key), r.node(copyNode(e.val)))
	}
	if r.bad {
		c.notes.add(RuleAdhoc, Impossible, a.at, "the ad-hoc action of the task %q reads what is no input of it, or an input in another language", t.name)
	}
	return base, input
}

// onlyVariable is x of "<% $.x %>" and "{{ _.x }}", "" for anything else.
func onlyVariable(text string) string {
	language, inner, ok := single(text)
	if !ok {
		return ""
	}
	name, found := strings.CutPrefix(inner, "$.")
	if language == "jinja" {
		name, found = strings.CutPrefix(inner, "_.")
	}
	if !found || !nameOnly.MatchString(name) {
		return ""
	}
	return name
}
