package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
	"squall/internal/workflow/chain"
	"squall/internal/workflow/mistral"
)

// The runners of workflows. No node claims their executions: Advance moves them.
const (
	WorkflowRunner = "orquesta"
	ChainRunner    = "action-chain"
	MistralRunner  = "mistral-v2" // what converts completely runs as it is
)

// flowRunners are the runners of workflows.
var flowRunners = []string{WorkflowRunner, ChainRunner, MistralRunner}

// IsFlow reports whether a runner's executions are workflows.
func IsFlow(runner string) bool { return slices.Contains(flowRunners, runner) }

// conductor decides what comes next in one workflow. There is one for each
// language; all speak of what happens in package workflow's words.
type conductor interface {
	Apply(ctx context.Context, events ...workflow.Event) workflow.Changes
	Status() workflow.Status
	// FindTask finds a task's newest visit, for task() of expressions.
	FindTask(task string, route int64) (entryRoute int64, status string, found bool)
	// result is what the workflow leaves in that state; nil: what is there stays.
	result(w *rowWriter, s squall.Status) json.RawMessage
	// place is what a child's context says of its place in the workflow, and what
	// it says of the workflow as its parent.
	place(ex *squall.Execution, run workflow.RunAction) (own, parent map[string]any)
	// literal: the inputs of actions are values, and no templates to render.
	literal() bool
	// cancels: running actions are canceled with the workflow. Workflows are always.
	cancels() bool
}

// orquesta is the conductor of an Orquesta workflow.
type orquesta struct{ *workflow.Conductor }

func (o orquesta) literal() bool { return false }
func (o orquesta) cancels() bool { return true }

// result is {"output": ..., "errors": [...]}. st2: an empty output is null, and
// errors belong to what went wrong.
func (o orquesta) result(w *rowWriter, s squall.Status) json.RawMessage {
	if !s.Final() {
		return nil
	}
	var output any
	if out := o.Output(); out != nil && out.Len() > 0 {
		output = out
	}
	pairs := []any{"output", output}
	if s == squall.Failed || s == squall.Timeout || s == squall.Abandoned {
		list := value.NewList()
		for _, e := range o.Errors() {
			list.Items = append(list.Items, e.Value())
		}
		pairs = append(pairs, "errors", list)
	}
	return w.doc(pairs...)
}

func (o orquesta) place(ex *squall.Execution, run workflow.RunAction) (own, parent map[string]any) {
	parent = map[string]any{}
	var outer struct {
		Parent json.RawMessage `json:"parent"`
	}
	if json.Unmarshal(ex.Context, &outer) == nil && outer.Parent != nil {
		parent["parent"] = outer.Parent
	}
	place := map[string]any{
		"workflow_execution_id": ex.ID,
		"task_execution_id":     taskExecutionID(ex.ID, run.Entry),
		"task_name":             run.Task,
		"task_id":               run.Task,
		"task_route":            run.Route,
	}
	if run.Item != workflow.NoItem {
		place["item_id"] = run.Item
	}
	return map[string]any{"orquesta": place}, parent
}

// actionChain is the conductor of an ActionChain.
type actionChain struct{ *chain.Conductor }

func (a actionChain) literal() bool { return true }
func (a actionChain) cancels() bool { return false }

// result: st2 shows what was done as soon as the chain stands still.
func (a actionChain) result(w *rowWriter, s squall.Status) json.RawMessage {
	if !s.Final() && s != squall.Paused {
		return nil
	}
	return w.doc(pairsOf(a.Result())...)
}

func pairsOf(d *value.Dict) []any {
	var pairs []any
	for k, v := range d.All() {
		pairs = append(pairs, k, v)
	}
	return pairs
}

// place shows the task as it is written, and the whole context of the chain
// (st2: context.chain, context.parent).
func (a actionChain) place(ex *squall.Execution, run workflow.RunAction) (own, parent map[string]any) {
	if n, ok := a.Node(run.Task); ok {
		if doc, err := value.ToJSON(n.Shown()); err == nil {
			own = map[string]any{"chain": json.RawMessage(doc)}
		}
	}
	return own, chainParent(ex)
}

// chainParent is what the actions of a chain know of its execution.
func chainParent(ex *squall.Execution) map[string]any {
	parent := map[string]any{}
	var outer map[string]json.RawMessage
	if json.Unmarshal(ex.Context, &outer) == nil {
		for k, v := range outer {
			if k != "trace_context" && k != requestKey {
				parent[k] = v
			}
		}
	}
	parent["execution_id"] = ex.ID
	return parent
}

