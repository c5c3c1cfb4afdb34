package pyyaml

import "fmt"

// Kind is the kind of a node.
type Kind uint8

// The kinds of nodes.
const (
	Scalar Kind = iota
	Sequence
	Mapping
)

// id is PyYAML's word for the kind in messages.
func (k Kind) id() string {
	switch k {
	case Sequence:
		return "sequence"
	case Mapping:
		return "mapping"
	}
	return "scalar"
}

// Mark is a place in the source; line and column count from 1, the column in
// code points.
type Mark struct{ Line, Column int }

// String is PyYAML's form of a place in a text.
func (m Mark) String() string {
	return fmt.Sprintf("  in \"<unicode string>\", line %d, column %d", m.Line, m.Column)
}

// Node is one node of a document. An alias is the very node it refers to, so
// nodes form a graph that may contain itself.
type Node struct {
	Kind  Kind
	Tag   string // resolved, in full: "tag:yaml.org,2002:int"
	Text  string // of scalars, before conversion
	Plain bool   // scalar without quotes
	Mark
	Items []*Node // of sequences
	Pairs []Pair  // of mappings, in source order, merge keys unexpanded
	// Value is the constructed value: null, a text, a *value.Dict, ... It is
	// set by Parse when the whole document could be constructed.
	Value any

	done, busy bool // construction
	flat       bool // merge keys have been expanded
	merged     []Pair
}

// Pair is an entry of a mapping.
type Pair struct{ Key, Value *Node }

// Get finds the value of a key of a mapping; the last of duplicates, as when
// the mapping is loaded.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := len(n.Pairs) - 1; i >= 0; i-- {
		if k := n.Pairs[i].Key; k.Kind == Scalar && k.Tag == tagStr && k.Text == key {
			return n.Pairs[i].Value
		}
	}
	return nil
}

// Problem is something wrong, or doubtful, at a place of the source.
type Problem struct {
	Mark
	Message string
	// Warning: the file loads all the same (a duplicate key).
	Warning bool
}
