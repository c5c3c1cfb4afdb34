package lifecycle

import (
	"context"
	"encoding/json"
	"slices"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// again is what the first event of a workflow says that goes on from where
// another one ended.
type again struct {
	Of    squall.ID `json:"of"`
	Tasks []string  `json:"tasks"`           // to run; none: those that failed
	Reset []string  `json:"reset,omitempty"` // of them, those whose items all run
}

// RerunTasks requests a new execution of workflow id that takes over what the
// old one has done, except for the named tasks, which run again. Items of a task
// that ended well are kept, unless the task is among reset. The definition is
// the one the old execution followed. Error kinds: NotFound, Invalid, and
// Conflict when the old one is not over.
func (s *Service) RerunTasks(ctx context.Context, id squall.ID, over squall.Request, tasks, reset []string) (*squall.Execution, error) {
	var old *squall.Execution
	var def *Definition
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		if old, err = tx.Execution(ctx, id, store.WithParameters); err != nil {
			return err
		}
		if err := CheckRerun(old.Runner, false, tasks, reset); err != nil {
			return err
		}
		if !old.Status.Final() {
			return squall.Errorf(squall.Conflict, "Execution %q is %s; only a workflow that is over can be run again.", id, old.Status)
		}
		def, err = s.current(ctx, tx, old.Action)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := over
	r.Action, r.RerunOf = old.Action, id
	if r.Parameters, err = s.openOld(ctx, old); err != nil {
		return nil, err
	}
	if r.Context, err = rerunContext(over.Context, old); err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, s.st.View, def, r)
	if err != nil {
		return nil, err
	}
	if p.begin, err = json.Marshal(again{Of: id, Tasks: tasks, Reset: reset}); err != nil {
		return nil, err
	}
	ex, err := s.insertOrStart(ctx, p)
	if err != nil {
		return nil, err
	}
	s.advanceSoon(ctx, ex.ID)
	return ex, nil
}

// beginDoc finds what the first event of a workflow says.
func beginDoc(events []store.WorkflowEvent) json.RawMessage {
	for _, ev := range events {
		if ev.Kind == store.WorkflowBegin {
			return ev.Doc
		}
	}
	return nil
}

// beginAgain makes the conductor of a workflow that goes on from another one.
func (s *Service) beginAgain(ctx context.Context, ex *squall.Execution, doc json.RawMessage) (*flow, []workflow.Changes, *flowFault, error) {
	var do again
	if err := json.Unmarshal(doc, &do); err != nil {
		return nil, nil, faultOf("the request to run tasks again cannot be read"), nil //nolint:nilerr // the fault is the answer
	}
	var stored *store.Workflow
	var list []store.WorkflowRow
	var secret bool
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		if stored, err = tx.Workflow(ctx, do.Of); err != nil {
			return err
		}
		if list, err = tx.WorkflowRows(ctx, do.Of); err != nil {
			return err
		}
		secret, err = s.openWorkflow(stored, list)
		return err
	})
	if err != nil && squall.KindOf(err) == squall.NotFound {
		return nil, nil, faultOf("the workflow to run again is not stored any more"), nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	list = slices.DeleteFunc(list, func(r store.WorkflowRow) bool { return r.Kind == store.WorkflowWaiting })
	fl := s.newFlow(ex.ID)
	fl.restored, fl.secrets.known = list, secret || auth.HoldsSealed(ex.Parameters)
	if err := s.restoreInto(ctx, fl, ex, stored.State, list); err != nil {
		if fl.c == nil && squall.KindOf(err) != squall.Unavailable {
			return nil, nil, faultOf("the workflow to run again never began: " + squall.MessageOf(err)), ctx.Err()
		}
		return nil, nil, nil, err
	}
	fl.state.active = 0
	rerun := workflow.Rerun{}
	for _, name := range do.Tasks {
		rerun.Tasks = append(rerun.Tasks, workflow.RerunTask{Task: name, Route: newestRoute(list, name), ResetItems: slices.Contains(do.Reset, name)})
	}
	ch := fl.c.Apply(ctx, rerun)
	if len(ch.Rejected) > 0 {
		class, msg := workflow.Describe(ch.Rejected[0].Err)
		return nil, nil, faultOf(class + ": " + msg), nil
	}
	fl.state.row = ch.Workflow
	return fl, []workflow.Changes{ch}, nil, nil
}

// newestRoute is the route of a task's last visit.
func newestRoute(list []store.WorkflowRow, task string) int {
	route := 0
	for _, row := range list { // in the order of visits
		if row.Kind != store.WorkflowTask {
			continue
		}
		if r := readDoc(row.Doc); r.text("task") == task {
			route = r.int("route")
		}
	}
	return route
}