func textsOf(v any) (list []string) {
	items, _ := v.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// requestKey is where a context holds what a request says beside parameters; see
// api/wire.ExtraKey.
const requestKey = "_request"

// withNotice adds to the context of a chain's task what is to be announced of
// its end: what the task says, or the chain. st2: the action's own settings go
// before both.
func (s *Service) withNotice(ctx context.Context, ex *squall.Execution, a actionChain, task string, action *squall.Action, doc json.RawMessage) (json.RawMessage, error) {
	if len(action.Notify) > len(`null`) {
		return doc, nil
	}
	sections, inherits := a.Notify(task)
	var notice json.RawMessage
	switch {
	case sections != nil:
		text, err := value.ToJSON(sections)
		if err != nil {
			return nil, err
		}
		notice = text
	case inherits:
		var asked struct {
			Request struct {
				Notify json.RawMessage `json:"notify"`
			} `json:"_request"`
		}
		if json.Unmarshal(ex.Context, &asked) == nil && len(asked.Request.Notify) > 0 {
			notice = asked.Request.Notify
		} else if def, err := s.Definition(ctx, ex.ActionVersion); err == nil {
			notice = def.Action.Notify
		}
	}
	if len(notice) <= len(`null`) {
		return doc, nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]json.RawMessage{"notify": notice})
	if err != nil {
		return nil, err
	}
	m[requestKey] = text
	return json.Marshal(m)
}

// chainPath is how messages name the file of a chain.
func chainPath(a *squall.Action) string {
	return "/opt/stackstorm/packs/" + a.Ref.Pack + "/actions/" + a.EntryPoint
}

// loadFlow reads the definition of a workflow, once for each version of its
// action. A nil fault means that one of def's specs is there.
func (s *Service) loadFlow(def *Definition) *flowFault {
	def.flowOnce.Do(func() {
		switch {
		case def.Action.Definition == "" && def.Action.Runner == ChainRunner:
			def.flowFault = faultOf(fmt.Sprintf("Failed to parse action chain definition from %q: [Errno 2] No such file or directory: '%s'",
				chainPath(def.Action), chainPath(def.Action)))
		case def.Action.Definition == "":
			def.flowFault = faultOf(fmt.Sprintf("The workflow file %q of action %q is not registered; register the pack again.", def.Action.EntryPoint, def.Action.Ref))
		case def.Action.Runner == ChainRunner:
			spec, err := chain.Parse(def.Action.Definition, chainPath(def.Action), def.Action.Ref.Name)
			if err != nil {
				_, msg := workflow.Describe(err)
				def.flowFault = faultOf(msg)
				return
			}
			def.chainSpec = spec
		case def.Action.Runner == MistralRunner:
			def.flowSpec, def.flowFault = s.loadMistral(def)
		default:
			def.flowSpec, def.flowFault = s.loadOrquesta(def.Action.Definition)
		}
	})
	return def.flowFault
}

// loadOrquesta reads a definition. With a fault the spec may be there, too: what
// its tasks name can be inspected nevertheless.
func (s *Service) loadOrquesta(text string) (*workflow.Spec, *flowFault) {
	spec, problems := workflow.Parse([]byte(text))
	if spec != nil {
		problems = spec.Inspect(s.flow.Exprs, []string{"st2", "parent"})
	}
	if spec != nil && len(problems) == 0 {
		return spec, nil
	}
	fault := &flowFault{}
	for i := range problems {
		fault.problems = append(fault.problems, finding(&problems[i]))
	}
	sortFindings(fault.problems)
	return spec, fault
}

// loadMistral converts a workflow of Mistral. One that behaves otherwise here has
// to be converted by somebody who has read why.
func (s *Service) loadMistral(def *Definition) (*workflow.Spec, *flowFault) {
	main, _ := def.Form.Value(nil, "workflow").(string)
	target, _ := def.Form.Value(nil, "task").(string)
	ref := def.Action.Ref
	res := mistral.Convert([]byte(def.Action.Definition), mistral.Options{Pack: ref.Pack, Name: ref.Name, Main: main, Target: target, Exprs: s.flow.Exprs})
	w := res.Workflows[0]
	switch {
	case w.Verdict != mistral.Complete:
		fault := faultOf(fmt.Sprintf("The workflow %s is one of Mistral and does not run here as it is; convert it with squall workflow convert.", ref))
		for _, n := range w.Notes {
			if n.Level != mistral.Info {
				fault.problems = append(fault.problems, value.DictOf("type", "error", "message", fmt.Sprintf("%s, line %d: %s", n.Rule, n.Line, n.Message)))
			}
		}
		return nil, fault
	case len(w.Calls) > 0:
		return nil, faultOf(fmt.Sprintf("The workflow %s calls other workflows of its file, which are no actions here; convert it with squall workflow convert.", ref))
	}
	return s.loadOrquesta(w.Text)
}

