package types

import "squall/internal/squall"

// packManager runs what StackStorm has workflows of Python actions for. The
// entry point of an action says what it does.
func packManager() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "pack-manager",
		Description: "Installs, removes and registers packs; for the actions of the pack packs.",
		Parameters: squall.Schema{
			param("timeout", "integer", "Seconds after which it is given up and undone.", byDefault("600")),
		},
	}
}
