package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"squall/internal/runner/types"
)

// runnerPage lists the kinds of runners with their parameters.
func runnerPage() (string, error) {
	var b strings.Builder
	b.WriteString(generated)
	b.WriteString("# Runners\n\n" +
		"What `runner_type` of an action can be, and the parameters that every action of that kind has\n" +
		"beside its own. [Actions](../actions.md) explains how to use them; `squall runner list` asks your\n" +
		"server. A star marks what must be given.\n")
	for _, r := range types.Builtin().All() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", r.Name, r.Description)
		if len(r.Aliases) > 0 {
			fmt.Fprintf(&b, "\nAlso called `%s`.\n", strings.Join(r.Aliases, "`, `"))
		}
		if len(r.Parameters) == 0 {
			continue
		}
		b.WriteString("\n| parameter | type | default | |\n|---|---|---|---|\n")
		for _, p := range r.Parameters {
			name, words := "`"+p.Name+"`", p.Description
			if p.Required {
				name += " *"
			}
			if p.Secret {
				words += " Secret."
			}
			value := ""
			if d := string(p.Default); d != "" && d != "null" {
				value = "`" + d + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, typeWords(p.Type), cell(value), cell(words))
		}
	}
	return b.String(), nil
}

// typeWords writes the type of a parameter, which is a name or a list of them.
func typeWords(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var several []string
	if json.Unmarshal(raw, &several) == nil {
		return strings.Join(several, " or ")
	}
	return ""
}
