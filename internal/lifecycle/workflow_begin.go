package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// flowFault is why a workflow cannot begin: its definition or its inputs.
type flowFault struct{ problems []*value.Dict }

func faultOf(message string) *flowFault {
	return &flowFault{[]*value.Dict{value.DictOf("type", "error", "message", message)}}
}

func (f *flowFault) result() json.RawMessage {
	list := value.NewList()
	for _, p := range f.problems {
		list.Items = append(list.Items, p)
	}
	doc, err := value.ToJSON(value.DictOf("output", nil, "errors", list))
	if err != nil {
		panic(fmt.Sprintf("lifecycle: marshal a list of texts: %v", err)) // cannot happen
	}
	return doc
}

// spec returns the workflow of an action's version, loaded and inspected.
func (s *Service) spec(def *Definition) (*workflow.Spec, *flowFault) {
	def.flowOnce.Do(func() {
		if def.Action.Definition == "" {
			def.flowFault = faultOf(fmt.Sprintf("The workflow file %q of action %q is not registered; register the pack again.", def.Action.EntryPoint, def.Action.Ref))
			return
		}
		spec, problems := workflow.Parse([]byte(def.Action.Definition))
		if spec != nil {
			problems = spec.Inspect(s.flow.Exprs, []string{"st2", "parent"})
		}
		if spec == nil || len(problems) > 0 {
			def.flowFault = &flowFault{}
			for i := range problems {
				p := problems[i].Value()
				d := value.DictOf("type", string(problems[i].Category))
				for k, v := range p.All() {
					if k != "category" && k != "type" {
						d.Set(k, v)
					}
				}
				def.flowFault.problems = append(def.flowFault.problems, d)
			}
			return
		}
		def.flowSpec = spec
	})
	return def.flowSpec, def.flowFault
}

// host is what the conductor of a workflow gets from outside.
func (s *Service) host(ex *squall.Execution, tasks *taskLookup) workflow.Host {
	return workflow.Host{Exprs: s.flow.Exprs, Env: expr.Env{
		Store: &Datastore{read: s.st.View, ring: s.ring, decrypt: true},
		Tasks: tasks, User: ex.User, Options: s.flow.Options,
	}}
}

// beginFlow makes the conductor of a workflow that begins.
func (s *Service) beginFlow(ctx context.Context, ex *squall.Execution, begin json.RawMessage) (*flow, []workflow.Changes, *flowFault, error) {
	if len(begin) > 0 {
		return s.beginAgain(ctx, ex, begin)
	}
	def, err := s.Definition(ctx, ex.ActionVersion)
	if err != nil {
		return nil, nil, nil, err
	}
	spec, fault := s.spec(def)
	if fault != nil {
		return nil, nil, fault, nil
	}
	start, err := s.flowStart(ctx, def, ex)
	switch {
	case err == nil:
	case squall.KindOf(err) == squall.Unavailable:
		return nil, nil, nil, err
	default:
		return nil, nil, faultOf(squall.MessageOf(err)), ctx.Err()
	}
	fl := &flow{id: ex.ID, tasks: &taskLookup{s: s, workflow: ex.ID}}
	c, first, err := workflow.New(ctx, spec, start, s.host(ex, fl.tasks))
	if err != nil {
		return nil, nil, faultOf(err.Error()), ctx.Err() //nolint:nilerr // the fault is the answer
	}
	fl.c, fl.tasks.c = c, c
	fl.state = flowState{version: ex.ActionVersion}
	changes := []workflow.Changes{first}
	if !c.Status().Final() {
		changes = append(changes, c.Apply(ctx, workflow.Request{Status: squall.Running}))
	}
	fl.state.row = changes[len(changes)-1].Workflow
	return fl, changes, nil, nil
}

