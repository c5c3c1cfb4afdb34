package mistral

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// This file makes and takes apart YAML nodes. Nodes keep comments and styles,
// which values would not.

func readYAML(src []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fmt.Errorf("the file is empty")
	}
	if _, ok := expanded(doc.Content[0], map[*yaml.Node]int{}); !ok {
		return nil, fmt.Errorf("its aliases stand for too much, or for themselves")
	}
	return doc.Content[0], nil
}

// maxNodes bounds what a document stands for when its aliases are written out.
const maxNodes = 100_000

// expanded counts the nodes of a tree with its aliases written out; ok is false
// when there are too many, or one contains itself.
func expanded(n *yaml.Node, seen map[*yaml.Node]int) (count int, ok bool) {
	n = resolve(n)
	switch known := seen[n]; {
	case known < 0:
		return 0, false // it is being counted
	case known > 0:
		return known, true
	}
	seen[n] = -1
	count = 1
	for _, c := range n.Content {
		more, ok := expanded(c, seen)
		if count += more; !ok || count > maxNodes {
			return 0, false
		}
	}
	seen[n] = count
	return count, true
}

// writeYAML is the text of a document. It ends with a newline.
func writeYAML(root *yaml.Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return "", err
	}
	if err := enc.Close(); err != nil {
		return "", err
	}
	return b.String(), nil
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// entry is one key of a mapping with its value.
type entry struct {
	name string
	key  *yaml.Node
	val  *yaml.Node
}

// entries lists a mapping, merge keys taken in. Of duplicates the last counts,
// as in Python.
func entries(n *yaml.Node) []entry {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var out []entry
	put := func(e entry, over bool) {
		for i := range out {
			if out[i].name == e.name {
				if over {
					out[i] = e
				}
				return
			}
		}
		out = append(out, e)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		if k.Tag == "!!merge" {
			continue
		}
		put(entry{k.Value, k, v}, true)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		from := resolve(n.Content[i+1])
		list := []*yaml.Node{from}
		if from.Kind == yaml.SequenceNode {
			list = from.Content
		}
		for _, m := range list {
			for _, e := range entries(m) {
				put(e, false)
			}
		}
	}
	return out
}

func lookup(n *yaml.Node, name string) *entry {
	for _, e := range entries(n) {
		if e.name == name {
			return &e
		}
	}
	return nil
}

func valueOf(n *yaml.Node, name string) *yaml.Node {
	if e := lookup(n, name); e != nil {
		return e.val
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// textOf is the text of a scalar, "" for anything else.
func textOf(n *yaml.Node) string {
	if n = resolve(n); n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func isText(n *yaml.Node) bool {
	n = resolve(n)
	return n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!str"
}

// items are the elements of a sequence; a single value is one.
func items(n *yaml.Node) []*yaml.Node {
	n = resolve(n)
	switch {
	case isNull(n):
		return nil
	case n.Kind == yaml.SequenceNode:
		out := make([]*yaml.Node, len(n.Content))
		for i, c := range n.Content {
			out[i] = resolve(c)
		}
		return out
	}
	return []*yaml.Node{n}
}

// copyNode copies a tree; aliases become what they stand for.
func copyNode(n *yaml.Node) *yaml.Node {
	n = resolve(n)
	c := *n
	c.Anchor, c.Alias, c.Content = "", nil, nil
	if n.Kind == yaml.MappingNode {
		for _, e := range entries(n) {
			c.Content = append(c.Content, copyNode(e.key), copyNode(e.val))
		}
		return &c
	}
	for _, child := range n.Content {
		c.Content = append(c.Content, copyNode(child))
	}
	return &c
}

func str(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if strings.Contains(text, "\n") {
		n.Style = yaml.LiteralStyle
	}
	return n
}

// plain is a scalar written as it is: a number, or true.
func plain(text string) *yaml.Node {
	var n yaml.Node
	if yaml.Unmarshal([]byte(text), &n) == nil && len(n.Content) == 1 && n.Content[0].Kind == yaml.ScalarNode {
		c := n.Content[0]
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: c.Tag, Value: c.Value}
	}
	return str(text)
}

func list(nodes ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: nodes}
}

func names(list []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, s := range list {
		n.Content = append(n.Content, str(s))
	}
	return n
}

// mapping builds a mapping, key by key.
type mapping struct{ node *yaml.Node }

func newMapping() *mapping { return &mapping{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

func (m *mapping) set(name string, v *yaml.Node) *yaml.Node { return m.setKey(str(name), v) }

// setKey appends a key with its comments.
func (m *mapping) setKey(key, v *yaml.Node) *yaml.Node {
	if v == nil {
		return nil
	}
	m.node.Content = append(m.node.Content, key, v)
	return key
}

func (m *mapping) empty() bool { return len(m.node.Content) == 0 }

// keyLike is a key with the comments of another one.
func keyLike(name string, from *yaml.Node) *yaml.Node {
	k := str(name)
	if from != nil {
		k.HeadComment, k.LineComment, k.FootComment = from.HeadComment, from.LineComment, from.FootComment
	}
	return k
}
