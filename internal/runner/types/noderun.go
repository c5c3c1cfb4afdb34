package types

import "squall/internal/squall"

// nodeRun runs another action on machines of the inventory and waits for them.
func nodeRun() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "node-run",
		Description: "Runs another action on machines of the inventory; for the action std.node_run.",
		Parameters: squall.Schema{
			param("timeout", "integer", "Seconds after which no more machine begins and what runs is canceled."),
		},
	}
}
