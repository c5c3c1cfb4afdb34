package mistral

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Action is what an action's metadata say that a conversion has to know.
type Action struct {
	Name, Runner, EntryPoint string
	Parameters               []string // names; never nil
	Main, Target             string   // defaults of the runner's parameters workflow and task
}

// ReadAction reads an action's metadata; ok is false for anything else.
func ReadAction(src []byte) (a Action, ok bool) {
	root, err := readYAML(src)
	if err != nil {
		return a, false
	}
	a = Action{Name: textOf(valueOf(root, "name")), Runner: textOf(valueOf(root, "runner_type")), EntryPoint: textOf(valueOf(root, "entry_point")), Parameters: []string{}}
	for _, e := range entries(valueOf(root, "parameters")) {
		switch def := valueOf(e.val, "default"); e.name {
		case "workflow":
			a.Main = textOf(def)
		case "task":
			a.Target = textOf(def)
		}
		a.Parameters = append(a.Parameters, e.name)
	}
	return a, a.Runner != ""
}

// runnerParameters are parameters of the old runners that Orquesta's has not.
var runnerParameters = []string{"workflow", "task", "display_published"}

// Metadata turns the metadata of an action into those of the converted workflow:
// its runner is orquesta, and parameters of the old runner are left out. The
// rest, comments too, stays. Inputs of the workflow that the action does not
// have become parameters.
func Metadata(src []byte, w Workflow) (string, error) {
	root, err := readYAML(src)
	if err != nil {
		return "", err
	}
	runner := valueOf(root, "runner_type")
	if runner == nil {
		return "", &yaml.TypeError{Errors: []string{"the metadata have no runner_type"}}
	}
	runner.Value, runner.Tag, runner.Style = "orquesta", "!!str", 0
	params := valueOf(root, "parameters")
	if params != nil && params.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(params.Content); {
			if slices.Contains(runnerParameters, params.Content[i].Value) && !slices.Contains(w.Inputs, params.Content[i].Value) {
				params.Content = slices.Delete(params.Content, i, i+2)
				continue
			}
			i += 2
		}
		if len(params.Content) == 0 {
			params.Style = yaml.FlowStyle
		}
	}
	return writeYAML(root)
}

// anyValue is a parameter of any type: in StackStorm one without a type is a text.
var anyValue = []string{"string", "number", "boolean", "array", "object", "null"}

// NewMetadata are the metadata of an action for a workflow that had none: one
// that others of its file call. entryPoint is the path of its definition below
// the directory actions.
func NewMetadata(w Workflow, entryPoint string) (string, error) {
	pack, name, ok := strings.Cut(w.Action, ".")
	if !ok {
		pack, name = "", w.Action
	}
	m := newMapping()
	m.set("name", str(name))
	if pack != "" {
		m.set("pack", str(pack))
	}
	m.set("description", str("The workflow "+w.Name+", which others call."))
	m.set("runner_type", str("orquesta"))
	m.set("entry_point", str(entryPoint))
	m.set("enabled", plain("true"))
	params := newMapping()
	for _, name := range w.Inputs {
		p := newMapping()
		types := list()
		for _, t := range anyValue {
			one := newMapping()
			one.set("type", str(t))
			types.Content = append(types.Content, one.node)
		}
		p.set("anyOf", types)
		if slices.Contains(w.Required, name) {
			p.set("required", plain("true"))
		}
		params.set(name, p.node)
	}
	if params.empty() {
		params.node.Style = yaml.FlowStyle
	}
	m.set("parameters", params.node)
	return writeYAML(m.node)
}
