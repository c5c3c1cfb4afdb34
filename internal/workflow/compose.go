package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// Graph is the composed workflow: the tasks that can be reached from the
// start, and the transitions between them. It is immutable.
type Graph struct {
	Nodes []*Node // sorted by name
	Roots []*Node // nodes without inbound edges, sorted by name

	byName map[string]*Node
}

// Node is a task, or an engine command that tasks lead to.
type Node struct {
	Name string
	Task *TaskSpec
	// Barrier is "*" for a join of all, a number for a join of some, nil for
	// no join. A join of 0 is kept and counts as none.
	Barrier any
	Splits  []string // the split tasks on the way here
	Retry   *RetrySpec
	InCycle bool
	Out     []*Edge // sorted by target, then key
	In      []*Edge

	command bool
	split   bool // more than one way in and no join: each makes a route of its own
	sources []source
}

// source is a task that leads to a node, and all its edges to it.
type source struct {
	node  *Node
	edges []*Edge
}

// Edge is a transition from a task to the next.
type Edge struct {
	From, To *Node
	Key      int    // counts the edges between the two
	Ref      int    // which element of next
	When     any    // nil: always
	ID       string // "<to>__t<key>", as kept in a task's entry
	Back     string // "<from>__t<key>", as kept in the successor's entry

	spec *TransitionSpec
	pos  int // index in From.Out
}

// Node finds a node by name.
func (g *Graph) Node(name string) (*Node, bool) {
	n, ok := g.byName[name]
	return n, ok
}

// Leaves are the nodes without outbound edges, sorted by name.
func (g *Graph) Leaves() []*Node {
	var out []*Node
	for _, n := range g.Nodes {
		if len(n.Out) == 0 {
			out = append(out, n)
		}
	}
	return out
}

// step is one name in the do of a transition.
type step struct {
	to  string
	ref int
	tr  *TransitionSpec
}

// names lists what a transition leads to. A text holds names between commas.
func (tr *TransitionSpec) names() []string {
	switch do := tr.Do.(type) {
	case string:
		parts := strings.Split(do, ",")
		for i, p := range parts {
			parts[i] = strings.TrimSpace(p)
		}
		return parts
	case *value.List:
		return texts(do.Items)
	case *value.Dict: // a finding of the schema; the original takes the keys
		return texts(do.Keys())
	}
	return nil
}

func texts(items []any) []string {
	out := make([]string, 0, len(items))
	for _, item := range items {
		if text, err := value.Str(nil, item); err == nil {
			out = append(out, text)
		}
	}
	return out
}

// nextSteps are the steps out of a task, sorted by target; several to one
// target keep their order.
func (t *TaskSpec) nextSteps() []step {
	var out []step
	for i, tr := range t.Next {
		for _, name := range tr.names() {
			out = append(out, step{name, i, tr})
		}
	}
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Compare(a.to, b.to) })
	return out
}

// shape answers questions about the definition that composing and inspecting
// share: how many ways lead to a task, whether it is in a loop.
type shape struct {
	spec    *Spec
	steps   map[string][]step
	inbound map[string]int
	cycle   map[string]bool
}

func newShape(s *Spec) *shape {
	h := &shape{spec: s, steps: map[string][]step{}, inbound: map[string]int{}, cycle: map[string]bool{}}
	for _, t := range s.Tasks {
		steps := t.nextSteps()
		h.steps[t.Name] = steps
		for _, st := range steps {
			h.inbound[st.to]++
		}
	}
	for name := range onCycles(h.steps) {
		h.cycle[name] = true
	}
	return h
}

// start lists the tasks that nothing leads to, sorted.
func (h *shape) start() []string {
	var out []string
	for _, t := range h.spec.Tasks {
		if h.inbound[t.Name] == 0 {
			out = append(out, t.Name)
		}
	}
	slices.Sort(out)
	return out
}

func (h *shape) defined(name string) bool { return reserved(name) || h.spec.byName[name] != nil }

func (h *shape) isJoin(name string) bool {
	t := h.spec.byName[name]
	return t != nil && !reserved(name) && t.Join != nil
}

