package types

import "squall/internal/squall"

// Known returns the catalog of the runners that ship with Squall and of those
// of StackStorm that this release does not run. Packs are checked against it
// and register completely; an execution of what cannot be run fails and says
// that no node has the runner.
func Known() *Catalog {
	all := Builtin().All()
	for _, t := range []*squall.RunnerType{
	} {
		if _, ok := Builtin().RunnerType(t.Name); !ok { // what can be run describes itself
			all = append(all, t)
		}
	}
	return New(all...)
}
