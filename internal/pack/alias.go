package pack

import (
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

var (
	aliasKeys  = []string{"name", "pack", "description", "enabled", "action_ref", "formats", "ack", "result", "extra", "immutable_parameters", "tags"}
	formatKeys = []string{"display", "representation", "match_multiple"}
	ackKeys    = []string{"enabled", "format", "extra", "append_url"}
	resultKeys = []string{"enabled", "format", "extra"}
)

// readAlias reads an alias. Its action need not exist (st2).
func readAlias(f *file, root *pyyaml.Node, pack string) *squall.Alias {
	a := &squall.Alias{MetadataFile: f.name}
	c := common{kind: "an alias", enabled: true}
	var actionAt *pyyaml.Node
	for _, e := range f.entries(root) {
		switch e.name {
		case "action_ref":
			a.Action, actionAt = f.text("action_ref", e.node), e.node
		case "formats":
			a.Formats = f.formats(e.node)
		case "ack":
			a.Ack = f.answer(e, ackKeys)
		case "result":
			a.Result = f.answer(e, resultKeys)
		case "extra":
			a.Extra = f.object("extra", e.node)
		case "immutable_parameters":
			a.Immutable = f.object("immutable_parameters", e.node)
		default:
			if !c.read(f, e, pack) {
				f.unknown(e, "an alias has no %q", aliasKeys)
			}
		}
	}
	f.need(root, "name", c.name, c.nameAt, "add a line name: with the alias's name")
	f.need(root, "action_ref", a.Action, actionAt, "add a line action_ref: with a reference such as core.local")
	if len(a.Formats) == 0 && !f.broken {
		f.doubt(root, "the alias has no formats, so nothing that is said matches it", `add formats: with lines such as - "run {{cmd}}"`)
	}
	a.Ref = squall.Ref{Pack: pack, Name: c.name}
	a.Description, a.Enabled, a.Tags = c.description, c.enabled, c.tags
	return a
}

// formats reads the wordings: a text, or a mapping with what to show and one or
// several texts to match.
func (f *file) formats(n *pyyaml.Node) []squall.AliasFormat {
	if n.Value == nil {
		return nil
	}
	if n.Kind != pyyaml.Sequence {
		f.fault(n, "formats must be a list, not "+kindOf(n), `write - "run {{cmd}}" lines`)
		return nil
	}
	var formats []squall.AliasFormat
	for _, item := range n.Items {
		if text, ok := item.Value.(string); ok {
			formats = append(formats, squall.AliasFormat{Display: text, Representation: []string{text}, Plain: true})
			continue
		}
		if item.Kind != pyyaml.Mapping {
			f.fault(item, "a format must be text or a mapping, not "+kindOf(item), "put it in quotes")
			continue
		}
		var format squall.AliasFormat
		for _, e := range f.entries(item) {
			switch e.name {
			case "display":
				format.Display = f.text("display", e.node)
			case "representation":
				if text, ok := e.node.Value.(string); ok {
					format.Representation = []string{text}
				} else {
					format.Representation = f.texts("representation", e.node)
				}
			case "match_multiple":
				format.MatchMultiple = f.flag("match_multiple", e.node)
			default:
				f.ignored(e, "a format has no %q", formatKeys)
			}
		}
		formats = append(formats, format)
	}
	return formats
}

// answer reads ack or result.
func (f *file) answer(e entry, keys []string) []byte {
	if !f.mapping(e.name, e.node) {
		return nil
	}
	for _, k := range f.entries(e.node) {
		what := k.name + " of " + e.name
		switch k.name {
		case "enabled", "append_url":
			f.flag(what, k.node)
		case "format":
			f.text(what, k.node)
		case "extra":
			f.mapping(what, k.node)
		}
		if !slices.Contains(keys, k.name) {
			f.unknown(k, e.name+" has no %q", keys)
		}
	}
	return f.object(e.name, e.node)
}
