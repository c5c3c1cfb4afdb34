package portable

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// Workflow implements store.Workflows.
func (t Statements) Workflow(ctx context.Context, id squall.ID) (*store.Workflow, error) {
	var w *store.Workflow
	_, err := t.One(ctx, `SELECT id, root, revision, state FROM workflows WHERE id = ?`, []any{id}, func(r Row) error {
		w = &store.Workflow{ID: r.ID(), Root: r.ID(), Revision: r.Int64(), State: r.Bytes()}
		return r.Err()
	})
	if err == nil && w == nil {
		return nil, squall.Errorf(squall.NotFound, "workflow %q has not begun", id)
	}
	if err == nil {
		w.State, err = t.FetchDocument(ctx, w.Root, w.State)
	}
	return w, driver.Wrap("read workflow "+string(id), err)
}

// WorkflowRows implements store.Workflows.
func (t Statements) WorkflowRows(ctx context.Context, id squall.ID, kinds ...store.WorkflowRowKind) ([]store.WorkflowRow, error) {
	query, args := `SELECT kind, name, route, number, doc FROM workflow_rows WHERE workflow = ?`, []any{id}
	if len(kinds) > 0 {
		query += ` AND kind IN (` + driver.Marks(len(kinds)) + `)`
		for _, k := range kinds {
			args = append(args, int(k))
		}
	}
	var list []store.WorkflowRow
	err := t.Each(ctx, query+` ORDER BY kind, name, route, number`, args, func(r Row) error {
		list = append(list, store.WorkflowRow{
			WorkflowKey: store.WorkflowKey{Kind: store.WorkflowRowKind(r.Int()), Name: r.Text(), Route: r.Int(), Number: r.Int64()},
			Doc:         r.Bytes(),
		})
		return r.Err()
	})
	if err != nil {
		return nil, driver.Wrap("read rows of workflow "+string(id), err)
	}
	root := squall.ID("")
	for i := range list {
		if _, isRef := driver.Ref(list[i].Doc); isRef && root == "" {
			if _, err := t.One(ctx, `SELECT root FROM workflows WHERE id = ?`, []any{id}, func(r Row) error {
				root = r.ID()
				return nil
			}); err != nil {
				return nil, driver.Wrap("read rows of workflow "+string(id), err)
			}
		}
		if list[i].Doc, err = t.FetchDocument(ctx, root, list[i].Doc); err != nil {
			return nil, driver.Wrap("read rows of workflow "+string(id), err)
		}
	}
	return list, nil
}

// AppendWorkflowEvent implements store.Workflows.
func (t Statements) AppendWorkflowEvent(_ context.Context, ev store.WorkflowEvent) error {
	if err := driver.CheckWorkflowEvent(ev); err != nil {
		return err
	}
	var child any
	if ev.Child != "" {
		child = ev.Child
	}
	err := t.Send(`INSERT INTO workflow_events (workflow, due, kind, child, status, task, route, item, doc) VALUES (?,?,?,?,?,?,?,?,?)`,
		ev.Workflow, ev.Due, string(ev.Kind), child, ev.Status, ev.Task.Task, ev.Task.Route, ev.Task.Item, ev.Doc)
	return driver.Wrap("tell workflow "+string(ev.Workflow), err)
}

// TellParent implements store.Workflows.
func (t Statements) TellParent(_ context.Context, child squall.ID, s squall.Status) (parent squall.ID, err error) {
	err = t.WriteEach(`
		INSERT INTO workflow_events (workflow, due, kind, child, status, task, route, item)
		SELECT parent, 0, 'child', id, CAST(? AS text), task, task_route, task_item FROM executions
		WHERE id = ? AND child = TRUE AND status = ? AND updated_at = ?
		RETURNING workflow`, []any{s, child, s, t.Now()}, func(r Row) error {
		parent = r.ID()
		return nil
	})
	return parent, driver.Wrap(fmt.Sprintf("tell the parent of execution %s", child), err)
}

// WorkflowEvents implements store.Workflows.
func (t Statements) WorkflowEvents(ctx context.Context, id squall.ID, limit int) ([]store.WorkflowEvent, error) {
	var list []store.WorkflowEvent
	err := t.Each(ctx, `
		SELECT n, due, kind, child, status, task, route, item, doc FROM workflow_events
		WHERE workflow = ? AND due <= ? ORDER BY n LIMIT ?`, []any{id, t.Now(), driver.Limit(limit)}, func(r Row) error {
		list = append(list, store.WorkflowEvent{
			Workflow: id, Number: r.Int64(), Due: r.Time(), Kind: store.WorkflowEventKind(r.Text()),
			Child: r.ID(), Status: squall.Status(r.Text()),
			Task: squall.TaskRef{Execution: id, Task: r.Text(), Route: r.Int(), Item: r.Int()}, Doc: r.Bytes(),
		})
		return r.Err()
	})
	return list, driver.Wrap("read events of workflow "+string(id), err)
}

// DueWorkflows implements store.Workflows.
func (t Statements) DueWorkflows(ctx context.Context, limit int) (ids []squall.ID, next time.Time, err error) {
	err = t.Each(ctx, `SELECT DISTINCT workflow FROM workflow_events WHERE due <= ? LIMIT ?`, []any{t.Now(), driver.Limit(limit)}, func(r Row) error {
		ids = append(ids, r.ID())
		return r.Err()
	})
	if err == nil {
		_, err = t.One(ctx, `SELECT due FROM workflow_events WHERE due > ? ORDER BY due LIMIT 1`, []any{t.Now()}, func(r Row) error {
			next = r.Time()
			return nil
		})
	}
	return ids, next, driver.Wrap("list due workflows", err)
}