func (h *shape) isSplit(name string) bool { return !h.isJoin(name) && h.inbound[name] > 1 }

// onCycles finds the tasks that lead back to themselves: the members of the
// strongly connected components (Tarjan), without recursion.
func onCycles(steps map[string][]step) map[string]bool {
	type frame struct {
		name string
		next int
	}
	index, low := map[string]int{}, map[string]int{}
	onStack := map[string]bool{}
	out := map[string]bool{}
	var stack []string
	for root := range steps {
		if _, seen := index[root]; seen {
			continue
		}
		work := []frame{{name: root}}
		for len(work) > 0 {
			f := &work[len(work)-1]
			if f.next == 0 {
				index[f.name] = len(index) + 1
				low[f.name] = index[f.name]
				stack = append(stack, f.name)
				onStack[f.name] = true
			}
			descended := false
			for f.next < len(steps[f.name]) {
				to := steps[f.name][f.next].to
				f.next++
				if to == f.name {
					out[to] = true
				}
				if _, seen := index[to]; !seen {
					work = append(work, frame{name: to})
					descended = true
					break
				}
				if onStack[to] {
					low[f.name] = min(low[f.name], index[to])
				}
			}
			if descended {
				continue
			}
			name := f.name
			work = work[:len(work)-1]
			if len(work) > 0 {
				parent := work[len(work)-1].name
				low[parent] = min(low[parent], low[name])
			}
			if low[name] != index[name] {
				continue
			}
			at := slices.Index(stack, name)
			members := stack[at:]
			for _, m := range members {
				onStack[m] = false
				if len(members) > 1 {
					out[m] = true
				}
			}
			stack = stack[:at]
		}
	}
	return out
}

type visit struct {
	task   string
	splits []string
}

// splitSets notes for each way of a walk which split tasks were on it.
type splitSets map[string]map[string]bool

// mustVisit reports whether a way is new or brings splits not met on it yet,
// and notes them. A walk that repeats itself would change nothing, and there
// may be exponentially many.
func (w splitSets) mustVisit(way string, splits []string) bool {
	known, old := w[way]
	if !old {
		known = map[string]bool{}
		w[way] = known
	}
	visit := !old
	for _, s := range splits {
		if !known[s] {
			known[s] = true
			visit = true
		}
	}
	return visit
}

// compose walks the definition from its start tasks. It fails where a
// transition leads to a task that is not there.
func compose(s *Spec) (*Graph, error) {
	if len(s.Tasks) == 0 {
		return nil, fmt.Errorf("the workflow has no tasks")
	}
	h := newShape(s)
	g := &Graph{byName: map[string]*Node{}}
	walks := splitSets{}
	var queue []visit
	for _, name := range h.start() {
		queue = append(queue, visit{task: name})
	}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		if !h.defined(v.task) {
			return nil, fmt.Errorf("the task %q is not defined", v.task)
		}
		n := g.node(v.task)
		h.describe(n)
		if h.isSplit(v.task) && !h.cycle[v.task] {
			v.splits = append(v.splits, v.task)
		}
		if len(v.splits) > 0 {
			n.Splits = v.splits
		}
		for _, st := range h.steps[v.task] {
			if st.to == commandRetry {
				when := st.tr.When
				if !truthy(when) {
					when = "<% completed() %>"
				}
				n.Retry = &RetrySpec{When: when, Count: int64(3)}
				continue
			}
			if !g.has(st.to) || !h.cycle[st.to] {
				if walks.mustVisit(st.to, v.splits) {
					queue = append(queue, visit{st.to, slices.Clone(v.splits)})
				}
			}
			g.connect(n, g.node(st.to), st)
		}
	}
	g.finish(h)
	return g, nil
}

func (g *Graph) has(name string) bool { return g.byName[name] != nil }

func (g *Graph) node(name string) *Node {
	if n := g.byName[name]; n != nil {
		return n
	}
	n := &Node{Name: name, command: reserved(name)}
	g.byName[name] = n
	g.Nodes = append(g.Nodes, n)
	return n
}

