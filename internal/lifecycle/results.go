package lifecycle

import (
	"context"
	"encoding/json"

	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
)

// What is secret in a result is sealed where the result is stored: what the
// output schema of the action says, or the schema of an inquiry; and all of it,
// of a workflow that knows a secret. It is sealed for the one execution.

// sealResult returns the result of a run as it is stored. Of an action that
// nobody knows nothing is secret.
func (s *Service) sealResult(ctx context.Context, ex *squall.Execution, result json.RawMessage) (json.RawMessage, error) {
	if len(result) == 0 {
		return result, nil
	}
	def, err := s.Definition(ctx, ex.ActionVersion)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return result, nil
	case err != nil:
		return nil, err
	case !def.Form.SecretResult():
		return result, nil
	}
	return def.Form.SealResult(result, s.sealFor(ex.ID)), nil
}

func (s *Service) sealFor(id squall.ID) func(plain string) string {
	return func(plain string) string { return s.ring.Seal(auth.ForResult(id), plain) }
}

// OpenResult returns the result of an execution in plain text: for workflows, and
// to be masked or shown. What cannot be opened stays as it is stored.
func (s *Service) OpenResult(ex *squall.Execution) json.RawMessage {
	opened, _ := s.ring.OpenDocument(auth.ForResult(ex.ID), ex.Result)
	return opened
}

// maskResult hides what is secret in an opened result.
func maskResult(def *Definition, ex *squall.Execution, opened json.RawMessage) json.RawMessage {
	masked := def.Form.MaskResult(opened)
	if ex.Runner == InquiryRunner {
		masked = param.MaskAnswer(masked)
	}
	return masked
}
