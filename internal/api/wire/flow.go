package wire

import "encoding/json"

// FlowEvent is a transition of a workflow: of itself, or of the action of a task.
type FlowEvent struct {
	Timestamp Time     `json:"timestamp"`
	Status    string   `json:"status"`
	By        string   `json:"by,omitempty"`  // who asked for it
	Why       string   `json:"why,omitempty"` // what led to it
	Node      string   `json:"node,omitempty"`
	Task      string   `json:"task,omitempty"`  // none: the workflow itself
	Visit     *int     `json:"visit,omitempty"` // which visit of a task, from 0
	Route     int      `json:"route,omitempty"`
	Item      *int     `json:"item,omitempty"`
	Execution string   `json:"execution_id,omitempty"` // of the action
	Published []string `json:"published,omitempty"`    // variables set on the way to the task
}

// FlowContext are the variables of a workflow.
type FlowContext struct {
	Visit     *int            `json:"visit,omitempty"` // as they were when this visit of a task began; none: now
	Task      string          `json:"task,omitempty"`
	Variables json.RawMessage `json:"variables"`
}

// Flow is what a workflow execution follows, and how far it has come.
type Flow struct {
	Definition string      `json:"definition"`
	Visits     []FlowVisit `json:"visits"`
}

// FlowVisit is one visit of a task.
type FlowVisit struct {
	Task   string `json:"task"`
	Route  int    `json:"route"`
	Status string `json:"status"`
	After  []int  `json:"after"` // the visits that led to it
}
