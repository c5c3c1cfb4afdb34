package squall

import "encoding/json"

// Rule says which action to run when a trigger fires and its criteria match.
type Rule struct {
	Ref          Ref             `json:"ref"`
	Description  string          `json:"description,omitempty"`
	Enabled      bool            `json:"enabled"`
	Type         string          `json:"type"` // RuleStandard or RuleBackstop
	Trigger      RuleTrigger     `json:"trigger"`
	Criteria     json.RawMessage `json:"criteria,omitempty"` // a JSON object; nil or empty matches everything (st2)
	Action       RuleAction      `json:"action"`
	Tags         []Tag           `json:"tags,omitempty"`
	Context      json.RawMessage `json:"context,omitempty"` // a JSON object: who made it through the API; nil: nobody
	MetadataFile string          `json:"metadata_file,omitempty"`
}

// The types of rule.
const (
	RuleStandard = "standard"
	RuleBackstop = "backstop" // applies when no standard rule did
)

// RuleTrigger is what a rule waits for.
type RuleTrigger struct {
	Type       Ref             `json:"type"`
	Parameters json.RawMessage `json:"parameters,omitempty"` // a JSON object; nil: none
}

// RuleAction is what a rule runs. The action need not exist when the rule is
// registered (st2), so its reference is kept as written.
type RuleAction struct {
	Ref        string          `json:"ref"`
	Parameters json.RawMessage `json:"parameters,omitempty"` // a JSON object whose texts may be templates; nil: none
}
