package pack

import (
	"fmt"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

// actionKeys are what an action's metadata may hold; anything else is refused
// (st2), because it is a misspelling nearly always.
var actionKeys = []string{
	"name", "runner_type", "description", "enabled", "entry_point", "parameters", "pack",
	"tags", "notify", "output_schema", "metadata_file", "ref", "uid", "id",
	"repeatable", "labels", // ours: may start again, where it may run
}

// readAction reads one action of the pack. The result counts only when the
// file has no fault.
func (r Reader) readAction(f *file, root *pyyaml.Node, pack string) *squall.Action {
	a := &squall.Action{Enabled: true, MetadataFile: f.name}
	var name string
	var nameAt, runnerAt, parameters *pyyaml.Node
	for _, e := range f.entries(root) {
		switch e.name {
		case "name":
			name, nameAt = f.text("name", e.node), e.node
		case "runner_type":
			a.Runner, runnerAt = f.text("runner_type", e.node), e.node
		case "description":
			a.Description = f.text("description", e.node)
		case "entry_point":
			a.EntryPoint = f.text("entry_point", e.node)
		case "enabled":
			a.Enabled = f.flag("enabled", e.node)
		case "repeatable":
			a.Repeatable = f.flag("repeatable", e.node)
		case "pack":
			f.samePack(e, pack)
		case "parameters":
			parameters = e.node
		case "tags":
			a.Tags = f.tags(e.node)
		case "notify":
			if f.mapping("notify", e.node) {
				a.Notify = f.document("notify", e.node)
			}
		case "output_schema":
			if f.mapping("output_schema", e.node) {
				a.Output = f.document("output_schema", e.node)
			}
		case "labels":
			a.Labels = f.labels(e.node)
		case "metadata_file", "ref", "uid", "id":
			// What an exported action holds besides; derived, so it does not count.
		default:
			f.unknown(e, "an action has no %q", actionKeys)
		}
	}
	if name == "" && !f.wrong(nameAt) {
		f.fault(root, "name is missing", "add a line name: with the action's name")
	}
	if a.Runner == "" && !f.wrong(runnerAt) {
		f.fault(root, "runner_type is missing", "add a line such as runner_type: local-shell-cmd")
	}
	a.Ref = squall.Ref{Pack: pack, Name: name}

	var runner *squall.RunnerType
	if r.Runners != nil && a.Runner != "" {
		var ok bool
		if runner, ok = r.Runners(a.Runner); ok {
			a.Runner = runner.Name
		} else {
			f.fault(runnerAt, fmt.Sprintf("there is no runner %q", a.Runner), "use a runner that this server has")
		}
	}
	if parameters != nil {
		a.Parameters = f.schema(parameters, runner, r.Runners != nil)
	}
	return a
}

// mapping checks that n is a mapping; null is nothing given.
func (f *file) mapping(what string, n *pyyaml.Node) bool {
	if n.Value == nil {
		return false
	}
	if n.Kind != pyyaml.Mapping {
		f.fault(n, fmt.Sprintf("%s must be a mapping, not %s", what, kindOf(n)), `write "key: value" lines`)
		return false
	}
	return true
}

func (f *file) tags(n *pyyaml.Node) []squall.Tag {
	if n.Value == nil {
		return nil
	}
	if n.Kind != pyyaml.Sequence {
		f.fault(n, "tags must be a list, not "+kindOf(n), `write "- name: ..." with "value: ..." below`)
		return nil
	}
	var tags []squall.Tag
	for _, item := range n.Items {
		if item.Kind != pyyaml.Mapping {
			f.fault(item, "a tag must have name and value, it is "+kindOf(item), `write "- name: ..." with "value: ..." below`)
			continue
		}
		var tag squall.Tag
		for _, e := range f.entries(item) {
			switch e.name {
			case "name":
				tag.Name = f.text("the tag's name", e.node)
			case "value":
				tag.Value = f.text("the tag's value", e.node)
			default:
				f.unknown(e, "a tag has no %q", []string{"name", "value"})
			}
		}
		tags = append(tags, tag)
	}
	return tags
}

func (f *file) labels(n *pyyaml.Node) map[string]string {
	if !f.mapping("labels", n) {
		return nil
	}
	labels := map[string]string{}
	for _, e := range f.entries(n) {
		if text := f.text("label "+e.name, e.node); !f.wrong(e.node) {
			labels[e.name] = text
		}
	}
	if err := squall.CheckLabels(labels); err != nil {
		f.fault(n, squall.MessageOf(err), "write them like zone: dmz")
	}
	return labels
}

// inherit gives actions the labels of their pack that they do not have themselves.
func inherit(actions []*squall.Action, labels map[string]string) {
	for _, a := range actions {
		a.Labels = squall.WithLabels(labels, a.Labels)
	}
}

// ignored warns of a key that means nothing.
func (f *file) ignored(e entry, what string, known []string) {
	do := "remove it"
	if near := squall.Nearest(e.name, known, 2); near != "" {
		do = fmt.Sprintf("did you mean %q?", near)
	}
	f.doubt(e.key, fmt.Sprintf(what, e.name), do)
}

// unknown reports a key that may not be there, and the one that was meant.
func (f *file) unknown(e entry, what string, known []string) {
	do := "remove it"
	if near := squall.Nearest(e.name, known, 2); near != "" {
		do = fmt.Sprintf("did you mean %q?", near)
	}
	f.fault(e.key, fmt.Sprintf(what, e.name), do)
}
