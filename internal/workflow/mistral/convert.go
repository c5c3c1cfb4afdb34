package mistral

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"squall/internal/expr"
	"squall/internal/workflow"
)

// Options say what is known around a definition.
type Options struct {
	// Pack is the pack the workflow belongs to, and Name the action's name in it:
	// sub-workflows of a workbook become actions beside it.
	Pack, Name string
	// Main is the workflow to begin with when a file has several.
	Main string
	// Parameters are the names of the action's parameters; nil: not known.
	// ActionChains do not name their inputs.
	Parameters []string
	// Target is the task a reverse workflow ends with.
	Target string
	// Exprs inspects what came out. Nil: it is not inspected.
	Exprs *expr.Set
}

// Result is what became of one file.
type Result struct {
	// Kind is "mistral" or "action-chain".
	Kind string `json:"kind"`
	// Workflows are the workflows of the file, the main one first.
	Workflows []Workflow `json:"workflows"`
}

// Workflow is one converted workflow.
type Workflow struct {
	Name    string  `json:"name"` // as in the source
	Verdict Verdict `json:"verdict"`
	// Action is the reference under which other converted workflows call it.
	Action string `json:"action,omitempty"`
	// Text is the Orquesta definition; "" when it is impossible.
	Text string `json:"-"`
	// Inputs are the names of its inputs, for the action's metadata; Required those
	// without a default.
	Inputs   []string `json:"-"`
	Required []string `json:"-"`
	Notes    []Note   `json:"notes,omitempty"`
	// Calls are the actions that other workflows of the file become, as far as this
	// one calls them.
	Calls []string `json:"calls,omitempty"`
}

// Verdict is the worst of all workflows of the file.
func (r *Result) Verdict() Verdict {
	v := Complete
	for _, w := range r.Workflows {
		switch {
		case w.Verdict == NotAtAll:
			return NotAtAll
		case w.Verdict == WithNotes:
			v = WithNotes
		}
	}
	return v
}

