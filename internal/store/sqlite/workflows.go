package sqlite

import (
	"context"

	"squall/internal/store"
	"squall/internal/store/driver"
)

// ChangeWorkflow implements store.Workflows.
func (t *tx) ChangeWorkflow(_ context.Context, c store.WorkflowChange) (bool, error) {
	if err := driver.CheckWorkflow(c); err != nil {
		return false, err
	}
	state, err := t.PrepareDocument(c.State)
	if err != nil {
		return false, err
	}
	var n int
	if c.Base == 0 {
		n, err = t.Write(`INSERT INTO workflows (id, root, revision, state) VALUES (?,?,1,?) ON CONFLICT (id) DO NOTHING`, c.ID, c.Root, state.Column)
	} else {
		n, err = t.Write(`UPDATE workflows SET revision = revision + 1, state = ? WHERE id = ? AND revision = ?`, state.Column, c.ID, c.Base)
	}
	if err != nil || n == 0 {
		return false, driver.Wrap("change workflow "+string(c.ID), err)
	}
	if state.Value != nil {
		if err := t.StoreValue(c.Root, state.Value); err != nil {
			return false, err
		}
	}
	for _, k := range c.Remove {
		if _, err := t.Write(`DELETE FROM workflow_rows WHERE workflow = ? AND kind = ? AND name = ? AND route = ? AND number = ?`,
			c.ID, int(k.Kind), k.Name, k.Route, k.Number); err != nil {
			return false, driver.Wrap("change workflow "+string(c.ID), err)
		}
	}
	for _, r := range c.Put {
		doc, err := t.StoreDocument(c.Root, r.Doc)
		if err != nil {
			return false, err
		}
		if _, err := t.Write(`INSERT OR REPLACE INTO workflow_rows (workflow, kind, name, route, number, doc) VALUES (?,?,?,?,?,?)`,
			c.ID, int(r.Kind), r.Name, r.Route, r.Number, doc); err != nil {
			return false, driver.Wrap("change workflow "+string(c.ID), err)
		}
	}
	for _, number := range c.Consumed {
		if _, err := t.Write(`DELETE FROM workflow_events WHERE n = ?`, number); err != nil {
			return false, driver.Wrap("change workflow "+string(c.ID), err)
		}
	}
	return true, nil
}
