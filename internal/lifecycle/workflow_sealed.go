package lifecycle

import (
	"bytes"
	"fmt"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// A workflow that was given secrets carries them in its contexts, into the input
// of its tasks and out of their results. So all of its rows are sealed where they
// are stored; those of others, which are nearly all, stay documents that equal
// ones share.

// forRows seals rows of workflows.
const forRows auth.Purpose = "rows of workflows"

// sealedRow begins a sealed row. No document begins like this.
var sealedRow = []byte("sealed:")

// sealRows seals what a step writes when the workflow was given secrets: then
// its parameters hold something sealed.
func (s *Service) sealRows(ex *squall.Execution, c *store.WorkflowChange) {
	if !bytes.Contains(ex.Parameters, []byte(`"sealed:`)) {
		return
	}
	for i, row := range c.Put {
		if len(row.Doc) > 0 {
			c.Put[i].Doc = append(bytes.Clone(sealedRow), s.ring.Seal(forRows, string(row.Doc))...)
		}
	}
}

// openRows is the way back.
func (s *Service) openRows(rows []store.WorkflowRow) error {
	for i, row := range rows {
		sealed, ok := bytes.CutPrefix(row.Doc, sealedRow)
		if !ok {
			continue
		}
		doc, err := s.ring.Open(forRows, string(sealed))
		if err != nil {
			return fmt.Errorf("open row of workflow: %w", err)
		}
		rows[i].Doc = []byte(doc)
	}
	return nil
}
