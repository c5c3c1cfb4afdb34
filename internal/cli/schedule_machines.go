package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// nodeRunAction runs another action on machines; see docs/fleet.md.
const nodeRunAction = "std.node_run"

// onMachines is where a schedule runs its action, as parameters of nodeRunAction.
type onMachines struct {
	Target     string          `json:"target,omitempty"`
	Action     string          `json:"action,omitempty"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Param      string          `json:"param,omitempty"`
	Pick       string          `json:"pick,omitempty"`
	Prefer     string          `json:"prefer,omitempty"`
	Failover   string          `json:"failover,omitempty"`
	Key        string          `json:"key,omitempty"`
	AtOnce     int             `json:"at_once,omitempty"`
	Splay      string          `json:"splay,omitempty"`
	MaxFail    string          `json:"max_fail,omitempty"`
}

func (m *onMachines) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.Target, "on", "", "run it on the machines that this target means (squall node list TARGET)")
	f.StringVar(&m.Param, "param", "", "with --on: the action's parameter that gets the machine (default hosts)")
	f.StringVar(&m.Pick, "pick", "", "with --on: on how many of them: all, 1, 20% (default all)")
	f.StringVar(&m.Prefer, "prefer", "", "with --pick: any, same, first or idle")
	f.StringVar(&m.Failover, "failover", "", "with --pick: never, unreachable or always take another machine (default unreachable)")
	f.IntVar(&m.AtOnce, "at-once", 0, "with --on: at most so many at the same time")
	f.StringVar(&m.Splay, "splay", "", "with --on: each machine begins up to so much later")
	f.StringVar(&m.MaxFail, "max-fail", "", "with --on: begin with no more when so many have failed: 3 or 10%")
}

// param is the action's parameter that gets the machine, "" without machines.
func (m *onMachines) param() string {
	if m.Target == "" {
		return ""
	}
	return firstOf(m.Param, "hosts")
}

// action is what the rule of the schedule runs.
func (m *onMachines) action(name, ref string, parameters json.RawMessage) (ruleAction, error) {
	given := *m
	if given.Target == "" {
		if given.Param+given.Pick+given.Prefer+given.Failover+given.Splay+given.MaxFail != "" || given.AtOnce != 0 {
			return ruleAction{}, usageErrorf("--param, --pick, --prefer, --failover, --at-once, --splay and --max-fail need --on")
		}
		return ruleAction{ref, parameters}, nil
	}
	given.Action, given.Parameters, given.Key = ref, parameters, name
	doc, err := json.Marshal(given)
	return ruleAction{nodeRunAction, doc}, err
}
