package portable

import (
	"squall/internal/squall"
	"squall/internal/store/driver"
)

// DeleteTree removes an execution with all its descendants and what belongs to
// them.
func (t Statements) DeleteTree(root squall.ID) error {
	for _, query := range []string{
		`DELETE FROM output WHERE execution = ?`,
		`DELETE FROM output WHERE execution IN (SELECT id FROM executions WHERE root = ? AND child = TRUE)`,
		`DELETE FROM workflow_rows WHERE workflow IN (SELECT id FROM workflows WHERE root = ?)`,
		`DELETE FROM workflow_events WHERE workflow = ?`,
		`DELETE FROM workflow_events WHERE workflow IN (SELECT id FROM executions WHERE root = ? AND child = TRUE)`,
		`DELETE FROM workflows WHERE root = ?`,
		`DELETE FROM docs WHERE root = ?`,
		`DELETE FROM executions WHERE root = ? AND child = TRUE`,
		`DELETE FROM executions WHERE id = ?`,
	} {
		if err := t.Send(query, root); err != nil {
			return driver.Wrap("delete execution "+string(root), err)
		}
	}
	return nil
}