// mistralFlow is a workflow of Mistral that runs as Orquesta's, and shows its
// result as StackStorm's runner did.
type mistralFlow struct{ orquesta }

// result has the outputs on top, and the state under extra.
func (m mistralFlow) result(w *rowWriter, s squall.Status) json.RawMessage {
	if !s.Final() {
		return nil
	}
	state := map[squall.Status]string{squall.Succeeded: "SUCCESS", squall.Canceled: "CANCELLED"}[s]
	var info any
	if state == "" {
		state = "ERROR"
		var list []string
		for _, e := range m.Errors() {
			if msg, ok := e.Value().GetStr("message"); ok {
				list = append(list, fmt.Sprint(msg))
			}
		}
		info = strings.Join(list, "\n")
	}
	out := value.NewDict(4)
	if o := m.Output(); o != nil {
		out.Update(o)
	}
	out.SetStr("extra", value.DictOf("state", state, "state_info", info))
	return w.doc(pairsOf(out)...)
}

// asLanguage makes the conductor one of the action's runner.
func asLanguage(def *Definition, c *workflow.Conductor) conductor {
	if def.Action.Runner == MistralRunner {
		return mistralFlow{orquesta{c}}
	}
	return orquesta{c}
}

// newConductor makes the conductor of a workflow that begins, and what it
// changed to begin. The error is the workflow's.
func (s *Service) newConductor(ctx context.Context, def *Definition, ex *squall.Execution, tasks *taskLookup) (conductor, workflow.Changes, error) {
	params, err := s.OpenParameters(def, ex.Parameters)
	if err != nil {
		return nil, workflow.Changes{}, err
	}
	runner, given, err := s.Start(ctx, def, ex, params)
	if err != nil {
		return nil, workflow.Changes{}, err
	}
	if givenSecrets(def, ex, runner, given) {
		tasks.secrets.note()
	}
	input, _ := value.FromGo(given).(*value.Dict)
	if def.chainSpec != nil {
		hide := runner["display_published"] == false
		c, first := chain.New(ctx, def.chainSpec, chain.Start{Parameters: input, HidePublished: hide, SkipNotify: textsOf(runner["skip_notify"])}, s.chainHost(ex, tasks.secrets))
		return actionChain{c}, first, nil
	}
	start := workflow.Start{Input: input, Context: s.flowVars(ex, runner["context"])}
	c, first, err := workflow.New(ctx, def.flowSpec, start, s.host(ex, tasks))
	if err != nil {
		return nil, workflow.Changes{}, err
	}
	return asLanguage(def, c), first, nil
}

// restoreConductor makes a conductor from its rows.
func (s *Service) restoreConductor(def *Definition, ex *squall.Execution, rows workflow.Rows, tasks *taskLookup) (conductor, error) {
	if def.chainSpec != nil {
		c, err := chain.Restore(def.chainSpec, rows, s.chainHost(ex, tasks.secrets))
		if err != nil {
			return nil, err
		}
		return actionChain{c}, nil
	}
	c, err := workflow.Restore(def.flowSpec, rows, s.host(ex, tasks))
	if err != nil {
		return nil, err
	}
	return asLanguage(def, c), nil
}

// chainHost is what the conductor of a chain gets from outside.
func (s *Service) chainHost(ex *squall.Execution, secrets *secrecy) chain.Host {
	seen := value.NewDict(0)
	if text, err := json.Marshal(chainParent(ex)); err == nil {
		if d, ok := resultValue(text).(*value.Dict); ok {
			seen = d
		}
	}
	data := &Datastore{read: s.st.View, ring: s.ring, decrypt: true, secrets: secrets}
	return chain.Host{
		Context: seen,
		Env:     expr.Env{Store: data, User: ex.User, Options: s.flow.Options},
		Config: func(ctx context.Context) (*value.Dict, error) {
			config, err := packConfig(ctx, s.st.View, ex.Action.Pack, ex.User, data)
			if err != nil || len(config) == 0 {
				return value.NewDict(0), err
			}
			d, _ := resultValue(config).(*value.Dict)
			return d, nil
		},
	}
}
