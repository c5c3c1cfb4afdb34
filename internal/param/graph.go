package param

import (
	"slices"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// The names that templates of parameters see besides the parameters.
const (
	nodeDatastore = "st2kv"
	nodeContext   = "action_context"
	nodeConfig    = "config_context"
)

// paramNode is a name that templates may use: a value, a template, or, when
// it is only referred to, nothing. With both, the template is rendered.
type paramNode struct {
	name        string
	value       any
	hasValue    bool
	template    any // a text, a list or a dict
	hasTemplate bool
	given       bool            // the template came with the request
	needs       map[string]bool // names it depends on
}

// graph holds the names in the order they came up.
type graph struct {
	set   *expr.Set
	nodes map[string]*paramNode
	order []*paramNode
}

func newGraph(set *expr.Set) *graph { return &graph{set: set, nodes: map[string]*paramNode{}} }

func (g *graph) node(name string) *paramNode {
	n := g.nodes[name]
	if n == nil {
		n = &paramNode{name: name, needs: map[string]bool{}}
		g.nodes[name] = n
		g.order = append(g.order, n)
	}
	return n
}

func (g *graph) setValue(name string, v any) {
	n := g.node(name)
	n.value, n.hasValue = v, true
}

// add adds a template or a value: a text, or a list or dict whose printed form
// holds an opening mark, is a template if it parses, and a value otherwise.
func (g *graph) add(b *value.Budget, name string, v any, given bool) error {
	text := v
	switch v.(type) {
	case *value.List, *value.Dict:
		s, err := value.Str(b, v)
		if err != nil {
			return err
		}
		text = s
	}
	if !IsExpression(text) {
		g.setValue(name, v)
		return nil
	}
	source, _ := value.AsString(text)
	t, err := g.set.Template(source, expr.TemplateOptions{})
	if err != nil {
		if value.ClassOf(err) != "TemplateAssertionError" {
			// It does not parse: not a template after all.
			g.setValue(name, v)
			return nil
		}
		// It parses, but uses an unknown filter: rendering it will say so.
		g.setValue(name, v)
	}
	n := g.node(name)
	n.template, n.hasTemplate, n.given = v, true, given
	if t != nil {
		for _, dep := range t.Undeclared() {
			g.node(dep)
			n.needs[dep] = true
		}
	}
	return nil
}

// addDefaults fills in defaults: of parameters that are absent or null, and of
// immutable ones, whose default replaces whatever was given.
func (g *graph) addDefaults(b *value.Budget, schemas ...*value.Dict) error {
	for _, schema := range schemas {
		for k, v := range schema.All() {
			name, _ := k.(string)
			entry, _ := v.(*value.Dict)
			var def, immutable any
			if entry != nil {
				def, _ = entry.GetStr("default")
				immutable, _ = entry.GetStr("immutable")
			}
			fixed, err := value.Truth(immutable)
			if err != nil {
				return err
			}
			n := g.nodes[name]
			if fixed && n != nil {
				// StackStorm lets a given template win here, by oversight.
				n.hasTemplate = false
				clear(n.needs)
			}
			if n == nil || n.value == nil || fixed {
				if err := g.add(b, name, def, false); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func paramError(format string, args ...any) error {
	return value.Errorf("ParamException", format, args...)
}

// sorted gives the nodes so that each comes after what it needs, or the error
// for missing and cyclic dependencies.
func (g *graph) sorted() ([]*paramNode, error) {
	for _, n := range g.order {
		if !n.hasValue && !n.hasTemplate {
			return nil, paramError("Dependency unsatisfied in variable \"%s\"", n.name)
		}
	}
	waits := make(map[*paramNode]int, len(g.order))
	users := make(map[*paramNode][]*paramNode, len(g.order))
	var ready, out []*paramNode
	for _, n := range g.order {
		waits[n] = len(n.needs)
		for dep := range n.needs {
			users[g.nodes[dep]] = append(users[g.nodes[dep]], n)
		}
		if len(n.needs) == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[0]
		ready = ready[1:]
		out = append(out, n)
		for _, u := range users[n] {
			if waits[u]--; waits[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(out) < len(g.order) {
		return nil, paramError("Cyclic dependency found in the following variables: %s. Likely the variable is referencing itself",
			strings.Join(g.cycles(), ", "))
	}
	return out, nil
}

// cycles names the first variable of each group that depends on itself.
func (g *graph) cycles() []string {
	var out []string
	named := map[string]bool{}
	for _, n := range g.order {
		reach := g.reach(n)
		if !reach[n.name] || named[n.name] {
			continue
		}
		out = append(out, n.name)
		for name := range reach {
			if name != n.name && g.reach(g.nodes[name])[n.name] && !g.nodes[name].needs[name] {
				named[name] = true
			}
		}
	}
	slices.Sort(out)
	return out
}

// reach lists what a node depends on, directly or not.
func (g *graph) reach(n *paramNode) map[string]bool {
	seen := map[string]bool{}
	todo := []*paramNode{n}
	for len(todo) > 0 {
		last := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for dep := range last.needs {
			if !seen[dep] {
				seen[dep] = true
				todo = append(todo, g.nodes[dep])
			}
		}
	}
	return seen
}
