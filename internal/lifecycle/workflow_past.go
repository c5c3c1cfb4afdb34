package lifecycle

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// FlowPast is how a workflow execution went, for people. It is read from what the
// workflow keeps anyway; nothing is recorded for it.
type FlowPast struct {
	Execution  *squall.Execution   // with its log
	Children   []*squall.Execution // those of its tasks, oldest first, with their logs
	Definition string              // the text it follows
	Past       *workflow.Past      // nil before its first step
	Errors     []workflow.ErrorRow

	visits  map[squall.ID]int // by task execution
	secrets []string          // texts that nobody may see
}

// Event is a transition of a workflow: of itself, or of the action of a task.
type Event struct {
	At        time.Time
	Status    squall.Status
	By        string // who asked for it; "" for the workflow itself
	Why       string
	Node      string
	Task      string // "" for the workflow
	Visit     int    // which visit of a task, from 0; -1 for the workflow
	Route     int
	Item      int       // workflow.NoItem for none
	Execution squall.ID // of the action, "" for a task that runs none
	Published []string  // variables set on the way to the task
}

// FlowPast reads the past of a workflow execution. Error kinds: NotFound, and
// Invalid for an execution that is no workflow.
func (s *Service) FlowPast(ctx context.Context, id squall.ID) (*FlowPast, error) {
	p := &FlowPast{visits: map[squall.ID]int{}}
	var stored *store.Workflow
	var rows []store.WorkflowRow
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		if p.Execution, err = tx.Execution(ctx, id, store.WithLog|store.WithParameters); err != nil {
			return err
		}
		if !IsFlow(p.Execution.Runner) {
			return squall.Errorf(squall.Invalid, "Execution %s runs %s, which is no workflow.", id, p.Execution.Action)
		}
		if stored, err = tx.Workflow(ctx, id); err != nil && squall.KindOf(err) != squall.NotFound {
			return err
		}
		if stored != nil {
			if rows, err = tx.WorkflowRows(ctx, id); err != nil {
				return err
			}
			if _, err = s.openWorkflow(stored, rows); err != nil {
				return err
			}
		}
		p.Children, err = tx.FindExecutions(ctx, store.ExecutionFilter{
			Parent: id, Ascending: true, Limit: maxPastChildren, Parts: store.WithLog | store.WithParameters | store.WithResult,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	version := p.Execution.ActionVersion
	if stored != nil {
		state, err := readState(stored.State)
		if err != nil {
			return nil, fmt.Errorf("read state of workflow: %w", err)
		}
		if state.version != "" {
			version = state.version
		}
		list, _, err := readRows(rows)
		if err != nil {
			return nil, err
		}
		p.Errors = list.Errors
		if len(list.Contexts) > 0 {
			if p.Past, err = workflow.ReadPast(list); err != nil {
				return nil, err
			}
		}
	}
	def, err := s.Definition(ctx, version)
	if err != nil {
		return nil, err
	}
	p.Definition = def.Action.Definition
	if p.Past != nil {
		for i := range p.Past.Visits {
			p.visits[taskExecutionID(id, i)] = i
		}
	}
	s.collectSecrets(ctx, p)
	return p, nil
}

// maxPastChildren bounds how many actions of one workflow are looked at.
const maxPastChildren = 10_000

// Visit is the visit of a task that a child belongs to, -1 when nobody knows.
func (p *FlowPast) Visit(child *squall.Execution) int {
	var doc struct {
		Orquesta struct {
			Task squall.ID `json:"task_execution_id"`
		} `json:"orquesta"`
	}
	if json.Unmarshal(child.Context, &doc) == nil {
		if v, ok := p.visits[doc.Orquesta.Task]; ok {
			return v
		}
	}
	if p.Past != nil && child.Parent != nil { // chains number visits by their routes
		for i, t := range p.Past.Visits {
			if t.Task == child.Parent.Task && t.Route == child.Parent.Route {
				return i
			}
		}
	}
	return -1
}

// Events are the transitions of the workflow and of the actions of its tasks, in
// the order of time.
func (p *FlowPast) Events() []Event {
	var list []Event
	for i, ch := range p.Execution.Log {
		e := eventOf(ch)
		e.Visit, e.Item = -1, workflow.NoItem
		if i == 0 {
			e.By, e.Why = p.Execution.User, "requested"
			if p.Execution.RerunOf != "" {
				e.Why = "again, of execution " + string(p.Execution.RerunOf)
			}
		}
		list = append(list, e)
	}
	ends := map[int]time.Time{} // of visits
	for _, child := range p.Children {
		visit := p.Visit(child)
		for i, ch := range child.Log {
			e := eventOf(ch)
			e.Visit, e.Item, e.Execution = visit, workflow.NoItem, child.ID
			if child.Parent != nil {
				e.Task, e.Route, e.Item = child.Parent.Task, child.Parent.Route, child.Parent.Item
			}
			if i == 0 {
				e.Why, e.Published = p.why(visit), p.published(visit)
			}
			list = append(list, e)
			if ch.At.After(ends[visit]) {
				ends[visit] = ch.At
			}
		}
	}
	list = append(list, p.withoutAction(ends)...)
	ending := func(e Event) int { // what ends at one instant: the workflow last
		if e.Visit < 0 && e.Status.Final() {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), ending(a)-ending(b)) })
	return list
}

