package wire

import (
	"encoding/json"
	"slices"
	"strings"

	"squall/internal/squall"
)

// Execution is an execution as a client reads it. Members that were not asked
// for, or do not exist yet, are zero.
type Execution struct {
	ID             string          `json:"id"`
	Action         json.RawMessage `json:"action,omitempty"` // the action's document as it was when requested
	Runner         json.RawMessage `json:"runner,omitempty"`
	LiveAction     *LiveAction     `json:"liveaction,omitempty"`
	Status         squall.Status   `json:"status,omitempty"`
	StartTimestamp Time            `json:"start_timestamp"` // when it was requested
	EndTimestamp   *Time           `json:"end_timestamp,omitempty"`
	Parameters     json.RawMessage `json:"parameters,omitempty"`
	ResultSize     int             `json:"result_size,omitempty"` // bytes
	Context        json.RawMessage `json:"context,omitempty"`
	Parent         string          `json:"parent,omitempty"`
	Children       []string        `json:"children,omitempty"`
	Log            []LogEntry      `json:"log,omitempty"`
	Delay          int64           `json:"delay,omitempty"` // milliseconds
	WebURL         string          `json:"web_url,omitempty"`
	Result         json.RawMessage `json:"result,omitempty"`
	Elapsed        float64         `json:"elapsed_seconds,omitempty"`

	// Of executions inside a workflow.
	Flow string `json:"workflow_execution,omitempty"`
	Task string `json:"task_execution,omitempty"`

	// Of executions that a rule has started.
	Rule        json.RawMessage `json:"rule,omitempty"`
	Trigger     json.RawMessage `json:"trigger,omitempty"`
	TriggerType json.RawMessage `json:"trigger_type,omitempty"`
	Event       json.RawMessage `json:"trigger_instance,omitempty"`
}

// ActionRef returns the reference of the action, "" when it was not asked for.
func (ex *Execution) ActionRef() string {
	var a struct {
		Ref string `json:"ref"`
	}
	if json.Unmarshal(ex.Action, &a) == nil && a.Ref != "" {
		return a.Ref
	}
	if ex.LiveAction != nil {
		return ex.LiveAction.Action
	}
	return ""
}

// User returns who asked for the execution, "" when unknown.
func (ex *Execution) User() string {
	var c struct {
		User string `json:"user"`
	}
	_ = json.Unmarshal(ex.Context, &c) // a foreign context has no user
	return c.User
}

// LiveAction is StackStorm's second document of a run; here it is a part of the
// execution and has the same identifier.
type LiveAction struct {
	ID         string          `json:"id"`
	Action     string          `json:"action"`
	IsWorkflow bool            `json:"action_is_workflow"`
	Parameters json.RawMessage `json:"parameters"`
	Callback   json.RawMessage `json:"callback"`
	RunnerInfo json.RawMessage `json:"runner_info"`
	Notify     json.RawMessage `json:"notify,omitempty"`
}

// LogEntry is one state an execution went through.
type LogEntry struct {
	Timestamp Time          `json:"timestamp"`
	Status    squall.Status `json:"status"`
}

