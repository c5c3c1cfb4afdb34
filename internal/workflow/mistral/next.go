package mistral

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// outcome is one way a task can end, and what follows then.
type outcome struct {
	when    string // "succeeded()", "failed()", with conditions
	lang    string // of the conditions; "" for none yet
	publish []binding
	targets []target
	fails   bool // nobody handles the error: the workflow fails in the end
}

// transition is an element of next.
type transition struct {
	when string
	lang string
	pub  []binding
	do   []string
}

// condition rewrites a guard. Guards see what the task publishes; here that is
// put in place of the variables.
func (c *converter) condition(t *task, n *yaml.Node, published []binding) (language, inner string) {
	language, inner, ok := c.tryCondition(t, n, published)
	if !ok {
		c.notes.add(RuleMixedTemplate, Impossible, at(t.name, n), "the condition reads variables that the task publishes, in a form that cannot be put in their place")
	}
	return language, inner
}

func (c *converter) tryCondition(t *task, n *yaml.Node, published []binding) (language, inner string, ok bool) {
	language, inner, ok = single(textOf(n))
	if !ok {
		c.notes.add(RuleMixedTemplate, Impossible, at(t.name, n), "the condition is not one expression")
		return "yaql", "true", true
	}
	r := c.rewriter(t, n)
	r.own = !c.later
	r.published = map[string]string{}
	if c.later {
		published = nil
	}
	for _, b := range published {
		own := c.rewriter(t, b.val)
		own.own, own.notes = true, &notes{} // it is noted where it is published
		r.published[":"+b.name] = ""
		if l, in, ok := single(textOf(b.val)); ok {
			if l == "jinja" {
				in = own.jinja(in)
			} else {
				in = own.yaql(in)
			}
			if strings.ContainsAny(in, " ") {
				in = "(" + in + ")"
			}
			r.published[l+":"+b.name] = in
			if l == "yaql" && in == "result()" || l == "jinja" && in == "result()" {
				r.published["yaql:"+b.name], r.published["jinja:"+b.name] = in, in
			}
		} else if literal(b.val) {
			r.published["yaql:"+b.name] = yaqlLiteral(b.val, own)
			if b.val.Kind == yaml.ScalarNode {
				r.published["jinja:"+b.name] = yaqlLiteral(b.val, own)
			}
		} else if l := yaqlOnly(b.val); l {
			r.published["yaql:"+b.name] = yaqlLiteral(b.val, own)
		}
	}
	if language == "jinja" {
		inner = r.jinja(inner)
	} else {
		inner = r.yaql(inner)
	}
	return language, inner, !r.bad
}

// literal reports a value without any expression.
func literal(n *yaml.Node) bool {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode {
		return !hasExpression(n.Value)
	}
	return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !literal(c) })
}

// yaqlOnly reports a list or mapping whose texts are plain, or one YAQL
// expression each.
func yaqlOnly(n *yaml.Node) bool {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode {
		language, _, ok := single(n.Value)
		return !hasExpression(n.Value) || ok && language == "yaql"
	}
	return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !yaqlOnly(c) })
}

