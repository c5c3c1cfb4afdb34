package pack

import (
	"fmt"
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

// common is what most kinds of metadata hold.
type common struct {
	kind        string // for messages: "a rule"
	name        string
	description string
	enabled     bool
	tags        []squall.Tag
	nameAt      *pyyaml.Node
}

// derived are keys that exported objects hold besides; they follow from the
// rest, so they do not count.
var derived = []string{"id", "uid", "ref", "metadata_file"}

// read takes an entry that is common to the kinds and reports whether it did.
// What a kind does not have is its caller's to refuse: it asks before.
func (c *common) read(f *file, e entry, pack string) bool {
	switch e.name {
	case "name":
		c.name, c.nameAt = f.text("name", e.node), e.node
	case "description":
		c.description = f.text("description", e.node)
	case "enabled":
		c.enabled = f.flag("enabled", e.node)
	case "pack":
		f.samePack(e, pack)
	case "tags":
		c.tags = f.tags(e.node)
	default:
		return slices.Contains(derived, e.name)
	}
	return true
}

// samePack refuses a pack field that names another pack than the one the file
// lies in (st2).
func (f *file) samePack(e entry, pack string) {
	if p := f.text("pack", e.node); p != "" && p != pack {
		f.fault(e.node, fmt.Sprintf("pack is %q, but the file lies in pack %q", p, pack), "remove the line")
	}
}

// need refuses an object without a text it must have; at is where it stands.
func (f *file) need(root *pyyaml.Node, key, text string, at *pyyaml.Node, do string) {
	switch {
	case text != "" || f.wrong(at):
	case at != nil && at.Value != nil:
		f.fault(at, key+" is empty", do)
	default:
		f.fault(root, key+" is missing", do)
	}
}

// object reads a mapping as JSON; null and {} are nil.
func (f *file) object(what string, n *pyyaml.Node) []byte {
	if !f.mapping(what, n) || len(n.Pairs) == 0 {
		return nil
	}
	return f.document(what, n)
}

// texts reads a list of texts; null is an empty one.
func (f *file) texts(what string, n *pyyaml.Node) []string {
	if n.Value == nil {
		return nil
	}
	if n.Kind != pyyaml.Sequence {
		f.fault(n, fmt.Sprintf("%s must be a list, not %s", what, kindOf(n)), `write "- one" lines`)
		return nil
	}
	list := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		text, ok := item.Value.(string)
		if !ok {
			f.fault(item, fmt.Sprintf("%s must hold texts, not %s", what, kindOf(item)), "put it in quotes")
		}
		list = append(list, text)
	}
	return list
}
