package chain

import (
	"fmt"
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/param"
)

// maxSource bounds a definition.
const maxSource = 4 << 20

// Spec is a chain that can begin. It is immutable.
type Spec struct {
	// Default is the name of the first task. It is a template in rare files, and
	// such a chain ends well without doing anything (st2).
	Default string
	Nodes   []*Node
	vars    *value.Dict
	byName  map[string]*Node
}

// Node is one task of a chain, with everything as it was written.
type Node struct {
	Name string
	Ref  string
	// Parameters are those to render; nil when there are none.
	Parameters           *value.Dict
	OnSuccess, OnFailure string
	Publish              *value.Dict

	shown *value.Dict // the whole node, for the contexts of its executions
}

// Notify is what the node says about messages, nil when it says nothing.
func (n *Node) Notify() any {
	v, _ := n.shown.GetStr("notify")
	return v
}

// Shown is the node as the context of its executions has it (st2:
// context.chain).
func (n *Node) Shown() *value.Dict { return n.shown }

// Node finds a task; of several with the same name the first.
func (s *Spec) Node(name string) (*Node, bool) {
	n, ok := s.byName[name]
	return n, ok
}

// Parse loads a definition and checks what can be checked before the start.
// path and name are how the file and the action are called in messages. The
// error's text is StackStorm's, where that is not a dump of its schema.
func Parse(src, path, name string) (*Spec, error) {
	doc, err := load(src)
	if err != nil {
		return nil, fmt.Errorf("Failed to parse action chain definition from %q: %w", path, err) //nolint:staticcheck // st2's text
	}
	if err := check(doc); err != nil {
		return nil, err
	}
	s := &Spec{byName: map[string]*Node{}}
	s.vars, _ = get[*value.Dict](doc, "vars")
	list, _ := get[*value.List](doc, "chain")
	for _, item := range list.Items {
		n, err := node(item)
		if err != nil {
			return nil, err
		}
		s.Nodes = append(s.Nodes, n)
		if _, twice := s.byName[n.Name]; !twice {
			s.byName[n.Name] = n
		}
	}
	s.Default, _ = get[string](doc, "default")
	if s.Default == "" {
		s.Default = s.first()
	}
	if s.Default == "" {
		return nil, fmt.Errorf("Failed to find default node in %s.", name) //nolint:staticcheck // st2's text
	}
	return s, s.checkNames()
}

func load(src string) (*value.Dict, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("the definition is longer than %d bytes", maxSource)
	}
	v, err := pyyaml.SafeLoad(nil, src)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*value.Dict)
	if !ok {
		return nil, fmt.Errorf("Expected \"dict\", got %q", value.TypeName(v)) //nolint:staticcheck // st2's text
	}
	return d, nil
}

func get[T any](d *value.Dict, key string) (out T, ok bool) {
	v, _ := d.GetStr(key)
	out, ok = v.(T)
	return out, ok
}

// size is the number of entries; nil has none.
func size(d *value.Dict) int {
	if d == nil {
		return 0
	}
	return d.Len()
}

// shownKeys are the parts of a node in the order of its context, with the names
// they have there.
var shownKeys = [][2]string{
	{"name", "name"}, {"ref", "ref"}, {"params", "params"}, {"parameters", "parameters"},
	{"on-success", "on_success"}, {"on-failure", "on_failure"}, {"publish", "publish"}, {"notify", "notify"},
}

func node(v any) (*Node, error) {
	d, ok := v.(*value.Dict)
	if !ok {
		return nil, value.TypeErrorf("chain.Node() argument after ** must be a mapping, not %s", value.TypeName(v))
	}
	for k := range d.All() {
		if _, ok := k.(string); !ok {
			return nil, value.TypeErrorf("keywords must be strings")
		}
	}
	n := &Node{shown: value.NewDict(len(shownKeys))}
	for _, key := range shownKeys {
		v, _ := d.GetStr(key[0])
		n.shown.SetStr(key[1], v)
	}
	// Only the first node of a chain is checked (st2); in the others whatever
	// is no text stands for a name that no task has.
	n.Name, _ = get[string](d, "name")
	n.Ref = text(d, "ref")
	n.OnSuccess, n.OnFailure = text(d, "on-success"), text(d, "on-failure")
	n.Publish, _ = get[*value.Dict](d, "publish")
	old, _ := get[*value.Dict](d, "params")
	n.Parameters, _ = get[*value.Dict](d, "parameters")
	if size(old) > 0 && size(n.Parameters) > 0 {
		return nil, value.ValueErrorf(`Either "params" or "parameters" attribute needs to be provided, but not both`)
	}
	if size(n.Parameters) == 0 {
		n.Parameters = old
	}
	return n, nil
}

// text is a value that should be a text; any other that is not null or empty is
// Python's text for it.
func text(d *value.Dict, key string) string {
	v, _ := d.GetStr(key)
	if t, err := value.Truth(v); err != nil || !t {
		return ""
	}
	s, err := value.Str(nil, v)
	if err != nil {
		return ""
	}
	return s
}

// first is the task a chain without default begins with: the first that no
// other one names, or the first of all.
func (s *Spec) first() string {
	if len(s.Nodes) == 0 {
		return ""
	}
	named := map[string]bool{}
	for _, n := range s.Nodes {
		named[n.OnSuccess], named[n.OnFailure] = true, true
	}
	if i := slices.IndexFunc(s.Nodes, func(n *Node) bool { return !named[n.Name] }); i >= 0 {
		return s.Nodes[i].Name
	}
	return s.Nodes[0].Name
}

// checkNames checks the names that tasks refer to. Templates pass: st2 meant to
// render them, and does not.
func (s *Spec) checkNames() error {
	known := func(name string) bool {
		_, ok := s.byName[name]
		return ok || name == "" || param.IsExpression(name)
	}
	for _, n := range s.Nodes {
		for _, to := range [][2]string{{n.OnSuccess, "on-success"}, {n.OnFailure, "on-failure"}} {
			if !known(to[0]) {
				return value.ValueErrorf("Unable to find node with name \"%s\" referenced in \"%s\" in task \"%s\".", to[0], to[1], n.Name)
			}
		}
	}
	if !known(s.Default) {
		return value.ValueErrorf("Unable to find node with name \"%s\" referenced in \"default\".", s.Default)
	}
	return nil
}
