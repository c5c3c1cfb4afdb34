package driver

import (
	"squall/internal/squall"
	"squall/internal/store"
)

// CheckWorkflow refuses a step that cannot be stored.
func CheckWorkflow(c store.WorkflowChange) error {
	for _, id := range []squall.ID{c.ID, c.Root} {
		if !id.Valid() {
			return squall.Errorf(squall.Invalid, "%q is not an identifier of a workflow", id)
		}
	}
	for _, r := range c.Put {
		if err := CheckText(r.Name); err != nil {
			return err
		}
	}
	return nil
}

// CheckWorkflowEvent refuses an event that cannot be stored.
func CheckWorkflowEvent(ev store.WorkflowEvent) error {
	if !ev.Workflow.Valid() {
		return squall.Errorf(squall.Invalid, "%q is not an identifier of a workflow", ev.Workflow)
	}
	return CheckText(string(ev.Kind), ev.Task.Task)
}
