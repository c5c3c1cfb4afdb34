package api

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"squall/internal/api/wire"
	"squall/internal/lifecycle"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// definition is what every document of an execution shows of its action,
// encoded once per version.
type definition struct {
	*lifecycle.Definition // nil when the version is not known
	action, runner        json.RawMessage
	workflow              bool
	// The members of both documents.
	actionParts, runnerParts map[string]json.RawMessage
}

// catalog keeps definitions by version. A version never changes, so an entry is
// never wrong; the map starts anew when it has grown too big.
type catalog struct {
	mu sync.RWMutex
	m  map[string]*definition
}

const maxDefinitions = 4096

// workflows are the runners whose executions have children.
var workflows = map[string]bool{"orquesta": true, "action-chain": true, "mistral-v2": true}

// definition returns what to show of ex's action.
func (s *Server) definition(ctx context.Context, ex *squall.Execution) (*definition, error) {
	c := &s.catalog
	c.mu.RLock()
	d := c.m[ex.ActionVersion]
	c.mu.RUnlock()
	if d != nil && ex.ActionVersion != "" {
		return d, nil
	}
	def, err := s.Lifecycle.Definition(ctx, ex.ActionVersion)
	switch {
	case squall.KindOf(err) == squall.NotFound: // the execution came from elsewhere
		return &definition{
			action:   encode(func(e *wire.Encoder) { e.Action(&squall.Action{Ref: ex.Action, Runner: ex.Runner}, wire.Fields{}) }),
			workflow: workflows[ex.Runner],
		}, nil
	case err != nil:
		return nil, err
	}
	d = &definition{
		Definition: def,
		action:     encode(func(e *wire.Encoder) { e.Action(def.Action, wire.Fields{}) }),
		workflow:   workflows[ex.Runner],
	}
	if def.Runner != nil {
		d.runner = encode(func(e *wire.Encoder) { e.RunnerType(def.Runner, wire.Fields{}) })
	}
	_ = json.Unmarshal(d.action, &d.actionParts) // they were encoded just now
	_ = json.Unmarshal(d.runner, &d.runnerParts)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxDefinitions {
		c.m = map[string]*definition{}
	}
	c.m[ex.ActionVersion] = d
	return d, nil
}

// view completes ex to what is shown of it; secrets are masked unless open.
func (s *Server) view(ctx context.Context, ex *squall.Execution, open bool) (*wire.View, error) {
	d, err := s.definition(ctx, ex)
	if err != nil {
		return nil, err
	}
	shown := *ex
	v := &wire.View{
		Execution: &shown, Action: d.action, Runner: d.runner, ActionParts: d.actionParts, RunnerParts: d.runnerParts, Workflow: d.workflow, WebURL: s.WebURL,
	}
	v.Flow, v.Task = taskOf(ex.Context)
	if d.Definition != nil && d.Definition.Runner != nil && s.Lifecycle.RunnerOff(ctx, ex.Runner) {
		off := *d.Definition.Runner
		off.Disabled = true
		v.Runner, v.RunnerParts = encode(func(e *wire.Encoder) { e.RunnerType(&off, wire.Fields{}) }), nil
	}
	if bytes.Contains(ex.Context, []byte(`"`+wire.ExtraKey+`"`)) {
		v.Extra, shown.Context = wire.ExtraOf(ex.Context)
	}
	if d.Definition != nil && len(ex.Result) > 0 {
		shown.Result = s.Lifecycle.OpenResult(ex)
		shown.ResultSize += len(shown.Result) - len(ex.Result)
	}
	switch {
	case d.Definition == nil:
	case open:
		if shown.Parameters, err = s.Lifecycle.OpenParameters(d.Definition, ex.Parameters); err != nil {
			return nil, err
		}
	default:
		shown.Parameters = d.Form.Mask(ex.Parameters)
		shown.Result = d.Form.MaskResult(shown.Result)
		if ex.Runner == lifecycle.InquiryRunner {
			shown.Result = param.MaskAnswer(shown.Result)
		}
	}
	for name, by := range doneBy(ex) {
		shown.Context = withMember(shown.Context, name, by)
	}
	if hasPaused(ex) {
		shown.Result, shown.ResultSize = json.RawMessage(pausedResult), len(pausedResult)
	}
	v.Host, v.PID = s.nodes.where(ex)
	return v, nil
}

// taskOf says of which workflow's task an execution is, from its context; "" for
// others.
func taskOf(context json.RawMessage) (flow, task string) {
	var doc struct {
		Orquesta struct {
			Flow string `json:"workflow_execution_id"`
			Task string `json:"task_execution_id"`
		}
	}
	if !bytes.Contains(context, []byte(`"task_execution_id"`)) || json.Unmarshal(context, &doc) != nil {
		return "", ""
	}
	return doc.Orquesta.Flow, doc.Orquesta.Task
}

