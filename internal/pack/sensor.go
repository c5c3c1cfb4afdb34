package pack

import (
	"fmt"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

var sensorKeys = []string{"class_name", "entry_point", "description", "enabled", "trigger_types", "poll_interval", "pack", "name", "runner_type", "config", "instances"}

// minPoll is the shortest time between polls, in seconds (st2).
const minPoll = 4

// sensorFile is what one file of the sensors directory declares.
type sensorFile struct {
	sensor *squall.Sensor
	types  []*squall.TriggerType
}

// readSensor reads a sensor and the trigger types it declares. The original
// does not check sensors against a schema: unknown keys are let pass.
func readSensor(f *file, root *pyyaml.Node, pack string) sensorFile {
	s := &squall.Sensor{MetadataFile: f.name, TriggerTypes: []squall.Ref{}}
	var types []*squall.TriggerType
	var classAt, entryAt *pyyaml.Node
	c := common{kind: "a sensor", enabled: true}
	for _, e := range f.entries(root) {
		switch e.name {
		case "class_name":
			s.ClassName, classAt = f.text("class_name", e.node), e.node
		case "entry_point":
			s.EntryPoint, entryAt = f.text("entry_point", e.node), e.node
		case "poll_interval":
			s.PollInterval = f.pollInterval(e.node)
		case "trigger_types":
			types = f.triggerTypes(e.node, pack)
		case "runner_type":
			s.RunnerType = f.text("runner_type", e.node)
		case "config":
			s.Config = f.object("config", e.node)
		case "instances":
			s.Instances = f.instances(e.node)
		case "artifact_uri":
			// Derived.
		default:
			if !c.read(f, e, pack) {
				f.ignored(e, "a sensor has no %q", sensorKeys)
			}
		}
	}
	if s.RunnerType == "python" {
		s.RunnerType = squall.PythonSensor
	}
	if s.ClassName == "" && s.RunnerType != squall.PythonSensor {
		s.ClassName, classAt = c.name, c.nameAt // a program has no class
	}
	f.need(root, "class_name", s.ClassName, classAt, "add a line class_name: with the name of the sensor's class")
	if s.RunnerType == squall.PythonSensor || s.RunnerType == squall.ProgramSensor {
		f.need(root, "entry_point", s.EntryPoint, entryAt, "add a line entry_point: with the sensor's program")
	}
	s.Ref = squall.Ref{Pack: pack, Name: s.ClassName}
	s.Description, s.Enabled = c.description, c.enabled
	for _, t := range types {
		s.TriggerTypes = append(s.TriggerTypes, t.Ref)
	}
	return sensorFile{s, types}
}

// instances reads the runs of one sensor with configurations of their own.
func (f *file) instances(n *pyyaml.Node) (list []squall.SensorInstance) {
	if n.Value == nil && n.Kind != pyyaml.Sequence {
		return nil
	}
	if n.Kind != pyyaml.Sequence {
		f.fault(n, "instances must be a list, not "+kindOf(n), `write "- name: ..." lines with "config:" below`)
		return nil
	}
	seen := map[string]bool{}
	for _, item := range n.Items {
		if item.Kind != pyyaml.Mapping {
			f.fault(item, "an instance must be a mapping, not "+kindOf(item), `write "- name: ..." with "config:" below`)
			continue
		}
		i := squall.SensorInstance{Enabled: true}
		for _, e := range f.entries(item) {
			switch e.name {
			case "name":
				i.Name = f.text("name", e.node)
			case "enabled":
				i.Enabled = f.flag("enabled", e.node)
			case "config":
				i.Config = f.object("config", e.node)
			default:
				f.unknown(e, "an instance has no %q", []string{"name", "enabled", "config"})
			}
		}
		switch {
		case i.Name == "":
			f.fault(item, "an instance needs a name", "add name: with a word that tells it from the others")
		case seen[i.Name]:
			f.fault(item, fmt.Sprintf("there are two instances %q", i.Name), "give each a name of its own")
		}
		seen[i.Name] = true
		list = append(list, i)
	}
	return list
}

func (f *file) pollInterval(n *pyyaml.Node) float64 {
	var seconds float64
	switch v := n.Value.(type) {
	case nil:
		return 0
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		f.fault(n, "poll_interval must be a number of seconds, not "+kindOf(n), "write it without quotes")
		return 0
	}
	if seconds != 0 && seconds < minPoll {
		f.fault(n, fmt.Sprintf("poll_interval is %v seconds", seconds), fmt.Sprintf("the shortest is %d", minPoll))
	}
	return seconds
}

func (f *file) triggerTypes(n *pyyaml.Node, pack string) []*squall.TriggerType {
	if n.Value == nil {
		return nil
	}
	if n.Kind != pyyaml.Sequence {
		f.fault(n, "trigger_types must be a list, not "+kindOf(n), `write "- name: ..." lines`)
		return nil
	}
	var types []*squall.TriggerType
	for _, item := range n.Items {
		if item.Kind != pyyaml.Mapping {
			f.fault(item, "a trigger type must be a mapping, not "+kindOf(item), `write "- name: ..." with "description: ..." below`)
			continue
		}
		types = append(types, f.triggerType(item, pack, false))
	}
	return types
}
