package lifecycle

import (
	"context"
	"encoding/json"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// finishDirect ends the run of a workflow's child and takes the workflow's next
// step in one transaction, when that is at hand: its conductor is in memory and
// nobody works on it. A chain of tasks so needs one commit per task. done is
// false when nothing was written and the end has to go through the in-box,
// which is also the way when anything at all is unusual.
//
// The move of the child is the guard of both: whoever comes second writes
// nothing. The workflow's revision is the guard of the step.
func (s *Service) finishDirect(ctx context.Context, owner store.Owner, ex *squall.Execution, out squall.Outcome, stored json.RawMessage, tail []squall.Chunk) (done bool) {
	st, err := finishStep(squall.Running, out)
	if err != nil || !st.to.Final() || ex.Parent == nil || s.flow.Exprs == nil {
		return false
	}
	id := ex.Parent.Execution
	if !s.flows.beginIdle(id) {
		return false // the in-box gathers what comes while it is busy
	}
	told, done := s.stepWith(ctx, id, owner, ex, st, stored, tail)
	if !s.flows.end(id, false) {
		s.flows.end(id, true)
		told = append(told, id)
	}
	s.advanceAll(ctx, told)
	return done
}

// stepWith takes the step; the caller is the one who advances id. stored is the
// result as it is written, st has it as the workflow sees it.
func (s *Service) stepWith(ctx context.Context, id squall.ID, owner store.Owner, ex *squall.Execution, st step, stored json.RawMessage, tail []squall.Chunk) (told []squall.ID, done bool) {
	fl := s.flows.take(id)
	switch {
	case fl == nil:
		return nil, false
	case fl.ex == nil || fl.ex.Status != squall.Running:
		s.flows.keep(fl)
		return nil, false
	}
	now := time.Now().UTC()
	ended := *ex
	ended.Status, ended.Result, ended.EndedAt, ended.UpdatedAt = st.to, st.result, now, now
	fl.tasks.ending = &ended
	defer func() { fl.tasks.ending = nil }()
	d, err := s.decide(ctx, &inbox{
		ex: fl.ex, stored: &store.Workflow{ID: id, Root: fl.ex.Root, Revision: fl.revision}, now: now,
		events:  []store.WorkflowEvent{{Workflow: id, Kind: store.WorkflowChild, Child: ex.ID, Status: st.to, Task: *ex.Parent}},
		results: map[squall.ID]*squall.Execution{ex.ID: &ended}, secret: auth.HoldsSealed(stored),
	}, fl)
	if err != nil {
		return nil, false
	}
	st.result = stored
	alone := *ex
	alone.Parent = nil // it is told here
	told, err = s.writeStep(ctx, d, func(tx store.Tx) error {
		if err := mustHold(ctx, tx, owner); err != nil {
			return err
		}
		if _, err := appendOutput(ctx, tx, owner, ex.ID, tail); err != nil {
			return err
		}
		ok, _, err := s.conclude(ctx, tx, &alone, squall.Running, owner, st)
		if err == nil && !ok {
			err = errSuperseded
		}
		return err
	})
	if err != nil {
		return nil, false // the conductor in memory is ahead of the rows: it is dropped
	}
	s.keepFlow(d)
	return told, true
}
