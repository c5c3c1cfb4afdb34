package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// groups order the commands in the help of the root. What is in none of them
// stands at the end.
var groups = []struct {
	id, title string
	commands  []string
}{
	{"run", "Run and watch:", []string{"action", "execution", "inquiry", "node", "rollout", "run", "workflow"}},
	{"events", "Events and times:", []string{"notification", "rule", "rule-enforcement", "schedule", "sensor", "timer", "trace", "trigger", "trigger-instance", "webhook"}},
	{"content", "Packs and data:", []string{"action-alias", "expr", "key", "pack", "policy", "policy-type", "runner"}},
	{"people", "People and rights:", []string{"apikey", "audit", "login", "logout", "rbac", "role", "role-assignment", "user", "whoami"}},
	{"servers", "Servers:", []string{"config", "doctor", "keyring", "server", "service-registry", "wait", "worker"}},
}

// showWell puts the commands in order for their helps.
func showWell(root *cobra.Command) {
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range root.Commands() {
			if slices.Contains(g.commands, cmd.Name()) {
				cmd.GroupID = g.id
			}
		}
	}
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && cmd.Example == "" {
			cmd.Example = examplesBelow(cmd)
		}
	}
	// What the exit status means is said where something is run.
	root.SetUsageTemplate(root.UsageTemplate() + "{{if or .Runnable (not .HasParent)}}" + exitHelp + "\n{{end}}")
}

// first are the commands that people look for first.
var first = []string{"list", "get", "create", "install", "tail", "tree", "set", "test", "inspect", "next", "history"}

// fewExamples is how many examples the help of a command has whose own commands have
// more of them.
const fewExamples = 5

// examplesBelow takes the first example of some of the commands below one.
func examplesBelow(cmd *cobra.Command) string {
	subs := slices.Clone(cmd.Commands())
	rank := func(c *cobra.Command) int {
		if i := slices.Index(first, c.Name()); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(subs, func(x, y *cobra.Command) int { return rank(x) - rank(y) })
	var lines []string
	for _, sub := range subs {
		line, _, _ := strings.Cut(sub.Example, "\n")
		if line != "" && !sub.Hidden && len(lines) < fewExamples {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
