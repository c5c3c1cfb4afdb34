package mistral

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"squall/internal/workflow/chain"
)

// chainConverter turns an ActionChain into an Orquesta workflow.
type chainConverter struct {
	spec  *chain.Spec
	nodes map[string]*yaml.Node // as written
	notes *notes
	known map[string]bool // variables: vars and whatever is published
}

func convertChain(src []byte, root *yaml.Node, o Options) *Result {
	spec, err := chain.Parse(string(src), o.Name, o.Name)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return failed("action-chain", o.Name, RuleWrong, "%s", first)
	}
	c := &chainConverter{spec: spec, nodes: map[string]*yaml.Node{}, notes: &notes{}, known: map[string]bool{}}
	for _, n := range items(valueOf(root, "chain")) {
		if name := textOf(valueOf(n, "name")); c.nodes[name] == nil {
			c.nodes[name] = n
		}
		for _, e := range entries(valueOf(n, "publish")) {
			c.known[e.name] = true
		}
	}
	for _, e := range entries(valueOf(root, "vars")) {
		c.known[e.name] = true
	}
	w := Workflow{Name: o.Name, Action: o.Name}
	if o.Pack != "" && o.Name != "" {
		w.Action = o.Pack + "." + o.Name
	}
	doc := c.workflow(root)
	w.Notes, w.Verdict = c.notes.sorted(), verdict(c.notes.list)
	if w.Verdict != NotAtAll {
		if w.Text, err = writeYAML(doc); err != nil {
			return failed("action-chain", o.Name, RuleInspection, "the result cannot be written: %s", err)
		}
	}
	if w.Text != "" && o.Exprs != nil {
		// Parameters of the action are inputs, which the file does not name.
		missing, problems := inspect(w.Text, o.Exprs)
		if len(problems) > 0 {
			for _, p := range problems {
				c.notes.add(RuleInspection, Impossible, place{}, "the result does not pass inspection: %s", p.Message)
			}
			w.Notes, w.Verdict, w.Text = c.notes.sorted(), NotAtAll, ""
			return &Result{Kind: "action-chain", Workflows: []Workflow{w}}
		}
		for _, name := range missing {
			if c.known[name] || slices.Contains(w.Inputs, name) {
				continue
			}
			w.Inputs = append(w.Inputs, name)
			if o.Parameters != nil && !slices.Contains(o.Parameters, name) {
				c.notes.add(RuleWrong, Impossible, place{}, "%q is neither a parameter of the action nor a variable of the chain: StackStorm fails where it is read", name)
			}
		}
		if o.Parameters == nil && len(w.Inputs) > 0 {
			c.notes.add(RuleMaybeUndefined, Look, place{}, "taken for parameters of the action: %s", strings.Join(w.Inputs, ", "))
		}
		if w.Notes, w.Verdict = c.notes.sorted(), verdict(c.notes.list); w.Verdict == NotAtAll {
			w.Text = ""
			return &Result{Kind: "action-chain", Workflows: []Workflow{w}}
		}
		if len(w.Inputs) > 0 {
			in := list()
			for _, name := range w.Inputs {
				in.Content = append(in.Content, str(name))
			}
			m := &mapping{doc}
			m.insert(1, "input", in)
			if w.Text, err = writeYAML(doc); err != nil {
				return failed("action-chain", o.Name, RuleInspection, "the result cannot be written: %s", err)
			}
		}
	}
	return &Result{Kind: "action-chain", Workflows: []Workflow{w}}
}

// insert puts a key at a place.
func (m *mapping) insert(i int, name string, v *yaml.Node) {
	m.node.Content = slices.Insert(m.node.Content, 2*i, str(name), v)
}

func (c *chainConverter) workflow(root *yaml.Node) *yaml.Node {
	doc := newMapping()
	key := doc.set("version", plain("1.0"))
	key.HeadComment = root.HeadComment
	if key.HeadComment == "" && len(root.Content) > 0 {
		key.HeadComment = root.Content[0].HeadComment
	}
	if vars := bind(c.notes, bindings(valueOf(root, "vars")), c.value); vars != nil {
		doc.set("vars", vars)
	}
	names := c.reachable()
	tasks := newMapping()
	if c.cycles(names) {
		m := newMapping()
		next := newMapping()
		next.set("do", str(c.id(c.spec.Default)))
		m.set("next", list(next.node))
		tasks.set("start", m.node)
	}
	for _, name := range names {
		n, src := c.nodes[name], valueOf(c.nodes[name], "name")
		head := keyLike(c.id(name), src)
		if head.HeadComment == "" {
			head.HeadComment = n.HeadComment
		}
		if head.HeadComment == "" && len(n.Content) > 0 {
			head.HeadComment = n.Content[0].HeadComment
		}
		tasks.setKey(head, c.task(name, n))
	}
	if len(names) == 0 {
		c.notes.add(RuleWrong, Impossible, place{}, "the first task %q does not exist", c.spec.Default)
	}
	doc.set("tasks", tasks.node)
	out := list()
	for _, name := range names {
		for _, e := range entries(valueOf(c.nodes[name], "publish")) {
			m := newMapping()
			m.set(e.name, str("{{ ctx().get('"+e.name+"') }}"))
			if !slices.ContainsFunc(out.Content, func(o *yaml.Node) bool { return o.Content[0].Value == e.name }) {
				out.Content = append(out.Content, m.node)
			}
		}
	}
	if len(out.Content) > 0 {
		doc.set("output", out)
	}
	c.notes.add(RuleChainResult, Info, at("", root), "the result has output, with the published variables, instead of tasks and published; a time-out that nobody handles fails the workflow")
	return doc.node
}

