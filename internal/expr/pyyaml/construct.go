package pyyaml

import (
	"errors"
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// SafeLoad is yaml.safe_load: one document as values. Its errors carry
// PyYAML's classes and wording.
func SafeLoad(b *value.Budget, src string) (any, error) {
	root, err := compose(b, src)
	if err != nil || root == nil {
		return nil, err
	}
	c := &constructor{b: b}
	return c.value(root, 0)
}

// Parse reads a document for who checks it: its nodes with places and values,
// and the problems found. The node is nil when the text has no document or
// does not parse; problems that are not warnings mean it does not load.
func Parse(b *value.Budget, src string) (*Node, []Problem) {
	root, err := compose(b, src)
	if err != nil {
		return nil, []Problem{problemOf(err)}
	}
	if root == nil {
		return nil, nil
	}
	c := &constructor{b: b}
	var problems []Problem
	if _, err := c.value(root, 0); err != nil {
		problems = append(problems, problemOf(err))
	}
	problems = append(problems, duplicates(root, map[*Node]bool{}, nil)...)
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return root, problems
}

func problemOf(err error) Problem {
	var y *yamlError
	if errors.As(err, &y) {
		return Problem{Mark: y.mark, Message: y.problem}
	}
	return Problem{Mark: Mark{1, 1}, Message: value.MessageOf(err)}
}

// duplicates lists keys that a mapping has more than once. PyYAML takes the
// last without a word.
func duplicates(n *Node, seen map[*Node]bool, out []Problem) []Problem {
	if seen[n] {
		return out
	}
	seen[n] = true
	for _, item := range n.Items {
		out = duplicates(item, seen, out)
	}
	type key struct{ tag, text string }
	keys := map[key]bool{}
	for _, p := range n.Pairs {
		if p.Key.Kind == Scalar && p.Key.Tag != tagMerge {
			k := key{p.Key.Tag, p.Key.Text}
			if keys[k] {
				out = append(out, Problem{Mark: p.Key.Mark, Warning: true,
					Message: "duplicate key " + value.StrRepr(p.Key.Text) + ": the last value is used"})
			}
			keys[k] = true
		}
		out = duplicates(p.Key, seen, out)
		out = duplicates(p.Value, seen, out)
	}
	return out
}

type constructor struct{ b *value.Budget }

// at gives an error without place the place of a node.
func at(n *Node, err error) error {
	var y *yamlError
	var e *value.Error
	if errors.As(err, &y) || !errors.As(err, &e) {
		return err
	}
	return &yamlError{err: e, mark: n.Mark, problem: e.Msg}
}

func (c *constructor) value(n *Node, depth int) (any, error) {
	if n.done {
		return n.Value, nil
	}
	if depth > maxDepth {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	if n.busy {
		return nil, failAt("ConstructorError", "", Mark{}, "found unconstructable recursive node", n.Mark)
	}
	if err := c.b.Alloc(64); err != nil {
		return nil, err
	}
	n.busy = true
	v, err := c.build(n, depth)
	if err != nil {
		return nil, at(n, err)
	}
	n.Value, n.done, n.busy = v, true, false
	return v, nil
}

func (c *constructor) build(n *Node, depth int) (any, error) {
	switch n.Tag {
	case tagNull, tagBool, tagInt, tagFloat, tagStr, tagBinary, tagTimestamp:
		return c.scalar(n)
	case tagSeq:
		if n.Kind != Sequence {
			return nil, failAt("ConstructorError", "", Mark{}, "expected a sequence node, but found "+n.Kind.id(), n.Mark)
		}
		// Known before it is filled: it may contain itself.
		l := value.NewList()
		n.Value, n.done = l, true
		for _, item := range n.Items {
			v, err := c.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			l.Items = append(l.Items, v)
		}
		return l, nil
	case tagMap:
		d := value.NewDict(len(n.Pairs))
		n.Value, n.done = d, true
		return d, c.mapping(n, d, depth)
	case tagSet:
		d := value.NewDict(len(n.Pairs))
		if err := c.mapping(n, d, depth); err != nil {
			return nil, err
		}
		return value.SetFrom(d.Keys())
	case tagOmap:
		return c.pairs(n, "while constructing an ordered map", depth)
	case tagPairs:
		return c.pairs(n, "while constructing pairs", depth)
	}
	return nil, failAt("ConstructorError", "", Mark{}, "could not determine a constructor for the tag "+value.StrRepr(n.Tag), n.Mark)
}

func (c *constructor) scalar(n *Node) (any, error) {
	text := n
	// A mapping with a "=" key stands for that scalar.
	for text.Kind == Mapping {
		i := slices.IndexFunc(text.Pairs, func(p Pair) bool { return p.Key.Tag == tagValue })
		if i < 0 {
			break
		}
		text = text.Pairs[i].Value
		if text == n {
			return nil, failAt("ConstructorError", "", Mark{}, "found unconstructable recursive node", n.Mark)
		}
	}
	if text.Kind != Scalar {
		return nil, failAt("ConstructorError", "", Mark{}, "expected a scalar node, but found "+text.Kind.id(), text.Mark)
	}
	s := text.Text
	switch n.Tag {
	case tagNull:
		return nil, nil
	case tagBool:
		return toBool(s)
	case tagInt:
		return toInt(s)
	case tagFloat:
		return toFloat(s)
	case tagTimestamp:
		return toTimestamp(s)
	case tagBinary:
		v, why := toBinary(s)
		if why != "" {
			return nil, failAt("ConstructorError", "", Mark{}, why, n.Mark)
		}
		return v, nil
	}
	return s, nil
}

func (c *constructor) mapping(n *Node, d *value.Dict, depth int) error {
	if n.Kind != Mapping {
		return failAt("ConstructorError", "", Mark{}, "expected a mapping node, but found "+n.Kind.id(), n.Mark)
	}
	pairs, err := c.flatten(n, depth)
	if err != nil {
		return err
	}
	unhashable := func(key *Node) error {
		return failAt("ConstructorError", "while constructing a mapping", n.Mark, "found unhashable key", key.Mark)
	}
	for _, p := range pairs {
		switch p.Key.Tag {
		case tagSeq, tagMap, tagSet, tagOmap, tagPairs:
			// PyYAML asks before it fills the container.
			return unhashable(p.Key)
		}
		k, err := c.value(p.Key, depth+1)
		if err != nil {
			return err
		}
		if _, err := value.Hash(k); err != nil {
			return unhashable(p.Key)
		}
		v, err := c.value(p.Value, depth+1)
		if err != nil {
			return err
		}
		if err := d.SetChecked(k, v); err != nil {
			return err
		}
	}
	return nil
}

// flatten puts the pairs of merge keys in front of the mapping's own.
func (c *constructor) flatten(n *Node, depth int) ([]Pair, error) {
	if n.flat {
		return n.merged, nil
	}
	if depth > maxDepth {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	const context = "while constructing a mapping"
	var merge, own []Pair
	add := func(sub *Node) error {
		pairs, err := c.flatten(sub, depth+1)
		if err != nil {
			return err
		}
		// Merging merges doubles the pairs at every level.
		if err := c.b.Alloc(int64(len(pairs)) * 16); err != nil {
			return err
		}
		if len(merge)+len(pairs) > maxMerged {
			return value.Errorf("MemoryError", "merge keys give more than %d entries", maxMerged)
		}
		merge = append(merge, pairs...)
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key.Tag == tagValue {
			p.Key.Tag = tagStr
		}
		if p.Key.Tag != tagMerge {
			own = append(own, p)
			continue
		}
		switch p.Value.Kind {
		case Mapping:
			if err := add(p.Value); err != nil {
				return nil, err
			}
		case Sequence:
			for _, sub := range p.Value.Items {
				if sub.Kind != Mapping {
					return nil, failAt("ConstructorError", context, n.Mark,
						"expected a mapping for merging, but found "+sub.Kind.id(), sub.Mark)
				}
			}
			for _, sub := range slices.Backward(p.Value.Items) {
				if err := add(sub); err != nil {
					return nil, err
				}
			}
		default:
			return nil, failAt("ConstructorError", context, n.Mark,
				"expected a mapping or list of mappings for merging, but found "+p.Value.Kind.id(), p.Value.Mark)
		}
	}
	n.merged, n.flat = append(merge, own...), true
	return n.merged, nil
}

// maxMerged bounds the pairs that merge keys may bring into one mapping.
const maxMerged = 1 << 20

func (c *constructor) pairs(n *Node, context string, depth int) (any, error) {
	if n.Kind != Sequence {
		return nil, failAt("ConstructorError", context, n.Mark, "expected a sequence, but found "+n.Kind.id(), n.Mark)
	}
	out := value.NewList()
	n.Value, n.done = out, true
	for _, sub := range n.Items {
		if sub.Kind != Mapping {
			return nil, failAt("ConstructorError", context, n.Mark, "expected a mapping of length 1, but found "+sub.Kind.id(), sub.Mark)
		}
		if len(sub.Pairs) != 1 {
			return nil, failAt("ConstructorError", context, n.Mark,
				strings.Replace("expected a single mapping item, but found N items", "N", itoa(len(sub.Pairs)), 1), sub.Mark)
		}
		k, err := c.value(sub.Pairs[0].Key, depth+1)
		if err != nil {
			return nil, err
		}
		v, err := c.value(sub.Pairs[0].Value, depth+1)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, value.Tuple{k, v})
	}
	return out, nil
}