// ExecutionRequest is the body of POST /api/v1/executions.
type ExecutionRequest struct {
	Action     string          `json:"action"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	User       string          `json:"user,omitempty"`
	Context    json.RawMessage `json:"context,omitempty"`
	Delay      int64           `json:"delay,omitempty"` // milliseconds
	Notify     json.RawMessage `json:"notify,omitempty"`
	Callback   json.RawMessage `json:"callback,omitempty"`
	Tags       []squall.Tag    `json:"tags,omitempty"`
}

// ReRunRequest is the body of POST /api/v1/executions/{id}/re_run.
type ReRunRequest struct {
	Parameters json.RawMessage `json:"parameters,omitempty"`
	User       string          `json:"user,omitempty"`
	Delay      int64           `json:"delay,omitempty"` // milliseconds
	Tasks      []string        `json:"tasks,omitempty"`
	Reset      []string        `json:"reset,omitempty"`
}

// View is an execution with what the API shows around it.
type View struct {
	*squall.Execution

	Action json.RawMessage // the action's document
	Runner json.RawMessage // the runner type's document
	// Host and PID are where the last attempt ran or runs.
	Host     string
	PID      int
	Workflow bool
	Children []squall.ID
	WebURL   string // in front of the path; no slash at its end
	Extra    Extra
	Origin   Origin
	// Members of Action and Runner, for who asks for some of them; nil: not known.
	ActionParts, RunnerParts map[string]json.RawMessage
	Flow, Task               string // inside a workflow: its identifier, and that of the task
}

// Origin is where the execution of a rule comes from: documents, nil where there
// is none.
type Origin struct{ Rule, Trigger, Type, Instance json.RawMessage }

// Extra holds what of a request is shown as it was given and has no place in
// an execution; it is kept in the context under ExtraKey.
type Extra struct {
	Notify   json.RawMessage `json:"notify,omitempty"`
	Callback json.RawMessage `json:"callback,omitempty"`
	Delay    int64           `json:"delay,omitempty"` // milliseconds
}

// ExtraKey is the member of an execution's context that holds its Extra. It is
// not shown.
const ExtraKey = "_request"

// WithContext returns doc, the JSON object of a context, with x as its member
// ExtraKey; without change when x is empty.
func (x Extra) WithContext(doc json.RawMessage) (json.RawMessage, error) {
	if len(x.Notify) == 0 && len(x.Callback) == 0 && x.Delay == 0 {
		return doc, nil
	}
	m := map[string]json.RawMessage{}
	if len(doc) > 0 {
		if err := json.Unmarshal(doc, &m); err != nil {
			return nil, err
		}
	}
	var err error
	if m[ExtraKey], err = json.Marshal(x); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// ExtraOf takes the Extra out of a context.
func ExtraOf(doc json.RawMessage) (Extra, json.RawMessage) {
	var x Extra
	m := map[string]json.RawMessage{}
	if json.Unmarshal(doc, &m) != nil || json.Unmarshal(m[ExtraKey], &x) != nil {
		return Extra{}, doc
	}
	delete(m, ExtraKey)
	rest, err := json.Marshal(m)
	if err != nil {
		return Extra{}, doc
	}
	return x, rest
}

// executionFields are the members of an execution that can be asked for by
// name, with those that have members of their own.
var executionFields = map[string]bool{
	"action": true, "runner": true, "liveaction": true, "context": true, "trigger": true, "trigger_type": true, "trigger_instance": true, "rule": true,
	"parameters": true,
	"id":         false, "status": false, "start_timestamp": false, "end_timestamp": false, "result": false, "result_size": false,
	"parent": false, "children": false, "log": false, "delay": false, "web_url": false, "workflow_execution": false, "task_execution": false,
	"elapsed_seconds": false,
}

// ExecutionField reports whether an execution has a member called name, and
// whether single members of it can be asked for.
func ExecutionField(name string) (exists, parts bool) {
	parts, exists = executionFields[name]
	return exists, parts
}

// Execution writes v.
func (e *Encoder) Execution(v *View, f Fields) {
	ref := v.Execution.Action.String()
	e.Object(func() {
		e.part(f, "action", v.Action, v.ActionParts)
		e.part(f, "runner", v.Runner, v.RunnerParts)
		e.part(f, "rule", v.Origin.Rule, nil)
		e.part(f, "trigger", v.Origin.Trigger, nil)
		e.part(f, "trigger_type", v.Origin.Type, nil)
		e.part(f, "trigger_instance", v.Origin.Instance, nil)
		if f.Has("liveaction") {
			e.key("liveaction")
			e.liveAction(v, ref)
		}
		if v.Flow != "" && f.Has("workflow_execution") {
			e.str("workflow_execution", v.Flow)
		}
		if v.Task != "" && f.Has("task_execution") {
			e.str("task_execution", v.Task)
		}
		if f.Has("status") {
			e.str("status", string(v.Status))
		}
		if f.Has("start_timestamp") {
			e.time("start_timestamp", v.CreatedAt)
		}
		ended := !v.EndedAt.IsZero()
		if ended && f.Has("end_timestamp") {
			e.time("end_timestamp", v.EndedAt)
		}
		if !isEmptyObject(v.Parameters) && f.Has("parameters") {
			e.raw("parameters", v.Parameters, "{}")
		}
		if v.ResultSize > 0 && v.Status != squall.Canceling && f.Has("result_size") { // st2: the size comes with the end
			e.int("result_size", int64(v.ResultSize))
		}
		e.part(f, "context", v.Context, nil)
		if v.Parent != nil && f.Has("parent") {
			e.str("parent", string(v.Parent.Execution))
		}
		if len(v.Children) > 0 && f.Has("children") {
			e.key("children")
			e.Array(func() {
				for _, id := range v.Children {
					e.string(string(id))
				}
			})
		}
		if v.Log != nil && f.Has("log") {
			e.key("log")
			e.log(v.Log)
		}
		if v.Extra.Delay > 0 && f.Has("delay") {
			e.int("delay", v.Extra.Delay)
		}
		if f.Has("web_url") {
			e.str("web_url", v.WebURL+"/#/history/"+string(v.ID)+"/general")
		}
		e.str("id", string(v.ID))
		if v.Result != nil && f.Has("result") {
			e.raw("result", v.Result, "")
		}
		if ended && f.Has("elapsed_seconds") {
			e.seconds("elapsed_seconds", v.EndedAt.Sub(v.CreatedAt))
		}
	})
}

// part writes a member whose value is a stored object, or the members of it
// that are asked for; members are its members, nil when nobody has read them.
func (e *Encoder) part(f Fields, name string, doc json.RawMessage, members map[string]json.RawMessage) {
	if len(doc) == 0 || !f.Has(name) {
		return
	}
	parts := f.Parts(name)
	if parts == nil {
		e.raw(name, doc, "{}")
		return
	}
	e.key(name)
	e.Object(func() {
		members := members
		if members == nil && json.Unmarshal(doc, &members) != nil {
			return
		}
		for i, p := range parts {
			p, _, _ = strings.Cut(p, ".") // of what is deeper, the member it is in
			if v, ok := members[p]; ok && !slices.ContainsFunc(parts[:i], func(q string) bool { return q == p || strings.HasPrefix(q, p+".") }) {
				e.raw(p, v, "")
			}
		}
	})
}

func (e *Encoder) liveAction(v *View, ref string) {
	e.Object(func() {
		e.str("action", ref)
		e.bool("action_is_workflow", v.Workflow)
		e.raw("parameters", v.Parameters, "{}")
		e.raw("callback", v.Extra.Callback, "{}")
		e.runnerInfo(v)
		if len(v.Extra.Notify) > 0 {
			e.raw("notify", v.Extra.Notify, "")
		}
		e.str("id", string(v.ID))
	})
}

func (e *Encoder) runnerInfo(v *View) {
	e.key("runner_info")
	e.Object(func() {
		if v.Host != "" {
			e.str("hostname", v.Host)
			e.int("pid", int64(v.PID))
		}
	})
}

func (e *Encoder) log(log []squall.Change) {
	e.Array(func() {
		for _, c := range log {
			e.Object(func() { e.time("timestamp", c.At); e.str("status", string(c.Status)) })
		}
	})
}

// LiveAction writes v as the document StackStorm's stream sends for a
// liveaction: the run without its surroundings, the result as text.
func (e *Encoder) LiveAction(v *View) {
	e.Object(func() {
		e.str("status", string(v.Status))
		e.time("start_timestamp", v.CreatedAt)
		if !v.EndedAt.IsZero() {
			e.time("end_timestamp", v.EndedAt)
		}
		e.str("action", v.Execution.Action.String())
		e.bool("action_is_workflow", v.Workflow)
		e.raw("parameters", v.Parameters, "{}")
		e.raw("context", v.Context, "{}")
		e.raw("callback", v.Extra.Callback, "{}")
		e.runnerInfo(v)
		e.str("id", string(v.ID))
		result := string(v.Result)
		if result == "" {
			result = "{}"
		}
		e.str("result", result)
	})
}

// Output is a piece of output of an execution, as the stream sends it.
type Output struct {
	Execution string `json:"execution_id"`
	Action    string `json:"action_ref"`
	Runner    string `json:"runner_ref"`
	Timestamp Time   `json:"timestamp"`
	Type      string `json:"output_type"` // "stdout" or "stderr"
	Data      string `json:"data"`
	ID        string `json:"id"`
	Seq       int64  `json:"seq"` // its number within the execution, from 1
}

// Output writes c, a piece of output of ex. Its identifier is made of the
// execution's and the number, so that it is the same each time it is sent.
func (e *Encoder) Output(ex *squall.Execution, c squall.Chunk) {
	e.Object(func() {
		e.str("execution_id", string(ex.ID))
		e.str("action_ref", ex.Action.String())
		e.str("runner_ref", ex.Runner)
		e.time("timestamp", c.At)
		e.str("output_type", c.Stream)
		e.str("data", c.Data)
		e.str("id", string(outputID(ex.ID, c.Seq)))
		e.int("seq", c.Seq)
	})
}

// outputID keeps the execution's time in front, so that the order of
// identifiers is that of time, and puts the chunk's number behind it.
func outputID(ex squall.ID, seq int64) squall.ID {
	if len(ex) != 24 {
		return ex
	}
	const digits = "0123456789abcdef"
	b := []byte(ex)
	for i := 23; i >= 18; i-- {
		b[i] = digits[seq&15]
		seq >>= 4
	}
	return squall.ID(b)
}

func isEmptyObject(doc []byte) bool { return len(innerOf(doc)) == 0 }

// Announcement is the body of an announcement in the outbox.
type Announcement struct {
	Route   string          `json:"route"` // words with dots between them
	Payload json.RawMessage `json:"payload"`
}
