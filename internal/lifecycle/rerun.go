package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"squall/internal/squall"
	"squall/internal/store"
)

// Rerun requests a new execution of the same action, as it is now, with the
// parameters of execution id, overridden by those in over (st2). User, context,
// delay and queue are taken from over. Error kinds: NotFound, and those of Request.
func (s *Service) Rerun(ctx context.Context, id squall.ID, over squall.Request) (*squall.Execution, error) {
	var old *squall.Execution
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		old, err = tx.Execution(ctx, id, store.WithParameters)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("re-run execution %s: %w", id, err)
	}
	if old.Parameters, err = s.openOld(ctx, old); err != nil {
		return nil, fmt.Errorf("re-run execution %s: %w", id, err)
	}
	r := over
	r.Action, r.RerunOf = old.Action, id
	if r.Parameters, err = mergeParameters(old.Parameters, over.Parameters); err != nil {
		return nil, err
	}
	if r.Context, err = rerunContext(over.Context, old); err != nil {
		return nil, err
	}
	return s.Request(ctx, r)
}

// openOld returns the parameters of an execution that is to be repeated in
// plain text. Without its definition nobody knows which were secret: they stay.
func (s *Service) openOld(ctx context.Context, old *squall.Execution) (json.RawMessage, error) {
	def, err := s.Definition(ctx, old.ActionVersion)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return old.Parameters, nil
	case err != nil:
		return nil, err
	}
	return s.OpenParameters(def, old.Parameters)
}

// rerunContext names the execution that is repeated where st2 does, and keeps
// what the caller says about it beside. The trace of the old one goes on: it is
// named by its first execution, unless the old one's context says another.
func rerunContext(given json.RawMessage, old *squall.Execution) (json.RawMessage, error) {
	doc := map[string]any{}
	if len(given) > 0 {
		if err := json.Unmarshal(given, &doc); err != nil {
			return nil, squall.Errorf(squall.Invalid, "The context must be a JSON object: %w", err)
		}
	}
	rerun := map[string]any{"ref": old.ID}
	if more, ok := doc["re-run"].(map[string]any); ok {
		maps.Copy(rerun, more)
		rerun["ref"] = old.ID
	}
	if doc == nil {
		doc = map[string]any{}
	}
	doc["re-run"] = rerun
	if _, ok := doc["trace_context"]; !ok {
		doc["trace_context"] = traceOf(old)
	}
	return json.Marshal(doc)
}

// traceOf is st2's trace_context of an execution that belongs to old's trace.
func traceOf(old *squall.Execution) json.RawMessage {
	var context struct {
		Trace json.RawMessage `json:"trace_context"`
	}
	if json.Unmarshal(old.Context, &context) == nil && len(context.Trace) > 0 {
		return context.Trace
	}
	return json.RawMessage(`{"id_":"` + string(old.Root) + `"}`) // an identifier has nothing to escape
}
