package wire

import (
	"crypto/md5" //nolint:gosec // st2 names traces by it
	"encoding/hex"
	"encoding/json"

	"squall/internal/squall"
)

// TriggerInstance is an event.
type TriggerInstance struct {
	Trigger    string             `json:"trigger"`
	OccurredAt Time               `json:"occurrence_time"`
	Status     squall.EventStatus `json:"status"`
	ID         squall.ID          `json:"id"`
	Payload    json.RawMessage    `json:"payload"`
}

// TriggerInstanceOf returns the document of an event.
func TriggerInstanceOf(ev *squall.Event) TriggerInstance {
	payload := ev.Payload
	if len(payload) == 0 {
		payload = json.RawMessage("{}")
	}
	return TriggerInstance{Trigger: ev.Trigger.String(), OccurredAt: Time{ev.OccurredAt}, Status: ev.Status, ID: ev.ID, Payload: payload}
}

// RuleEnforcement is what a rule made of an event.
type RuleEnforcement struct {
	Event     squall.ID       `json:"trigger_instance_id"`
	Execution squall.ID       `json:"execution_id,omitempty"`
	Failure   string          `json:"failure_reason,omitempty"`
	Rule      RuleRef         `json:"rule"`
	At        Time            `json:"enforced_at"`
	Status    string          `json:"status"`
	ID        squall.ID       `json:"id"`
	Instance  any             `json:"trigger_instance,omitempty"` // in views
	Run       json.RawMessage `json:"execution,omitempty"`        // in views
}

// RuleRef names a rule.
type RuleRef struct {
	Ref string    `json:"ref"`
	ID  squall.ID `json:"id"`
	UID string    `json:"uid"`
}

// RuleRefOf returns what names the rule of that reference.
func RuleRefOf(ref string) RuleRef {
	parsed, _ := squall.ParseRef(ref)
	return RuleRef{Ref: ref, ID: ObjectID("rule", ref), UID: uid("rule", parsed)}
}

// RuleEnforcementOf returns the document of an enforcement.
func RuleEnforcementOf(e *squall.Enforcement) RuleEnforcement {
	status := "succeeded"
	if e.Failure != "" {
		status = "failed"
	}
	return RuleEnforcement{
		Event: e.Event, Execution: e.Execution, Failure: e.Failure, Rule: RuleRefOf(e.Rule), At: Time{e.At}, Status: status, ID: e.ID,
	}
}

// Trace is a chain of events, rules and executions.
type Trace struct {
	UID        string      `json:"uid"`
	Tag        string      `json:"trace_tag"`
	Instances  []TracePart `json:"trigger_instances"`
	Rules      []TracePart `json:"rules"`
	Executions []TracePart `json:"action_executions"`
	StartedAt  Time        `json:"start_timestamp"`
	ID         squall.ID   `json:"id"`
}

// TracePart is a link of a trace.
type TracePart struct {
	ID       squall.ID  `json:"object_id"`
	Ref      string     `json:"ref"`
	At       Time       `json:"updated_at"`
	CausedBy TraceCause `json:"caused_by"`
}

// TraceCause is what a link follows from; empty for the first.
type TraceCause struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
}

// TraceOf returns the document of a trace without its links.
func TraceOf(t *squall.Trace) Trace {
	sum := md5.Sum([]byte(t.Tag + string(t.ID))) //nolint:gosec // see the import
	return Trace{
		UID: "trace:" + hex.EncodeToString(sum[:]), Tag: t.Tag, StartedAt: Time{t.At}, ID: t.ID,
		Instances: []TracePart{}, Rules: []TracePart{}, Executions: []TracePart{},
	}
}

// Timer is a trigger that fires by itself.
type Timer struct {
	Trigger
	// These are shown when they are asked for.
	Next  []Time `json:"next_runs,omitempty"`
	Last  *Time  `json:"decided_until,omitempty"`
	Fault string `json:"fault,omitempty"`
}

// WebhookResult answers to a webhook that waits for what rules make of it.
type WebhookResult struct {
	Event        squall.ID         `json:"trigger_instance"`
	Duplicate    bool              `json:"duplicate,omitempty"`
	Enforcements []RuleEnforcement `json:"enforcements"`
}

// RuleTest is what a rule would make of an event.
type RuleTest struct {
	Event        squall.ID       `json:"trigger_instance_id,omitempty"`
	Matched      bool            `json:"matched"`
	Explanation  string          `json:"explanation"`
	Failures     []string        `json:"failures,omitempty"`
	Action       string          `json:"action,omitempty"`
	Parameters   json.RawMessage `json:"parameters,omitempty"`
	RequestError string          `json:"request_error,omitempty"`
}

// Fire is what became of a time of a timer.
type Fire struct {
	Nominal Time      `json:"nominal"`
	Outcome string    `json:"outcome"`
	At      Time      `json:"decided_at"`
	Event   squall.ID `json:"trigger_instance_id,omitempty"`
	Reason  string    `json:"reason,omitempty"` // why it was not fired
}

// Notification is one message for one sink.
type Notification struct {
	ID        squall.ID `json:"id"`
	Sink      string    `json:"sink"`
	Route     string    `json:"route"`
	Message   string    `json:"message"`
	Execution squall.ID `json:"execution_id"`
	State     string    `json:"state"` // open, done or lost
	Attempt   int       `json:"attempt"`
	CreatedAt Time      `json:"created_at"`
	Due       *Time     `json:"due,omitempty"`
	EndedAt   *Time     `json:"ended_at,omitempty"`
	Fault     string    `json:"fault,omitempty"` // of the last attempt
}
