package sqlite

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// ChangeWorkflow implements store.Workflows.
func (t *tx) ChangeWorkflow(_ context.Context, c store.WorkflowChange) (bool, error) {
	if err := driver.CheckWorkflow(c); err != nil {
		return false, err
	}
	state, err := t.prepare(c.State)
	if err != nil {
		return false, err
	}
	var n int
	if c.Base == 0 {
		n, err = t.write(`INSERT INTO workflows (id, root, revision, state) VALUES (?,?,1,?) ON CONFLICT (id) DO NOTHING`, c.ID, c.Root, state.Column)
	} else {
		n, err = t.write(`UPDATE workflows SET revision = revision + 1, state = ? WHERE id = ? AND revision = ?`, state.Column, c.ID, c.Base)
	}
	if err != nil || n == 0 {
		return false, wrap("change workflow "+string(c.ID), err)
	}
	if state.Value != nil {
		if err := t.putValue(c.Root, state.Value); err != nil {
			return false, err
		}
	}
	for _, k := range c.Remove {
		if _, err := t.write(`DELETE FROM workflow_rows WHERE workflow = ? AND kind = ? AND name = ? AND route = ? AND number = ?`,
			c.ID, int(k.Kind), k.Name, k.Route, k.Number); err != nil {
			return false, wrap("change workflow "+string(c.ID), err)
		}
	}
	for _, r := range c.Put {
		doc, err := t.document(c.Root, r.Doc)
		if err != nil {
			return false, err
		}
		if _, err := t.write(`INSERT OR REPLACE INTO workflow_rows (workflow, kind, name, route, number, doc) VALUES (?,?,?,?,?,?)`,
			c.ID, int(r.Kind), r.Name, r.Route, r.Number, doc); err != nil {
			return false, wrap("change workflow "+string(c.ID), err)
		}
	}
	for _, number := range c.Consumed {
		if _, err := t.write(`DELETE FROM workflow_events WHERE n = ?`, number); err != nil {
			return false, wrap("change workflow "+string(c.ID), err)
		}
	}
	return true, nil
}

// Workflow implements store.Workflows.
func (t *tx) Workflow(ctx context.Context, id squall.ID) (*store.Workflow, error) {
	var w *store.Workflow
	_, err := t.one(ctx, `SELECT id, root, revision, state FROM workflows WHERE id = ?`, []any{id}, func(r *row) error {
		w = &store.Workflow{ID: r.id(), Root: r.id(), Revision: r.int64(), State: r.bytes()}
		return r.err
	})
	if err == nil && w == nil {
		return nil, squall.Errorf(squall.NotFound, "workflow %q has not begun", id)
	}
	if err == nil {
		w.State, err = t.fetch(ctx, w.Root, w.State)
	}
	return w, wrap("read workflow "+string(id), err)
}

// WorkflowRows implements store.Workflows.
func (t *tx) WorkflowRows(ctx context.Context, id squall.ID, kinds ...store.WorkflowRowKind) ([]store.WorkflowRow, error) {
	query, args := `SELECT kind, name, route, number, doc FROM workflow_rows WHERE workflow = ?`, []any{id}
	if len(kinds) > 0 {
		query += ` AND kind IN (` + marks(len(kinds)) + `)`
		for _, k := range kinds {
			args = append(args, int(k))
		}
	}
	var list []store.WorkflowRow
	err := t.each(ctx, query+` ORDER BY kind, name, route, number`, args, func(r *row) error {
		list = append(list, store.WorkflowRow{
			WorkflowKey: store.WorkflowKey{Kind: store.WorkflowRowKind(r.int()), Name: r.text(), Route: r.int(), Number: r.int64()},
			Doc:         r.bytes(),
		})
		return r.err
	})
	if err != nil {
		return nil, wrap("read rows of workflow "+string(id), err)
	}
	root := squall.ID("")
	for i := range list {
		if _, isRef := driver.Ref(list[i].Doc); isRef && root == "" {
			if _, err := t.one(ctx, `SELECT root FROM workflows WHERE id = ?`, []any{id}, func(r *row) error {
				root = r.id()
				return nil
			}); err != nil {
				return nil, wrap("read rows of workflow "+string(id), err)
			}
		}
		if list[i].Doc, err = t.fetch(ctx, root, list[i].Doc); err != nil {
			return nil, wrap("read rows of workflow "+string(id), err)
		}
	}
	return list, nil
}

// AppendWorkflowEvent implements store.Workflows.
func (t *tx) AppendWorkflowEvent(_ context.Context, ev store.WorkflowEvent) error {
	if err := driver.CheckWorkflowEvent(ev); err != nil {
		return err
	}
	var child any
	if ev.Child != "" {
		child = ev.Child
	}
	_, err := t.write(`INSERT INTO workflow_events (workflow, due, kind, child, status, task, route, item, doc) VALUES (?,?,?,?,?,?,?,?,?)`,
		ev.Workflow, ev.Due, string(ev.Kind), child, ev.Status, ev.Task.Task, ev.Task.Route, ev.Task.Item, ev.Doc)
	return wrap("tell workflow "+string(ev.Workflow), err)
}

// TellParent implements store.Workflows.
func (t *tx) TellParent(_ context.Context, child squall.ID, s squall.Status) (parent squall.ID, err error) {
	err = t.writeEach(`
		INSERT INTO workflow_events (workflow, due, kind, child, status, task, route, item)
		SELECT parent, 0, 'child', id, ?, task, task_route, task_item FROM executions
		WHERE id = ? AND child = 1 AND status = ? AND updated_at = ?
		RETURNING workflow`, []any{s, child, s, t.now}, func(r *row) error {
		parent = r.id()
		return nil
	})
	return parent, wrap(fmt.Sprintf("tell the parent of execution %s", child), err)
}

// WorkflowEvents implements store.Workflows.
func (t *tx) WorkflowEvents(ctx context.Context, id squall.ID, limit int) ([]store.WorkflowEvent, error) {
	var list []store.WorkflowEvent
	err := t.each(ctx, `
		SELECT n, due, kind, child, status, task, route, item, doc FROM workflow_events
		WHERE workflow = ? AND due <= ? ORDER BY n LIMIT ?`, []any{id, t.now, driver.Limit(limit)}, func(r *row) error {
		list = append(list, store.WorkflowEvent{
			Workflow: id, Number: r.int64(), Due: r.time(), Kind: store.WorkflowEventKind(r.text()),
			Child: r.id(), Status: squall.Status(r.text()),
			Task: squall.TaskRef{Execution: id, Task: r.text(), Route: r.int(), Item: r.int()}, Doc: r.bytes(),
		})
		return r.err
	})
	return list, wrap("read events of workflow "+string(id), err)
}

// DueWorkflows implements store.Workflows.
func (t *tx) DueWorkflows(ctx context.Context, limit int) (ids []squall.ID, next time.Time, err error) {
	err = t.each(ctx, `SELECT DISTINCT workflow FROM workflow_events WHERE due <= ? LIMIT ?`, []any{t.now, driver.Limit(limit)}, func(r *row) error {
		ids = append(ids, r.id())
		return r.err
	})
	if err == nil {
		_, err = t.one(ctx, `SELECT due FROM workflow_events WHERE due > ? ORDER BY due LIMIT 1`, []any{t.now}, func(r *row) error {
			next = r.time()
			return nil
		})
	}
	return ids, next, wrap("list due workflows", err)
}