// withoutAction are the visits of tasks that ran nothing: commands of the engine,
// tasks without items. They were over in the moment that led to them.
func (p *FlowPast) withoutAction(ends map[int]time.Time) (list []Event) {
	if p.Past == nil {
		return nil
	}
	for i, t := range p.Past.Visits {
		if _, ran := ends[i]; ran {
			continue
		}
		at := p.Execution.CreatedAt
		for _, from := range t.Prev {
			if end := ends[from.Task]; end.After(at) {
				at = end
			}
		}
		ends[i] = at
		list = append(list, Event{At: at, Status: t.Status, Task: t.Task, Route: t.Route, Visit: i, Item: workflow.NoItem, Why: p.why(i), Published: p.published(i)})
	}
	return list
}

// eventOf reads an entry of a log: "paused by ann" tells who.
func eventOf(ch squall.Change) Event {
	e := Event{At: ch.At, Status: ch.Status, Node: ch.Node, Why: ch.Reason}
	if _, by, ok := strings.Cut(ch.Reason, " by "); ok && !strings.Contains(by, " ") {
		e.By = by
	}
	return e
}

// why says which visits led to one, by which transitions.
func (p *FlowPast) why(visit int) string {
	if p.Past == nil || visit < 0 {
		return ""
	}
	t := &p.Past.Visits[visit]
	if len(t.Prev) == 0 {
		return "start of the workflow"
	}
	var parts []string
	for _, from := range t.Prev {
		if from.Task < 0 || from.Task >= len(p.Past.Visits) {
			continue
		}
		prev := &p.Past.Visits[from.Task]
		part := fmt.Sprintf("%s %s", prev.Task, prev.Status)
		if at := strings.LastIndex(from.Transition, "__t"); at >= 0 {
			part += " (next[" + from.Transition[at+3:] + "])"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func (p *FlowPast) published(visit int) []string {
	if p.Past == nil || visit < 0 {
		return nil
	}
	return p.Past.Published(visit)
}

// Variables are those that a visit began with, -1: the newest. Texts that are
// secret parameters or results are masked in them.
func (p *FlowPast) Variables(visit int) (json.RawMessage, error) {
	if p.Past == nil {
		return json.RawMessage("{}"), nil
	}
	vars := p.Past.Newest()
	if visit >= 0 {
		var ok bool
		if visit < len(p.Past.Visits) {
			vars, ok = p.Past.Variables(p.Past.Visits[visit].Context)
		}
		if !ok {
			return nil, squall.Errorf(squall.NotFound, "There is no visit %d: the workflow has had %d.", visit, len(p.Past.Visits))
		}
	}
	return value.ToJSON(p.masked(vars))
}

// masked replaces texts that hold a secret.
func (p *FlowPast) masked(v any) any {
	switch x := v.(type) {
	case string:
		for _, secret := range p.secrets {
			if strings.Contains(x, secret) {
				return param.Masked
			}
		}
	case *value.List:
		out := value.NewList()
		for _, item := range x.Items {
			out.Items = append(out.Items, p.masked(item))
		}
		return out
	case *value.Dict:
		out := value.NewDict(x.Len())
		for k, item := range x.All() {
			out.Set(k, p.masked(item))
		}
		return out
	}
	return v
}

// collectSecrets finds the texts that the schemas of the workflow and of the
// actions of its tasks call secret.
func (s *Service) collectSecrets(ctx context.Context, p *FlowPast) {
	for _, ex := range append([]*squall.Execution{p.Execution}, p.Children...) {
		def, err := s.Definition(ctx, ex.ActionVersion)
		if err != nil {
			continue
		}
		if def.Form.Secret() {
			_, _ = def.Form.Unseal(ex.Parameters, func(sealed string) (string, error) { // what is no secret of ours stays sealed
				plain, err := s.ring.Open(purpose(def), sealed)
				if err == nil {
					p.addSecrets(resultValue(json.RawMessage(plain)))
					p.addSecrets(plain)
				}
				return plain, err
			})
		}
		opened := s.OpenResult(ex)
		p.addMasked(resultValue(opened), resultValue(maskResult(def, ex, opened)))
		if ex == p.Execution && p.Past != nil { // inputs that were not given, but defaults
			if first, ok := p.Past.Variables(0); ok {
				if doc, err := value.ToJSON(first); err == nil {
					p.addMasked(resultValue(doc), resultValue(def.Form.Mask(doc)))
				}
			}
		}
	}
}

// addSecrets takes the texts of a secret value.
func (p *FlowPast) addSecrets(v any) {
	switch x := v.(type) {
	case string:
		if len(x) > 2 { // shorter ones would mask everything
			p.secrets = append(p.secrets, x)
		}
	case *value.List:
		for _, item := range x.Items {
			p.addSecrets(item)
		}
	case *value.Dict:
		for _, item := range x.All() {
			p.addSecrets(item)
		}
	}
}

// addMasked takes what a mask hides.
func (p *FlowPast) addMasked(plain, masked any) {
	if masked == param.Masked && plain != param.Masked {
		p.addSecrets(plain)
		return
	}
	switch x := plain.(type) {
	case *value.List:
		if m, ok := masked.(*value.List); ok && len(m.Items) == len(x.Items) {
			for i := range x.Items {
				p.addMasked(x.Items[i], m.Items[i])
			}
		}
	case *value.Dict:
		if m, ok := masked.(*value.Dict); ok {
			for k, v := range x.All() {
				w, _ := m.Get(k)
				p.addMasked(v, w)
			}
		}
	}
}
