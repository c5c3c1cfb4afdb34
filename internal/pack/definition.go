package pack

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

// flowRunners are the runners whose actions are workflows, in a file each.
var flowRunners = []string{"orquesta", "orchestra", "action-chain", "mistral-v2"}

// readDefinition takes the text of a workflow into its action, so that a run
// keeps the text it began with. What the text says is the workflow's business;
// a file that is missing does not keep the action from being registered (st2).
func (d *directory) readDefinition(f *file, root *pyyaml.Node, a *squall.Action) {
	if a == nil || !slices.Contains(flowRunners, a.Runner) || a.EntryPoint == "" {
		return
	}
	name := path.Join("actions", a.EntryPoint)
	at := root.Get("entry_point")
	if !fs.ValidPath(name) {
		f.doubt(at, fmt.Sprintf("entry_point %q leads out of the pack", a.EntryPoint), "put the workflow below the directory actions")
		return
	}
	src, err := fs.ReadFile(d.fsys, name)
	switch {
	case err != nil:
		f.doubt(at, fmt.Sprintf("the workflow %s cannot be read: %s", name, cause(err)), "the action fails until the file is there and the pack is registered again")
	case len(src) > maxFile:
		f.doubt(at, fmt.Sprintf("the workflow %s has %d bytes", name, len(src)), fmt.Sprintf("a workflow may have %d", maxFile))
	case len(src) == 0:
		a.Definition = "\n" // there is a file
	default:
		a.Definition = string(src)
	}
}
