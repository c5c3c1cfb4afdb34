package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
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

// result is the fault in the shape of the runner's results.
func (f *flowFault) result(runner string) json.RawMessage {
	var doc *value.Dict
	if runner == ChainRunner {
		msg, _ := f.problems[0].GetStr("message")
		doc = value.DictOf("error", msg, "traceback", "")
	} else {
		list := value.NewList()
		for _, p := range f.problems {
			list.Items = append(list.Items, p)
		}
		doc = value.DictOf("output", nil, "errors", list)
	}
	text, err := value.ToJSON(doc)
	if err != nil {
		panic(fmt.Sprintf("lifecycle: marshal a list of texts: %v", err)) // cannot happen
	}
	return text
}

// host is what the conductor of a workflow gets from outside.
func (s *Service) host(ex *squall.Execution, tasks *taskLookup) workflow.Host {
	return workflow.Host{Exprs: s.flow.Exprs, Env: expr.Env{
		Store: &Datastore{read: s.st.View, ring: s.ring, decrypt: true, secrets: tasks.secrets},
		Tasks: tasks, User: ex.User, Options: s.flow.Options,
	}}
}

func (s *Service) newFlow(id squall.ID) *flow {
	secrets := &secrecy{}
	return &flow{id: id, secrets: secrets, tasks: &taskLookup{s: s, workflow: id, secrets: secrets}}
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
	if err := s.CheckRunner(ctx, def.Action.Runner); err != nil {
		return nil, nil, faultOf(squall.MessageOf(err)), nil
	}
	fault := s.loadFlow(def)
	if fault, err = s.inspectBegin(ctx, def, fault); err != nil || fault != nil {
		return nil, nil, fault, err
	}
	fl := s.newFlow(ex.ID)
	c, first, err := s.newConductor(ctx, def, ex, fl.tasks)
	switch {
	case err == nil:
	case squall.KindOf(err) == squall.Unavailable:
		return nil, nil, nil, err
	default:
		return nil, nil, faultOf(squall.MessageOf(err)), ctx.Err()
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

// flowVars are the variables an Orquesta workflow finds beside its inputs.
func (s *Service) flowVars(ex *squall.Execution, extra any) *value.Dict {
	vars := value.NewDict(2)
	if extra, ok := value.FromGo(extra).(*value.Dict); ok {
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
	return vars
}

// restoreFlow makes the conductor of a workflow from its rows.
func (s *Service) restoreFlow(ctx context.Context, in *inbox) (*flow, error) {
	fl := s.newFlow(in.ex.ID)
	fl.revision = in.stored.Revision
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
	if s.loadFlow(def) != nil {
		return squall.Errorf(squall.Internal, "the definition of workflow %s is not usable any more", ex.Action)
	}
	rows, waiting, err := readRows(list)
	if err != nil {
		return err
	}
	rows.Workflow = fl.state.row
	fl.waiting = waiting
	if fl.c, err = s.restoreConductor(def, ex, rows, fl.tasks); err != nil {
		return err
	}
	fl.tasks.c = fl.c
	return nil
}

// prepareChild makes the request of an action of a task.
func (s *Service) prepareChild(ctx context.Context, ex *squall.Execution, c conductor, run workflow.RunAction) (*prepared, error) {
	name, ok := run.Action.(string)
	if !ok {
		return nil, squall.Errorf(squall.Invalid, "The action of task %q is no text.", run.Task)
	}
	ref, err := squall.ParseRef(name)
	if err != nil {
		return nil, &noAction{squall.Errorf(squall.Invalid, "Unable to find action %q.", name)}
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
	if r.Context, err = childContext(ex, c, run); err != nil {
		return nil, err
	}
	def := s.newest(ref)
	if def == nil || !def.Action.Enabled || run.Delay > 0 {
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
	}
	if a, ok := c.(actionChain); ok {
		if r.Context, err = s.withNotice(ctx, ex, a, run.Task, def.Action, r.Context); err != nil {
			return nil, err
		}
	}
	if c.literal() {
		return s.prepareLiteral(WithTrace(ctx, ex.Context), def, r)
	}
	return s.prepare(WithTrace(ctx, ex.Context), s.st.View, def, r)
}

// childContext is what an action of a workflow knows of its place.
func childContext(ex *squall.Execution, c conductor, run workflow.RunAction) (json.RawMessage, error) {
	own, parent := c.place(ex, run)
	parent["execution_id"], parent["user"], parent["pack"] = ex.ID, ex.User, ex.Action.Pack
	doc := map[string]any{"parent": parent}
	maps.Copy(doc, own)
	return json.Marshal(doc)
}

// taskExecutionID names a visit of a task. st2 stores an object for it; here it
// follows from the workflow and the place in the sequence of visits.
func taskExecutionID(id squall.ID, entry int) squall.ID {
	sum := sha256.Sum256([]byte(string(id) + ":" + strconv.Itoa(entry)))
	return id[:8] + squall.ID(hex.EncodeToString(sum[:8]))
}