// next sets the transitions of a task, and lists where they lead.
func (c *converter) next(t *task, m *mapping) (to []string) {
	for _, cl := range []clause{t.success, t.failure, t.complete} {
		if len(cl.global) > 0 {
			c.notes.add(RuleGlobal, Look, at(t.name, cl.key), "global variables are seen on this branch only")
		}
	}
	outcomes := c.outcomes(t)
	var all []transition
	if len(outcomes) == 2 && same(outcomes[0], outcomes[1]) {
		o := outcomes[0]
		o.when = ""
		all = c.transitions(t, o)
	} else {
		for _, o := range outcomes {
			all = append(all, c.transitions(t, o)...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	seq, to := c.nextNode(t, all)
	key := t.success.key
	if key == nil {
		key = t.complete.key
	}
	if key == nil {
		key = t.failure.key
	}
	m.setKey(keyLike("next", key), seq)
	return to
}

// nextNode writes transitions.
func (c *converter) nextNode(t *task, all []transition) (seq *yaml.Node, to []string) {
	seq = list()
	for _, tr := range all {
		to = append(to, tr.do...)
		e := newMapping()
		if tr.when != "" {
			e.set("when", str(wrap(tr.lang, tr.when)))
		}
		pub := bind(c.notes, tr.pub, func(n *yaml.Node) (*yaml.Node, map[string]bool) {
			r := c.rewriter(t, n)
			r.own = true
			return r.reading(copyNode(n))
		})
		if pub != nil {
			e.set("publish", pub)
		}
		switch len(tr.do) {
		case 0:
		case 1:
			e.set("do", str(tr.do[0]))
		default:
			do := names(tr.do)
			e.set("do", do)
		}
		seq.Content = append(seq.Content, e.node)
	}
	return seq, to
}

func same(a, b outcome) bool {
	if a.fails || b.fails || len(a.publish) > 0 || len(b.publish) > 0 || len(a.targets) != len(b.targets) || len(a.targets) == 0 {
		return false
	}
	for i := range a.targets {
		x, y := a.targets[i], b.targets[i]
		if x.name != y.name || textOf(x.guard) != textOf(y.guard) {
			return false
		}
	}
	return true
}

// mergedPublish lays variables over each other, the last on top. Mistral's order:
// those of on-success or on-error, the task's own, those of on-complete.
func mergedPublish(lists ...[]binding) (out []binding) {
	for _, list := range lists {
		for _, b := range list {
			if i := slices.IndexFunc(out, func(o binding) bool { return o.name == b.name }); i >= 0 {
				out[i] = b
			} else {
				out = append(out, b)
			}
		}
	}
	return out
}

// outcomes lists how a task ends and what follows.
func (c *converter) outcomes(t *task) []outcome {
	success := outcome{when: "succeeded()", lang: "", publish: mergedPublish(t.success.publish, t.success.global, t.publish, t.complete.publish, t.complete.global),
		targets: slices.Concat(t.success.targets, t.complete.targets)}
	failure := outcome{when: "failed()", publish: mergedPublish(t.failure.publish, t.failure.global, t.onError, t.complete.publish, t.complete.global)}
	handled := slices.ContainsFunc(t.failure.targets, func(to target) bool { return to.guard == nil })
	out := []outcome{success}
	if n := t.prop("fail-on"); !isNull(n) && textOf(n) != "false" {
		c.notes.add(RuleFailOn, Look, at(t.name, n), "the task itself ends as succeeded; what follows is what follows an error")
		l, in := c.condition(t, n, success.publish)
		out[0].when, out[0].lang = "succeeded() and not ("+in+")", l
		broken := failure
		broken.when, broken.lang, broken.publish = "succeeded() and ("+in+")", l, success.publish
		out = append(out, c.failures(t, broken, handled, true)...)
	}
	return append(out, c.failures(t, failure, handled, false)...)
}

// failures adds what follows an error. must: the task did not fail by itself, so
// that the workflow has to be failed when nobody handles it.
func (c *converter) failures(t *task, o outcome, handled, must bool) []outcome {
	after := t.complete.targets
	switch {
	case handled:
		o.targets = slices.Concat(t.failure.targets, after)
		return []outcome{o}
	case len(t.failure.targets) == 0 && len(after) == 0:
		if must || len(o.publish) > 0 {
			o.fails = true
			return []outcome{o}
		}
		return nil
	case len(t.failure.targets) == 0:
		c.unhandled(t, after)
		o.targets, o.fails = after, true
		return []outcome{o}
	case len(after) == 0 && !must:
		o.targets = t.failure.targets
		return []outcome{o} // no condition true: nothing follows, and the workflow fails
	}
	// on-error has conditions only: it depends on them whether the error is handled.
	yes, no := o, o
	yes.targets = slices.Concat(t.failure.targets, after)
	var any []string
	lang := o.lang
	for _, to := range t.failure.targets {
		l, in := c.condition(t, to.guard, o.publish)
		if lang != "" && l != lang {
			c.notes.add(RuleMixedTemplate, Impossible, to.at, "conditions of two languages meet")
		}
		lang = l
		any = append(any, "("+in+")")
	}
	either := strings.Join(any, " or ")
	yes.when, no.when = o.when+" and ("+either+")", o.when+" and not ("+either+")"
	yes.lang, no.lang = lang, lang
	no.targets, no.fails = after, true
	if len(after) > 0 {
		c.unhandled(t, after)
	}
	return []outcome{yes, no}
}

func (c *converter) unhandled(t *task, after []target) {
	for _, to := range after {
		if next := c.flow.task(to.name); next != nil && len(next.success.targets)+len(next.complete.targets) > 0 {
			c.notes.add(RuleOnComplete, Look, to.at, "after an error that nobody handles the task %q runs and the workflow fails; what follows %q does not run, in Mistral it does", to.name, to.name)
		}
	}
}

// transitions turns an outcome into elements of next.
func (c *converter) transitions(t *task, o outcome) []transition {
	start := transition{when: o.when, lang: o.lang, pub: o.publish}
	if !c.later && !o.fails && slices.ContainsFunc(o.targets, func(to target) bool {
		if to.guard == nil {
			return false
		}
		_, _, ok := c.tryCondition(t, to.guard, o.publish)
		return !ok
	}) && (strings.HasPrefix(o.when, "succeeded()") || slices.ContainsFunc(t.failure.targets, func(to target) bool { return to.guard == nil })) {
		start.do = []string{c.step(t, o)}
		return []transition{start}
	}
	list := c.decide(t, start, o.targets, o.fails, o.publish)
	if !slices.ContainsFunc(list, func(tr transition) bool { return tr.when == start.when }) && len(o.publish) > 0 {
		list = append(list, start) // the variables are set whatever the conditions say
	}
	// What has no target and sets nothing is no transition, but handles errors.
	return slices.DeleteFunc(list, func(tr transition) bool { return len(tr.do) == 0 && len(tr.pub) == 0 })
}

// step adds a task without action that decides what follows when the variables
// are published.
func (c *converter) step(t *task, o outcome) string {
	name := t.id() + "_then"
	for c.flow.task(name) != nil || c.added[name] != nil {
		name += "_"
	}
	c.notes.add(RuleAddedTask, Info, t.at, "the task %q was added: conditions after %q read what that publishes", name, t.name)
	c.later = true
	list := c.transitions(t, outcome{targets: o.targets})
	c.later = false
	m := newMapping()
	seq, to := c.nextNode(t, list)
	m.set("next", seq)
	c.added[name], c.addedNext[name], c.addedTo[t.id()] = m.node, to, append(c.addedTo[t.id()], name)
	return name
}

// decide walks through targets up to the first command that ends the workflow.
func (c *converter) decide(t *task, from transition, targets []target, fails bool, published []binding) []transition {
	for i, to := range targets {
		switch to.name {
		case "pause":
			c.notes.add(RulePause, Impossible, to.at, "pause has no counterpart; an inquiry (core.ask) stops a workflow")
			return nil
		case "fail", "succeed":
		default:
			continue
		}
		if to.msg != "" {
			c.notes.add(RuleMessage, Look, to.at, "the message of %s is left out", to.name)
		}
		if to.name == "succeed" && c.concurrent() {
			c.notes.add(RuleSucceed, Look, to.at, "succeed ends its own branch only; in Mistral it ends the workflow")
		}
		before := targets[:i]
		ends := to.name == "fail"
		if to.name == "succeed" {
			fails = false
		}
		if to.guard == nil {
			return c.plain(t, from, before, ends || fails, to.name == "succeed", published)
		}
		l, in := c.condition(t, to.guard, published)
		yes := c.conj(from, l, in, to)
		no := c.conj(from, l, "not ("+in+")", to)
		rest := slices.Concat(before, targets[i+1:])
		return append(c.plain(t, yes, before, ends || fails, to.name == "succeed", published), c.decide(t, no, rest, fails, published)...)
	}
	return c.plain(t, from, targets, fails, false, published)
}

func (c *converter) conj(from transition, language, inner string, to target) transition {
	if from.lang != "" && from.lang != language {
		c.notes.add(RuleMixedTemplate, Impossible, to.at, "conditions of two languages meet")
	}
	out := from
	out.lang = language
	switch {
	case from.when == "":
		out.when = inner
	case strings.HasPrefix(inner, "not (") && balanced(inner[4:]):
		out.when = from.when + " and " + inner
	default:
		out.when = from.when + " and (" + inner + ")"
	}
	return out
}

// balanced reports whether the bracket a text begins with closes at its end.
func balanced(s string) bool {
	_, rest, ok := argument(s)
	return ok && rest == ""
}

// plain groups tasks by their conditions. noop ends nothing, but an error with
// only that is handled.
func (c *converter) plain(t *task, from transition, targets []target, fail, quiet bool, published []binding) []transition {
	var out []transition
	for _, to := range targets {
		tr := from
		if to.guard != nil {
			l, in := c.condition(t, to.guard, published)
			tr = c.conj(from, l, in, to)
		}
		i := slices.IndexFunc(out, func(o transition) bool { return o.when == tr.when && o.lang == tr.lang })
		if i < 0 {
			out = append(out, tr)
			i = len(out) - 1
		}
		if name := c.targetName(to); !slices.Contains(out[i].do, name) {
			out[i].do = append(out[i].do, name)
		}
	}
	if len(out) == 0 {
		out = append(out, from)
	}
	for i := range out {
		if len(out[i].do) > 1 {
			out[i].do = slices.DeleteFunc(out[i].do, func(s string) bool { return s == "noop" })
		}
		switch {
		case fail:
			out[i].do = append(slices.DeleteFunc(out[i].do, func(s string) bool { return s == "noop" }), "fail")
		case len(out[i].do) == 0 && (quiet || strings.HasPrefix(from.when, "failed()")):
			out[i].do = []string{"noop"}
		}
	}
	// Without conditions everything is in one element; with them, the workflow is
	// failed whether they are true or not.
	if fail && !slices.ContainsFunc(out, func(tr transition) bool { return tr.when == from.when }) {
		tr := from
		tr.do = []string{"fail"}
		out = append(out, tr)
	}
	return out
}

func (c *converter) targetName(to target) string {
	if to.name == "noop" {
		return "noop"
	}
	next := c.flow.task(to.name)
	if next == nil {
		return to.name // it is noted as wrong
	}
	return next.id()
}

// concurrent reports whether tasks of the workflow may run at the same time.
func (c *converter) concurrent() bool { return len(c.branches()) > 0 }

// branches lists the tasks after which, or with which, several tasks run; ""
// for the start.
func (c *converter) branches() (out []string) {
	starts := 0
	for _, t := range c.flow.tasks {
		if !slices.ContainsFunc(c.flow.tasks, func(o *task) bool { return o.leadsTo(t.name) }) {
			starts++
		}
		for _, list := range [][]target{slices.Concat(t.success.targets, t.complete.targets), slices.Concat(t.failure.targets, t.complete.targets)} {
			n := 0
			for _, to := range list {
				if !isCommand(to.name) {
					n++
				}
			}
			if n > 1 && !exclusive(list) {
				out = append(out, t.name)
				break
			}
		}
	}
	if starts > 1 {
		out = append(out, "")
	}
	return out
}

// exclusive reports conditions of which one at most is true: x and not x are
// told apart only in their simplest forms, equality with different constants.
func exclusive(list []target) bool {
	seen := map[string]bool{}
	left := ""
	for _, to := range list {
		if isCommand(to.name) {
			continue
		}
		_, inner, ok := single(textOf(to.guard))
		if !ok {
			return false
		}
		l, r, ok := strings.Cut(strings.ReplaceAll(inner, "==", "="), "=")
		l, r = strings.TrimSpace(l), strings.TrimSpace(r)
		if !ok || strings.HasSuffix(l, "!") || strings.HasSuffix(l, "<") || strings.HasSuffix(l, ">") || strings.ContainsAny(r, "$(._") && !strings.HasPrefix(r, "'") && !strings.HasPrefix(r, `"`) {
			return false
		}
		if left != "" && l != left || seen[r] {
			return false
		}
		left, seen[r] = l, true
	}
	return true
}

// look finds what differs because of the shape of the workflow.
func (c *converter) look() {
	branches := c.branches()
	if len(branches) == 0 {
		return
	}
	for _, t := range c.flow.tasks {
		if slices.ContainsFunc(t.failure.targets, func(to target) bool { return to.guard == nil }) || t.action == "std.noop" || t.action == "std.echo" {
			continue
		}
		if u := c.cutShort(t); u != nil {
			c.notes.add(RuleParallelError, Look, t.at, "when the task %q fails, the workflow fails at once: what follows %q on its branch is not started any more; in Mistral it is", t.name, u.name)
		}
	}
	by := map[string][]string{}
	for _, t := range c.flow.tasks {
		for _, b := range t.publish {
			by[b.name] = append(by[b.name], t.name)
		}
	}
	for name, tasks := range by {
		for i, a := range tasks {
			for _, b := range tasks[i+1:] {
				if a != b && !c.reaches(a, b) && !c.reaches(b, a) && c.meet(a, b) {
					c.notes.add(RuleSameVariable, Look, c.flow.task(b).at, "%s", fmt.Sprintf("the variable %q is published by %q and %q on different branches; where they meet, the later one counts, which need not be the one of Mistral", name, a, b))
				}
			}
		}
	}
}

// cutShort finds a task that may run beside t and has others after it, which an
// error of t keeps from starting.
func (c *converter) cutShort(t *task) *task {
	for _, u := range c.flow.tasks {
		if u == t || c.reaches(t.name, u.name) || c.reaches(u.name, t.name) || !c.meet(t.name, u.name) {
			continue
		}
		for _, to := range slices.Concat(u.success.targets, u.failure.targets, u.complete.targets) {
			next := c.flow.task(to.name)
			if next == nil || textOf(next.prop("join")) == "all" && t.leadsTo(next.name) {
				continue // it waits for t
			}
			return u
		}
	}
	return nil
}

// reaches reports whether a task can come after another one.
func (c *converter) reaches(from, to string) bool { return slices.Contains(c.after(from), to) }

func (c *converter) after(from string) (seen []string) {
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		t := c.flow.task(queue[0])
		if t == nil {
			continue
		}
		for _, to := range slices.Concat(t.success.targets, t.failure.targets, t.complete.targets) {
			if !slices.Contains(seen, to.name) {
				seen = append(seen, to.name)
				queue = append(queue, to.name)
			}
		}
	}
	return seen
}

// meet reports whether both branches come to the end of the workflow, or to a
// join, in one run: told roughly, by whether some task starts both.
func (c *converter) meet(a, b string) bool {
	for _, t := range c.flow.tasks {
		for _, list := range [][]target{slices.Concat(t.success.targets, t.complete.targets), slices.Concat(t.failure.targets, t.complete.targets)} {
			if exclusive(list) {
				continue
			}
			var onA, onB bool
			for _, to := range list {
				inA, inB := to.name == a || c.reaches(to.name, a), to.name == b || c.reaches(to.name, b)
				switch {
				case inA && inB:
					onA, onB = true, true
				case inA:
					onA = true
				case inB:
					onB = true
				}
			}
			if onA && onB && len(list) > 1 {
				return true
			}
		}
	}
	starts := 0
	for _, t := range c.flow.tasks {
		if !slices.ContainsFunc(c.flow.tasks, func(o *task) bool { return o.leadsTo(t.name) }) && (t.name == a || t.name == b || c.reaches(t.name, a) || c.reaches(t.name, b)) {
			starts++
		}
	}
	return starts > 1
}
