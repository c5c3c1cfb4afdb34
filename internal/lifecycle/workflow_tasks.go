package lifecycle

import (
	"context"
	"encoding/json"
	"time"

	"squall/internal/auth"
	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
)

// taskLookup answers task() of the expressions of one workflow from its
// children. What it found is kept for one step.
type taskLookup struct {
	s        *Service
	workflow squall.ID
	c        conductor
	found    map[taskPlace]*expr.TaskExecution
	secrets  *secrecy // of the workflow
	// ending is a child whose end is written together with this step: the
	// database does not know of it yet.
	ending *squall.Execution
}

type taskPlace struct {
	task  string
	route int64
}

var _ expr.Tasks = (*taskLookup)(nil)

// fresh forgets what was found.
func (t *taskLookup) fresh() { t.found = nil }

// Latest implements expr.Tasks.
func (t *taskLookup) Latest(ctx context.Context, task string, route int64) (expr.TaskExecution, bool, error) {
	place := taskPlace{task, route}
	if found, known := t.found[place]; known {
		if found == nil {
			return expr.TaskExecution{}, false, nil
		}
		return *found, true, nil
	}
	var found *expr.TaskExecution
	err := t.s.st.View(ctx, func(tx store.Tx) (err error) {
		found, err = t.read(ctx, tx, task, route)
		return err
	})
	if err != nil {
		return expr.TaskExecution{}, false, err
	}
	if found == nil {
		found = t.withoutAction(task, route)
	}
	if t.found == nil {
		t.found = map[taskPlace]*expr.TaskExecution{}
	}
	t.found[place] = found
	if found == nil {
		return expr.TaskExecution{}, false, nil
	}
	return *found, true, nil
}

// read looks through the children, the newest first.
func (t *taskLookup) read(ctx context.Context, tx store.Tx, task string, route int64) (*expr.TaskExecution, error) {
	var items []*squall.Execution
	visit := ""
	f := store.ExecutionFilter{Parent: t.workflow, Limit: 200, Parts: store.WithParameters}
	for {
		children, err := tx.FindExecutions(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, ex := range children {
			ex = t.ended(ex)
			if ex.Parent == nil || ex.Parent.Task != task || route >= 0 && int64(ex.Parent.Route) != route {
				continue
			}
			of := visitOf(ex)
			if visit == "" {
				visit = of
			}
			if of != visit {
				continue
			}
			items = append(items, ex)
			if ex.Parent.Item < 0 {
				return t.show(ctx, tx, visit, items)
			}
		}
		if len(children) < f.Limit {
			break
		}
		f.After = children[len(children)-1].ID
	}
	if len(items) == 0 {
		return nil, nil
	}
	return t.show(ctx, tx, visit, items)
}

// ended returns what is known of a child.
func (t *taskLookup) ended(ex *squall.Execution) *squall.Execution {
	if t.ending == nil || t.ending.ID != ex.ID {
		return ex
	}
	over := *ex
	over.Status, over.Result, over.EndedAt = t.ending.Status, t.ending.Result, t.ending.EndedAt
	return &over
}

// visitOf is the task_execution_id in a child's context.
func visitOf(ex *squall.Execution) string {
	var doc struct {
		Orquesta struct {
			ID string `json:"task_execution_id"`
		} `json:"orquesta"`
	}
	_ = json.Unmarshal(ex.Context, &doc) // without it there is one visit
	return doc.Orquesta.ID
}

// show makes what expressions see of a visit; children are the newest first.
func (t *taskLookup) show(ctx context.Context, tx store.Tx, visit string, children []*squall.Execution) (*expr.TaskExecution, error) {
	newest := children[0]
	out := &expr.TaskExecution{
		ID: visit, WorkflowExecution: string(t.workflow), TaskName: newest.Parent.Task, TaskID: newest.Parent.Task,
		Route: int64(newest.Parent.Route), Status: string(newest.Status),
		Start: stamp(children[len(children)-1].CreatedAt), End: stamp(newest.EndedAt),
	}
	if _, status, ok := t.c.FindTask(out.TaskID, out.Route); ok && status != "null" {
		out.Status = status
	}
	results := make([]any, 0, len(children))
	for i := len(children) - 1; i >= 0; i-- {
		ex, err := tx.Execution(ctx, children[i].ID, store.WithResult)
		if err != nil {
			return nil, err
		}
		over := t.ended(ex)
		opened, found := t.s.ring.OpenDocument(auth.ForResult(over.ID), over.Result)
		if found {
			t.secrets.note()
		}
		results = append(results, resultValue(opened))
	}
	out.Result = results[0]
	if newest.Parent.Item >= 0 {
		out.Result = value.DictOf("items", value.NewList(results...))
	}
	return out, nil
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05.000000-07:00")
}

// withoutAction is a task that ran without any child.
func (t *taskLookup) withoutAction(task string, route int64) *expr.TaskExecution {
	at, status, ok := t.c.FindTask(task, max(route, 0))
	if !ok {
		return nil
	}
	return &expr.TaskExecution{WorkflowExecution: string(t.workflow), TaskName: task, TaskID: task, Route: at, Status: status}
}
