package lifecycle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// A workflow that knows a secret carries it in its contexts, into the input of its
// tasks and out of their results. So from then on all that it stores is sealed:
// rows, state and result; that of others, which are nearly all, stay documents
// that equal ones share. What it stored before holds no secret.

// secrecy says that a workflow knows a secret: it was given one, an inquiry or
// the action of a task brought one, or its expressions decrypted one. The zero
// value, and nil, are of one that does not.
type secrecy struct{ known bool }

func (k *secrecy) note() {
	if k != nil {
		k.known = true
	}
}

// sealedRow begins a sealed row or state. No document begins like this.
var sealedRow = []byte(auth.SealedPrefix)

// sealStep seals what a step writes where something in it is secret.
func (s *Service) sealStep(ctx context.Context, d *decision) (err error) {
	if !d.flow.secrets.known {
		d.result, err = s.sealResult(ctx, d.ex, d.result)
		return err
	}
	for i, row := range d.change.Put {
		d.change.Put[i].Doc = s.sealRow(row.Doc)
	}
	d.change.State = s.sealRow(d.change.State)
	d.result = s.sealWhole(d.ex.ID, d.result)
	return nil
}

// sealWhole seals a result as a whole.
func (s *Service) sealWhole(id squall.ID, result json.RawMessage) json.RawMessage {
	if len(result) == 0 {
		return result
	}
	return s.ring.SealDocument(auth.ForResult(id), result)
}

func (s *Service) sealRow(doc []byte) []byte {
	if len(doc) == 0 {
		return doc
	}
	return append(bytes.Clone(sealedRow), s.ring.Seal(auth.ForWorkflows, string(doc))...)
}

// openRow is the way back.
func (s *Service) openRow(doc []byte) (opened []byte, found bool, err error) {
	sealed, ok := bytes.CutPrefix(doc, sealedRow)
	if !ok {
		return doc, false, nil
	}
	plain, err := s.ring.Open(auth.ForWorkflows, string(sealed))
	if err != nil {
		return nil, true, fmt.Errorf("open row of workflow: %w", err)
	}
	return []byte(plain), true, nil
}

// openWorkflow opens what was read of a workflow and reports whether any of it
// was sealed: then the workflow knows a secret.
func (s *Service) openWorkflow(w *store.Workflow, rows []store.WorkflowRow) (sealed bool, err error) {
	if w.State, sealed, err = s.openRow(w.State); err != nil {
		return sealed, err
	}
	for i := range rows {
		var found bool
		if rows[i].Doc, found, err = s.openRow(rows[i].Doc); err != nil {
			return sealed, err
		}
		sealed = sealed || found
	}
	return sealed, nil
}

// givenSecrets reports whether a workflow starts with a secret: one that was
// given, which is sealed in its row, or one that is a default.
func givenSecrets(def *Definition, ex *squall.Execution, values ...map[string]any) bool {
	if !def.Form.Secret() {
		return false
	}
	found := auth.HoldsSealed(ex.Parameters)
	for _, v := range values {
		_ = def.Form.MapSecrets(v, func(text string) (string, error) { // fn fails for nothing
			found = true
			return text, nil
		})
	}
	return found
}