// Convert converts the workflows of a file. It never fails: what cannot be
// converted says so in its notes.
func Convert(src []byte, o Options) *Result {
	root, err := readYAML(src)
	if err != nil {
		return failed("mistral", o.Name, RuleWrong, "the file is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if lookup(root, "chain") != nil {
		return convertChain(src, root, o)
	}
	if !isMistral(root) {
		return failed("mistral", o.Name, RuleNotMistral, "the file is neither of Mistral's version 2 nor an ActionChain")
	}
	ns := &notes{}
	v := &validator{notes: ns}
	v.book(root)
	b := readBook(root, ns)
	for _, w := range b.workflows {
		v.graph(w)
	}
	if len(b.workflows) == 0 {
		return failed("mistral", o.Name, RuleWrong, "the file has no workflows")
	}
	shared := ns.list
	main := b.main(o.Main)
	slices.SortStableFunc(b.workflows, func(x, y *flow) int {
		switch {
		case x == main && y != main:
			return -1
		case y == main && x != main:
			return 1
		}
		return 0
	})
	out := &Result{Kind: "mistral"}
	for i, w := range b.workflows {
		w := convertFlow(b, w, i == 0, shared, o)
		out.Workflows = append(out.Workflows, w)
	}
	return out
}

func failed(kind, name string, rule Rule, format string, args ...any) *Result {
	return &Result{Kind: kind, Workflows: []Workflow{{Name: name, Verdict: NotAtAll,
		Notes: []Note{{Rule: rule, Level: Impossible, Message: fmt.Sprintf(format, args...)}}}}}
}

// main is the workflow to begin with: the one that was named, or main, or the
// only one that no other one calls, or the first.
func (b *book) main(name string) *flow {
	for _, n := range []string{name, "main"} {
		if w := b.workflow(n); n != "" && w != nil {
			return w
		}
	}
	called := map[*flow]bool{}
	for _, w := range b.workflows {
		for _, t := range w.tasks {
			if to := b.workflow(t.workflow); to != nil && to != w {
				called[to] = true
			}
		}
	}
	for _, w := range b.workflows {
		if !called[w] {
			return w
		}
	}
	return b.workflows[0]
}

// converter is at work on one workflow.
type converter struct {
	book  *book
	flow  *flow
	o     Options
	notes *notes
	maybe map[string]bool // variables that are not there on every way

	// later: conditions are evaluated in a task of their own, after publishing.
	later     bool
	added     map[string]*yaml.Node // such tasks
	addedNext map[string][]string   // where they lead
	addedTo   map[string][]string   // behind which task they stand
}

func convertFlow(b *book, w *flow, main bool, shared []Note, o Options) Workflow {
	out := Workflow{Name: w.name, Action: actionOf(w, main, o)}
	maybe := map[string]bool{}
	for range 3 { // once more when inspection finds variables that may be missing
		ns := &notes{list: slices.Clone(shared)}
		c := &converter{book: b, flow: w, o: o, notes: ns, maybe: maybe,
			added: map[string]*yaml.Node{}, addedNext: map[string][]string{}, addedTo: map[string][]string{}}
		root := c.workflow(main)
		out.Inputs, out.Required = c.inputNames()
		out.Calls = c.calls()
		out.Notes, out.Verdict = ns.sorted(), verdict(ns.list)
		if out.Verdict == NotAtAll {
			out.Text = ""
			return out
		}
		text, err := writeYAML(root)
		if err != nil {
			ns.add(RuleInspection, Impossible, w.at, "the result cannot be written: %s", err)
			out.Notes, out.Verdict = ns.sorted(), NotAtAll
			return out
		}
		out.Text = text
		if o.Exprs == nil {
			return out
		}
		missing, problems := inspect(text, o.Exprs)
		if len(problems) > 0 {
			for _, p := range problems {
				rule := RuleInspection
				if p.Category == workflow.CategoryExpressions {
					rule = RuleWrong
				}
				ns.add(rule, Impossible, w.at, "the result does not pass inspection: %s", p.Message)
			}
			out.Notes, out.Verdict, out.Text = ns.sorted(), NotAtAll, ""
			return out
		}
		before := len(maybe)
		for _, name := range missing {
			maybe[name] = true
		}
		if len(maybe) == before {
			for _, name := range slices.Sorted(maps.Keys(maybe)) {
				ns.add(RuleMaybeUndefined, Look, w.at, "the variable %q is not published on every way to where it is read; it is null there, where Mistral fails", name)
			}
			out.Notes, out.Verdict = ns.sorted(), verdict(ns.list)
			return out
		}
	}
	return out
}

// inspect lists the variables that are read before they are set, and all other
// findings.
func inspect(text string, set *expr.Set) (missing []string, problems []workflow.Problem) {
	spec, found := workflow.Parse([]byte(text))
	if spec != nil {
		found = spec.Inspect(set, []string{"st2", "parent"})
	}
	for _, p := range found {
		if name, ok := undefinedVariable(p.Message); ok {
			missing = append(missing, name)
			continue
		}
		problems = append(problems, p)
	}
	return missing, problems
}

func undefinedVariable(msg string) (string, bool) {
	rest, ok := strings.CutPrefix(msg, `Variable "`)
	if !ok {
		return "", false
	}
	name, rest, ok := strings.Cut(rest, `"`)
	return name, ok && strings.Contains(rest, "is referenced before assignment")
}

func actionOf(w *flow, main bool, o Options) string {
	if o.Name == "" {
		return w.name
	}
	name := o.Name
	if !main {
		name += "_" + w.name
	}
	if o.Pack == "" {
		return name
	}
	return o.Pack + "." + name
}

func (c *converter) rewriter(t *task, n *yaml.Node) *rewriter {
	r := &rewriter{book: c.book, flow: c.flow, task: t, maybe: c.maybe, notes: c.notes, at: c.flow.at}
	if t != nil {
		r.at = t.at
	}
	if n != nil && n.Line > 0 {
		r.at.line, r.at.column = n.Line, n.Column
	}
	return r
}

// workflow builds the Orquesta document.
func (c *converter) workflow(main bool) *yaml.Node {
	w := c.flow
	doc := newMapping()
	key := doc.set("version", plain("1.0"))
	key.HeadComment = strings.TrimSpace(strings.Join(nonEmpty(c.headComment(main), w.key.HeadComment), "\n"))
	if w.description != nil {
		doc.set("description", copyNode(w.description))
	}
	if !isNull(w.tags) {
		c.notes.add(RuleIgnored, Info, at("", w.tags), "tags belong to the action's metadata")
	}
	if in := c.inputs(); in != nil {
		doc.set("input", in)
	}
	if vars := c.assignments(w.vars); vars != nil {
		doc.set("vars", vars)
	}
	if w.reverse {
		c.turnAround()
	}
	c.look()
	doc.set("tasks", c.tasks())
	if out := c.output(); out != nil {
		doc.set("output", out)
	}
	return doc.node
}

// tasks converts the tasks. One that nothing leads to any more (it stood behind
// a command that ends the workflow) would start by itself, and is left out.
func (c *converter) tasks() *yaml.Node {
	w := c.flow
	nodes, next := map[string]*yaml.Node{}, map[string][]string{}
	var reached []string
	for _, t := range w.tasks {
		if !slices.ContainsFunc(w.tasks, func(o *task) bool { return o.leadsTo(t.name) }) {
			reached = append(reached, t.id())
		}
		nodes[t.id()], next[t.id()] = c.task(t)
	}
	maps.Copy(nodes, c.added)
	maps.Copy(next, c.addedNext)
	for i := 0; i < len(reached); i++ {
		for _, name := range next[reached[i]] {
			if nodes[name] != nil && !slices.Contains(reached, name) {
				reached = append(reached, name)
			}
		}
	}
	tasks := newMapping()
	for _, t := range w.tasks {
		if slices.Contains(reached, t.id()) {
			tasks.setKey(keyLike(t.id(), t.key), nodes[t.id()])
			for _, name := range c.addedTo[t.id()] {
				tasks.set(name, nodes[name])
			}
		} else {
			c.notes.add(RuleIgnored, Info, t.at, "the task %q can never run, and is left out", t.name)
		}
	}
	return tasks.node
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

func (c *converter) headComment(main bool) string {
	if main && c.book.head != c.flow.key.HeadComment {
		return c.book.head
	}
	return ""
}

// inputs: a list of names and defaults in both languages.
func (c *converter) inputs() *yaml.Node {
	in := items(c.flow.input)
	if len(in) == 0 {
		return nil
	}
	out := list()
	for _, n := range in {
		if n.Kind == yaml.MappingNode {
			for _, e := range entries(n) {
				m := newMapping()
				m.setKey(keyLike(e.name, e.key), c.rewriter(nil, e.val).node(copyNode(e.val)))
				out.Content = append(out.Content, m.node)
			}
			continue
		}
		out.Content = append(out.Content, copyNode(n))
	}
	return out
}

func (c *converter) calls() (list []string) {
	for _, t := range c.flow.tasks {
		if t.workflow == "" {
			continue
		}
		if name := c.subworkflow(t); name != t.workflow && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

func (c *converter) inputNames() (all, required []string) {
	for _, n := range items(c.flow.input) {
		if n.Kind != yaml.MappingNode {
			all, required = append(all, textOf(n)), append(required, textOf(n))
			continue
		}
		for _, e := range entries(n) {
			all = append(all, e.name)
		}
	}
	return all, required
}

// assignments turns a mapping into a list of variables, in an order in which
// none sees a new value of another: Mistral evaluates all with the old ones.
func (c *converter) assignments(n *yaml.Node) *yaml.Node {
	return bind(c.notes, bindings(n), func(n *yaml.Node) (*yaml.Node, map[string]bool) { return c.rewriter(nil, n).reading(copyNode(n)) })
}

// bind converts variables that are set at once. rewrite gives the new value and
// the variables it reads.
func bind(ns *notes, in []binding, rewrite func(*yaml.Node) (*yaml.Node, map[string]bool)) *yaml.Node {
	if len(in) == 0 {
		return nil
	}
	type bound struct {
		binding
		node  *yaml.Node
		reads map[string]bool
	}
	waiting := make([]bound, 0, len(in))
	for _, b := range in {
		n, reads := rewrite(b.val)
		waiting = append(waiting, bound{b, n, reads})
	}
	out := list()
	for len(waiting) > 0 {
		// Next comes one whose name nobody reads who still waits.
		i := slices.IndexFunc(waiting, func(b bound) bool {
			return !slices.ContainsFunc(waiting, func(o bound) bool { return o.name != b.name && (o.reads[b.name] || o.reads["*"]) })
		})
		if i < 0 {
			b := waiting[0]
			ns.add(RulePublishCycle, Impossible, at("", b.key), "the variable %q is published together with variables that read it and that it reads", b.name)
			i = 0
		}
		b := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		m := newMapping()
		m.setKey(keyLike(b.name, b.key), b.node)
		out.Content = append(out.Content, m.node)
	}
	return out
}

// output is what the workflow returns. Without any, Mistral returns what its
// last tasks know of published variables.
func (c *converter) output() *yaml.Node {
	w := c.flow
	if !isNull(w.onError) {
		c.notes.add(RuleOutputOnError, Look, at("", w.onError), "output-on-error is left out: Orquesta has one output, evaluated as far as possible when the workflow fails")
	}
	if len(entries(w.output)) > 0 {
		out := list()
		for _, e := range entries(w.output) {
			m := newMapping()
			m.setKey(keyLike(e.name, e.key), c.rewriter(nil, e.val).node(copyNode(e.val)))
			out.Content = append(out.Content, m.node)
		}
		return out
	}
	if isText(w.output) {
		c.notes.add(RuleOutputOnError, Impossible, at("", w.output), "an output that is one expression has no counterpart; list its keys")
	}
	published := c.publishedNames()
	if len(published) == 0 {
		return nil
	}
	c.notes.add(RuleNoOutput, Info, w.at, "Mistral returns all published variables of a workflow without output; they are listed, and null when they were not published")
	out := list()
	for _, name := range published {
		m := newMapping()
		m.set(name, str("<% ctx().get("+name+") %>"))
		out.Content = append(out.Content, m.node)
	}
	return out
}

// publishedNames are the variables that tasks publish, in order.
func (c *converter) publishedNames() (out []string) {
	for _, t := range c.flow.tasks {
		for _, list := range [][]binding{t.publish, t.onError, t.success.publish, t.failure.publish, t.complete.publish,
			t.success.global, t.failure.global, t.complete.global} {
			for _, b := range list {
				if !slices.Contains(out, b.name) {
					out = append(out, b.name)
				}
			}
		}
	}
	return out
}

// Kind tells what a file is: "mistral", "action-chain", or "" for anything else.
func Kind(src []byte) string {
	root, err := readYAML(src)
	if err != nil || root.Kind != yaml.MappingNode {
		return ""
	}
	if n := valueOf(root, "chain"); n != nil && n.Kind == yaml.SequenceNode {
		return "action-chain"
	}
	if !isMistral(root) || lookup(root, "runner_type") != nil {
		return ""
	}
	if n := valueOf(root, "workflows"); n != nil && n.Kind == yaml.MappingNode {
		return "mistral"
	}
	for _, e := range entries(root) {
		if valueOf(e.val, "tasks") != nil {
			return "mistral"
		}
	}
	return ""
}
