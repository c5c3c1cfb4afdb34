package squall

import "encoding/json"

// Policy restrains or repeats the executions of an action.
type Policy struct {
	Ref          Ref             `json:"ref"`
	Description  string          `json:"description,omitempty"`
	Enabled      bool            `json:"enabled"`
	Resource     string          `json:"resource_ref"` // the action; kept as written: it need not exist (st2)
	Type         string          `json:"policy_type"`  // reference of a PolicyType
	Parameters   json.RawMessage `json:"parameters,omitempty"`
	MetadataFile string          `json:"metadata_file,omitempty"`

	DescriptionGiven bool `json:"description_given,omitempty"` // even an empty one is shown then (st2)
}

// PolicyType is a kind of policy and the parameters it takes.
type PolicyType struct {
	Ref         Ref // "action.retry": the first part says to what it applies
	Description string
	Module      string // where StackStorm keeps it; clients show it
	Parameters  Schema
}

// PolicyTypes returns the kinds of policy there are, by reference. Names,
// parameters and bounds are StackStorm's, but for action.concurrency.limit and
// action.rate_limit, which it has not.
func PolicyTypes() []*PolicyType {
	threshold := Parameter{Name: "threshold", Description: "Concurrency threshold.", Type: json.RawMessage(`"integer"`), Required: true}
	reaction := Parameter{
		Name: "action", Description: "Which action to perform on the execution once the concurrency threshold has been reached.",
		Type: json.RawMessage(`"string"`), Default: json.RawMessage(`"delay"`), Rest: json.RawMessage(`{"enum":["delay","cancel"]}`),
	}
	attributes := Parameter{
		Name: "attributes", Description: "List of attributes by which to limit the concurrency.", Type: json.RawMessage(`"array"`),
		Rest: json.RawMessage(`{"uniqueItems":true,"items":{"type":"string","minLength":1}}`),
	}
	return []*PolicyType{
		{
			Ref: Ref{"action", "concurrency"}, Description: "Limits the concurrent executions for the action.",
			Module: "st2actions.policies.concurrency", Parameters: Schema{threshold, reaction},
		},
		{
			Ref: Ref{"action", "concurrency.attr"}, Description: "Limits the concurrent executions for the action by attribute(s).",
			Module:     "st2actions.policies.concurrency_by_attr",
			Parameters: Schema{threshold, reaction, attributes},
		},
		{
			Ref: Ref{"action", "concurrency.limit"}, Description: "Limits the concurrent executions for the action by attribute(s), to as many as a parameter of the execution says.",
			Module: "squall.policies.concurrency_limit",
			Parameters: Schema{
				{
					Name: "threshold_parameter", Description: "Parameter of the action that holds the threshold of this execution.",
					Type: json.RawMessage(`"string"`), Required: true, Rest: json.RawMessage(`{"minLength":1}`),
				},
				{Name: "threshold", Description: "Threshold of executions that are not given the parameter.", Type: json.RawMessage(`"integer"`), Required: true},
				reaction, attributes,
			},
		},
		{
			Ref: Ref{"action", "rate_limit"}, Description: "Limits how many executions of the action begin in a span of time.",
			Module: "squall.policies.rate_limit",
			Parameters: Schema{
				{Name: "limit", Type: json.RawMessage(`"integer"`), Description: "How many may begin in the span.", Required: true, Rest: json.RawMessage(`{"minimum":1,"maximum":10000}`)},
				{Name: "seconds", Type: json.RawMessage(`"number"`), Description: "The span.", Required: true, Rest: json.RawMessage(`{"minimum":0.001,"maximum":86400}`)},
				{
					Name: "action", Description: "What becomes of those beyond the limit.",
					Type: json.RawMessage(`"string"`), Default: json.RawMessage(`"delay"`), Rest: json.RawMessage(`{"enum":["delay","cancel"]}`),
				},
				{
					Name: "attributes", Description: "Parameters by whose values executions are counted apart.", Type: json.RawMessage(`"array"`),
					Rest: json.RawMessage(`{"uniqueItems":true,"items":{"type":"string","minLength":1}}`),
				},
			},
		},
		{
			Ref: Ref{"action", "retry"}, Description: "Retry (re-run) failed or timed out action.",
			Module: "st2actions.policies.retry",
			Parameters: Schema{
				{
					Name: "retry_on", Type: json.RawMessage(`"string"`), Description: "Condition to retry on.", Required: true,
					Rest: json.RawMessage(`{"enum":["failure","timeout"]}`),
				},
				{
					Name: "max_retry_count", Type: json.RawMessage(`"integer"`), Description: "Maximum number of times to retry before giving up.",
					Required: true, Default: json.RawMessage(`2`), Rest: json.RawMessage(`{"minimum":1,"maximum":5}`),
				},
				{
					Name: "delay", Type: json.RawMessage(`"number"`), Description: "Number of seconds to wait before retrying the execution.",
					Rest: json.RawMessage(`{"required":false,"minimum":0,"maximum":120}`),
				},
			},
		},
	}
}