// describe sets what a node has from its task.
func (h *shape) describe(n *Node) {
	n.Task = h.spec.task(n.Name)
	if n.Task.Join != nil {
		n.Barrier = n.Task.Join
		if n.Barrier == "all" {
			n.Barrier = "*"
		}
	}
	if n.Task.Retry != nil {
		n.Retry = n.Task.Retry
	}
}

func (g *Graph) connect(from, to *Node, st step) {
	var when any
	if truthy(st.tr.When) {
		when = st.tr.When
	}
	key := 0
	for _, e := range from.Out {
		if e.To != to {
			continue
		}
		if e.Ref == st.ref && value.Equal(e.When, when) {
			return // the walk met it before
		}
		key++
	}
	e := &Edge{From: from, To: to, Key: key, Ref: st.ref, When: when, spec: st.tr,
		ID: fmt.Sprintf("%s__t%d", to.Name, key), Back: fmt.Sprintf("%s__t%d", from.Name, key)}
	from.Out = append(from.Out, e)
	to.In = append(to.In, e)
}

func sourcesOf(n *Node) []source {
	var out []source
	at := map[*Node]int{}
	for _, e := range n.In {
		i, old := at[e.From]
		if !old {
			i = len(out)
			at[e.From] = i
			out = append(out, source{node: e.From})
		}
		out[i].edges = append(out[i].edges, e)
	}
	return out
}

func (g *Graph) finish(h *shape) {
	slices.SortFunc(g.Nodes, func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
	reached := make(map[string][]step, len(g.Nodes))
	for _, n := range g.Nodes {
		slices.SortStableFunc(n.Out, func(a, b *Edge) int { return cmp.Compare(a.To.Name, b.To.Name) })
		for i, e := range n.Out {
			e.pos = i
			reached[n.Name] = append(reached[n.Name], step{to: e.To.Name})
		}
		n.sources = sourcesOf(n)
		if len(n.In) == 0 {
			g.Roots = append(g.Roots, n)
		}
		n.split = h.isSplit(n.Name)
	}
	cycles := onCycles(reached)
	for _, n := range g.Nodes {
		n.InCycle = cycles[n.Name]
	}
}

// Graph gives the composed graph; the error says why there is none.
func (s *Spec) Graph() (*Graph, error) { return s.graph, s.graphErr }

// Value gives the graph in the form of the recordings: nodes, edges, roots and
// leaves, sorted.
func (g *Graph) Value() *value.Dict {
	nodes, edges := value.NewList(), value.NewList()
	for _, n := range g.Nodes {
		nodes.Items = append(nodes.Items, n.value())
		for _, e := range n.Out {
			criteria := value.NewList()
			if e.When != nil {
				criteria.Items = append(criteria.Items, e.When)
			}
			edges.Items = append(edges.Items, value.DictOf("from", n.Name, "to", e.To.Name, "key", int64(e.Key),
				"ref", int64(e.Ref), "criteria", criteria))
		}
	}
	names := func(list []*Node) *value.List {
		l := value.NewList()
		for _, n := range list {
			l.Items = append(l.Items, n.Name)
		}
		return l
	}
	return value.DictOf("nodes", nodes, "edges", edges, "roots", names(g.Roots), "leaves", names(g.Leaves()))
}

func (n *Node) value() *value.Dict {
	d := value.DictOf("id", n.Name)
	if n.Barrier != nil {
		d.SetStr("barrier", n.Barrier)
	}
	if len(n.Splits) > 0 {
		l := value.NewList()
		for _, s := range n.Splits {
			l.Items = append(l.Items, s)
		}
		d.SetStr("splits", l)
	}
	if n.Retry != nil {
		r := value.DictOf("when", n.Retry.When, "count", n.Retry.Count, "delay", n.Retry.Delay)
		if n.Retry != n.Task.Retry {
			r.Delete("delay") // the command has none
		}
		d.SetStr("retry", r)
	}
	if n.InCycle {
		d.SetStr("in_cycle", true)
	}
	return d
}