// reachable lists the tasks that the first one leads to, in the order of the file.
func (c *chainConverter) reachable() (names []string) {
	seen := []string{}
	add := func(name string) {
		if _, ok := c.spec.Node(name); ok && !slices.Contains(seen, name) {
			seen = append(seen, name)
		}
	}
	add(c.spec.Default)
	for i := 0; i < len(seen); i++ {
		n, _ := c.spec.Node(seen[i])
		add(n.OnSuccess)
		add(n.OnFailure)
	}
	for _, n := range c.spec.Nodes {
		switch {
		case slices.Contains(names, n.Name):
		case slices.Contains(seen, n.Name):
			names = append(names, n.Name)
		default:
			c.notes.add(RuleIgnored, Info, at(n.Name, c.nodes[n.Name]), "the task %q never runs, and is left out", n.Name)
		}
	}
	return names
}

// cycles reports whether something leads back to the first task, which then
// would not start by itself.
func (c *chainConverter) cycles(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		n, _ := c.spec.Node(name)
		return n.OnSuccess == c.spec.Default || n.OnFailure == c.spec.Default
	})
}

func (c *chainConverter) id(name string) string {
	return wordFor(name, func(id string) bool { return c.nodes[id] != nil })
}

func (c *chainConverter) task(name string, n *yaml.Node) *yaml.Node {
	m := newMapping()
	spec, _ := c.spec.Node(name)
	if c.id(name) != name {
		c.notes.add(RuleRenamed, Info, at(name, n), "the task %q is called %q: names are words, and no commands", name, c.id(name))
	}
	if e := lookup(n, "notify"); e != nil {
		c.notes.add(RuleIgnored, Look, at(name, e.key), "notify of a task is left out; notify of the action says who hears of it")
	}
	m.set("action", str(spec.Ref))
	params := valueOf(n, "parameters")
	if len(entries(params)) == 0 {
		params = valueOf(n, "params")
	}
	if len(entries(params)) > 0 {
		node, _ := c.value(params)
		m.set("input", node)
	}
	next := list()
	published := bindings(valueOf(n, "publish"))
	add := func(when, to string, must bool) {
		e := newMapping()
		e.set("when", str("<% "+when+" %>"))
		if pub := bind(c.notes, published, c.value); pub != nil {
			e.set("publish", pub)
		}
		switch {
		case to != "":
			if _, ok := c.spec.Node(to); !ok {
				c.notes.add(RuleWrong, Impossible, at(name, n), "the next task %q is a template, which StackStorm does not render", to)
			}
			e.set("do", str(c.id(to)))
		case must:
			e.set("do", str("fail"))
		}
		next.Content = append(next.Content, e.node)
	}
	if spec.OnSuccess != "" || len(published) > 0 {
		add("succeeded()", spec.OnSuccess, false)
	}
	if spec.OnFailure != "" || len(published) > 0 {
		add("failed()", spec.OnFailure, true)
	}
	if len(next.Content) > 0 {
		m.setKey(keyLike("next", keyOf(n, "on-success")), next)
	}
	return m.node
}

func keyOf(n *yaml.Node, name string) *yaml.Node {
	if e := lookup(n, name); e != nil {
		return e.key
	}
	return nil
}

// value rewrites the templates of a value; what is one expression becomes a text,
// as it does in a chain.
func (c *chainConverter) value(n *yaml.Node) (*yaml.Node, map[string]bool) {
	used := map[string]bool{}
	out := copyNode(n)
	c.rewrite(out, used)
	return out, used
}

func (c *chainConverter) rewrite(n *yaml.Node, used map[string]bool) {
	if n.Kind != yaml.ScalarNode {
		for _, child := range n.Content {
			c.rewrite(child, used)
		}
		return
	}
	if n.Tag != "!!str" || !jinjaForm.MatchString(n.Value) {
		return
	}
	if strings.Contains(n.Value, "endraw") {
		c.notes.add(RuleChainText, Look, at("", n), "look at the raw block: Orquesta evaluates results once more")
	}
	j := &chainJinja{c: c, used: used, at: at("", n)}
	text := j.template(n.Value)
	if language, inner, ok := single(text); ok && language == "jinja" {
		text = "{{ (" + inner + ") | string }}"
		if plainPath(inner) {
			text = "{{ " + inner + " | string }}"
		}
	}
	n.Value = text
	if n.Style == 0 || n.Style == yaml.TaggedStyle {
		n.Style = yaml.DoubleQuotedStyle
	}
	if strings.ContainsAny(text, "\"\\") && n.Style == yaml.DoubleQuotedStyle && !strings.ContainsAny(text, "'") {
		n.Style = yaml.SingleQuotedStyle
	}
	if strings.Contains(text, "\n") {
		n.Style = yaml.LiteralStyle
	}
}

// plainPath reports an expression that needs no brackets before a filter.
func plainPath(s string) bool {
	return !strings.ContainsAny(s, " +-*/~<>=!|,")
}