// pausedResult is what a workflow shows as its result from its first pause to
// its end (st2).
const pausedResult = `{"output":null}`

// hasPaused reports whether ex is a workflow at work that was paused.
func hasPaused(ex *squall.Execution) bool {
	return ex.Runner == lifecycle.WorkflowRunner && !ex.Status.Final() && ex.ResultSize == 0 &&
		slices.ContainsFunc(ex.Log, func(c squall.Change) bool { return c.Status == squall.Pausing || c.Status == squall.Paused })
}

// doneBy says who canceled, paused and resumed ex, from its log, as members of
// its context (st2); and under which name a workflow is known to its children.
func doneBy(ex *squall.Execution) map[string]string {
	if len(ex.Context) == 0 {
		return nil
	}
	members := map[string]string{}
	for _, c := range ex.Log {
		for prefix, name := range map[string]string{"canceled by ": "cancelled_by", "paused by ": "paused_by", "resumed by ": "resumed_by"} {
			if by, ok := strings.CutPrefix(c.Reason, prefix); ok && (name != "cancelled_by" || ex.Status == squall.Canceling || ex.Status == squall.Canceled) {
				members[name] = by
			}
		}
	}
	begun := len(ex.Log) == 0 || ex.Log[len(ex.Log)-1].Reason != lifecycle.NotBegun
	if begun && ex.Runner == lifecycle.WorkflowRunner && ex.Status != squall.Requested && ex.Status != squall.Delayed && ex.Status != squall.Scheduled {
		members["workflow_execution"] = string(ex.ID)
	}
	return members
}

// withMember adds a string to a JSON object.
func withMember(doc json.RawMessage, name, value string) json.RawMessage {
	var m map[string]any
	if json.Unmarshal(doc, &m) != nil || m == nil {
		return doc
	}
	m[name] = value
	out, err := marshal(m)
	if err != nil {
		return doc
	}
	return out
}

// nodeCache remembers which process a node name stands for.
type nodeCache struct {
	mu   sync.RWMutex
	m    map[string]store.Node
	read time.Time
}

// nodeTTL is how often the list of nodes is read again, at most.
const nodeTTL = 5 * time.Second

// refresh reads the nodes inside a transaction that is open anyway, when what
// is known is old.
func (c *nodeCache) refresh(ctx context.Context, tx store.Tx) error {
	c.mu.RLock()
	fresh := time.Since(c.read) < nodeTTL
	c.mu.RUnlock()
	if fresh {
		return nil
	}
	nodes, err := tx.Nodes(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := maps.Clone(c.m) // a node that was forgotten stays the one that ran old executions
	if m == nil || len(m) > 1000 {
		m = map[string]store.Node{}
	}
	for _, n := range nodes {
		m[n.Name] = n
	}
	c.m, c.read = m, time.Now()
	return nil
}

// where returns host and process of ex's last attempt, nothing before the first.
func (c *nodeCache) where(ex *squall.Execution) (host string, pid int) {
	name := ex.Node
	for i := len(ex.Log) - 1; i >= 0 && name == ""; i-- {
		name = ex.Log[i].Node
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if name == "" && len(c.m) == 1 && workflows[ex.Runner] && !ex.StartedAt.IsZero() {
		for name = range c.m { // nobody holds a workflow; here nobody else can have moved it
		}
	}
	if name == "" {
		return "", 0
	}
	if n, ok := c.m[name]; ok {
		return orDefault(n.Host, name), n.PID
	}
	return name, 0
}

// at returns ex as it was when it came into state st: an event and the answer
// to a request show that moment, however far the execution has got since.
func at(v *wire.View, st squall.Status) *wire.View {
	if v.Status == st {
		return v
	}
	then, ex := *v, *v.Execution
	then.Execution, ex.Status = &ex, st
	for i := len(ex.Log) - 1; i >= 0; i-- {
		if ex.Log[i].Status == st {
			ex.Log = ex.Log[:i+1]
			break
		}
	}
	if !st.Final() {
		ex.EndedAt, ex.Result, ex.ResultSize = time.Time{}, nil, 0
	}
	if st == squall.Requested || st == squall.Delayed || st == squall.Scheduled {
		then.Host = ""
	}
	return &then
}

// encode returns one encoded document.
func encode(write func(*wire.Encoder)) json.RawMessage {
	var b bytes.Buffer
	e := wire.NewEncoder(&b)
	write(e)
	_ = e.Close() // a buffer takes everything
	return b.Bytes()
}