// flowStart is what a workflow begins with.
func (s *Service) flowStart(ctx context.Context, def *Definition, ex *squall.Execution) (workflow.Start, error) {
	params, err := s.OpenParameters(def, ex.Parameters)
	if err != nil {
		return workflow.Start{}, err
	}
	runner, input, err := s.Start(ctx, def, ex, params)
	if err != nil {
		return workflow.Start{}, err
	}
	vars := value.NewDict(2)
	if extra, ok := value.FromGo(runner["context"]).(*value.Dict); ok {
		vars.Update(extra)
	}
	vars.SetStr("st2", value.DictOf(
		"action_execution_id", string(ex.ID), "api_url", s.flow.APIURL, "user", ex.User, "pack", ex.Action.Pack,
		"action", ex.Action.String(), "runner", ex.Runner, "workflow_execution_id", string(ex.ID)))
	if outer, ok := resultValue(ex.Context).(*value.Dict); ok {
		if parent, ok := outer.GetStr("parent"); ok {
			vars.SetStr("parent", parent)
		}
	}
	given, _ := value.FromGo(input).(*value.Dict)
	return workflow.Start{Input: given, Context: vars}, nil
}

// restoreFlow makes the conductor of a workflow from its rows.
func (s *Service) restoreFlow(ctx context.Context, in *inbox) (*flow, error) {
	fl := &flow{id: in.ex.ID, revision: in.stored.Revision, tasks: &taskLookup{s: s, workflow: in.ex.ID}}
	return fl, s.restoreInto(ctx, fl, in.ex, in.stored.State, in.rows)
}

func (s *Service) restoreInto(ctx context.Context, fl *flow, ex *squall.Execution, state []byte, list []store.WorkflowRow) error {
	var err error
	if fl.state, err = readState(state); err != nil {
		return fmt.Errorf("read state of workflow: %w", err)
	}
	def, err := s.Definition(ctx, fl.state.version)
	if err != nil {
		return err
	}
	spec, fault := s.spec(def)
	if fault != nil {
		return squall.Errorf(squall.Internal, "the definition of workflow %s is not usable any more", ex.Action)
	}
	rows, waiting, err := readRows(list)
	if err != nil {
		return err
	}
	rows.Workflow = fl.state.row
	fl.waiting = waiting
	if fl.c, err = workflow.Restore(spec, rows, s.host(ex, fl.tasks)); err != nil {
		return err
	}
	fl.tasks.c = fl.c
	return nil
}

// prepareChild makes the request of an action of a task.
func (s *Service) prepareChild(ctx context.Context, ex *squall.Execution, run workflow.RunAction) (*prepared, error) {
	name, ok := run.Action.(string)
	if !ok {
		return nil, squall.Errorf(squall.Invalid, "The action of task %q is no text.", run.Task)
	}
	ref, err := squall.ParseRef(name)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "Unable to find action %q.", name)
	}
	// What the definition says about secrets was evaluated by the conductor. What
	// still looks like a template came out of data, and must not reach any.
	r := squall.Request{Action: ref, User: ex.User, Root: ex.Root, Queue: ex.Queue, NoSecrets: true,
		Parent: &squall.TaskRef{Execution: ex.ID, Task: run.Task, Route: run.Route, Item: run.Item}}
	if run.Input != nil {
		if r.Parameters, err = value.ToJSON(run.Input); err != nil {
			return nil, squall.Errorf(squall.Invalid, "The input of task %q: %s", run.Task, value.MessageOf(err))
		}
	}
	if r.Context, err = childContext(ex, run); err != nil {
		return nil, err
	}
	var def *Definition
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		if run.Delay > 0 {
			r.NotBefore = tx.Now().Add(time.Duration(run.Delay) * time.Second)
		}
		def, err = s.current(ctx, tx, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.prepare(WithTrace(ctx, ex.Context), s.st.View, def, r)
}

// childContext is what an action of a workflow knows of its place (st2:
// context.orquesta, context.parent).
func childContext(ex *squall.Execution, run workflow.RunAction) (json.RawMessage, error) {
	parent := map[string]any{"execution_id": ex.ID, "user": ex.User, "pack": ex.Action.Pack}
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
	return json.Marshal(map[string]any{"parent": parent, "orquesta": place})
}

// taskExecutionID names a visit of a task. st2 stores an object for it; here it
// follows from the workflow and the place in the sequence of visits.
func taskExecutionID(id squall.ID, entry int) squall.ID {
	sum := sha256.Sum256([]byte(string(id) + ":" + strconv.Itoa(entry)))
	return id[:8] + squall.ID(hex.EncodeToString(sum[:8]))
}
