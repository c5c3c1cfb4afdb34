package pack

import (
	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

var triggerKeys = []string{"name", "pack", "description", "payload_schema", "parameters_schema", "tags"}

// readTrigger reads a file of the triggers directory: one trigger type.
func readTrigger(f *file, root *pyyaml.Node, pack string) *squall.TriggerType {
	return f.triggerType(root, pack, true)
}

// triggerType reads a trigger type from a file of its own or from a sensor. In
// a sensor it belongs to the sensor's pack whatever it says (st2). Unknown keys
// do no harm in the original, which old packs use ("payload_info").
func (f *file) triggerType(root *pyyaml.Node, pack string, own bool) *squall.TriggerType {
	t := &squall.TriggerType{MetadataFile: f.name}
	c := common{kind: "a trigger type"}
	for _, e := range f.entries(root) {
		switch e.name {
		case "payload_schema":
			t.PayloadSchema = f.object("payload_schema", e.node)
		case "parameters_schema":
			t.ParametersSchema = f.object("parameters_schema", e.node)
		case "pack":
			if own {
				f.samePack(e, pack)
			}
		case "payload_info", "parameters":
			// Of the original's first releases; it reads them no more.
		default:
			if e.name == "enabled" || !c.read(f, e, pack) {
				f.ignored(e, "a trigger type has no %q", triggerKeys)
			}
		}
	}
	f.need(root, "name", c.name, c.nameAt, "add a line name: with the trigger's name")
	t.Ref = squall.Ref{Pack: pack, Name: c.name}
	t.Description, t.Tags = c.description, c.tags
	return t
}
