package lifecycle

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
)

// Finish records how a run ended, with the last of its output. The row must
// still be in owner's hands: otherwise nothing is written and the error is of
// kind Conflict. Calling it again after an error of kind Unavailable is safe.
func (s *Service) Finish(ctx context.Context, owner store.Owner, ex *squall.Execution, out squall.Outcome, tail ...squall.Chunk) error {
	stored, err := s.sealResult(ctx, ex, out.Result)
	if err != nil {
		return fmt.Errorf("finish execution %s: %w", ex.ID, err)
	}
	if s.finishDirect(ctx, owner, ex, out, stored, tail) {
		return nil
	}
	written := squall.Outcome{Status: out.Status, Result: stored, Reason: out.Reason}
	id := ex.ID
	var told []squall.ID
	err = s.st.Update(ctx, func(tx store.Tx) error {
		told = nil
		if err := mustHold(ctx, tx, owner); err != nil {
			return err
		}
		if _, err := appendOutput(ctx, tx, owner, id, tail); err != nil {
			return err
		}
		// Nearly always the run was not disturbed: decide for that first and
		// let the guard say whether it is true.
		now := squall.Running
		for range 2 {
			st, err := finishStep(now, written)
			if err != nil {
				return err
			}
			ok, parent, err := s.conclude(ctx, tx, ex, now, owner, st)
			told = parent
			if ok || err != nil {
				return err
			}
			row, err := tx.Execution(ctx, id, 0)
			if err != nil {
				return err
			}
			if row.Node != owner.Node || row.Epoch != owner.Epoch {
				break
			}
			now = row.Status
		}
		return squall.Errorf(squall.Conflict, "execution %s is not run by %s any more", id, owner.Node)
	})
	if err != nil {
		return fmt.Errorf("finish execution %s: %w", id, err)
	}
	s.advanceAll(ctx, told)
	return nil
}

// mustHold is the part of every guard that is about the node: without its
// lease it writes nothing. Error kind: Conflict.
func mustHold(ctx context.Context, tx store.Tx, owner store.Owner) error {
	held, err := tx.HoldsLease(ctx, owner)
	if err != nil {
		return err
	}
	if !held {
		return squall.Errorf(squall.Conflict, "node %s does not hold the lease of epoch %d any more", owner.Node, owner.Epoch)
	}
	return nil
}

// conclude is the one way out of a node's hands: into a final state, into
// pending, or back into the queue. Finish, GiveBack and Rescue go through it, so
// whatever has to follow an end follows in all cases.
//
// told are the workflows that have news then; the caller advances them after
// the commit.
func (s *Service) conclude(ctx context.Context, tx store.Tx, ex *squall.Execution, from squall.Status, owner store.Owner, st step) (ok bool, told []squall.ID, err error) {
	now := tx.Now()
	m := store.Move{
		ID: ex.ID, From: []squall.Status{from}, Node: owner.Node, Epoch: owner.Epoch,
		To: st.to, Result: st.result,
		Log: []squall.Change{{Status: st.to, At: now, Node: owner.Node, Reason: st.reason}},
	}
	switch {
	case st.to.Final():
		m.EndedAt = &now
	case st.to == squall.Requested:
		m.NotBefore, m.Release = &now, true
		tx.Wake(store.TopicWork)
	default:
		m.Release = true
	}
	if st.to == squall.Pending {
		m.Deadline = answerBy(st.result, now)
	}
	ok, err = tx.MoveExecution(ctx, m)
	if !ok || err != nil {
		return false, nil, err
	}
	told, err = s.moved(ctx, tx, ex, st.to)
	return true, told, err
}

// GiveBack returns an execution to the queue because its node stops. One that
// was not begun keeps its attempt for the next node; one that was begun (only
// repeatable actions) has used it up, so that no attempt starts twice. An
// execution that was asked to stop meanwhile is canceled instead. The guard is
// that of Finish.
func (s *Service) GiveBack(ctx context.Context, owner store.Owner, ex *squall.Execution, begun bool) error {
	reason := fmt.Sprintf("node %s stops", owner.Node)
	var told []squall.ID
	err := s.st.Update(ctx, func(tx store.Tx) error {
		told = nil
		if err := mustHold(ctx, tx, owner); err != nil {
			return err
		}
		now := tx.Now()
		m := store.Move{
			ID: ex.ID, From: []squall.Status{squall.Running}, Node: owner.Node, Epoch: owner.Epoch,
			To: squall.Requested, NotBefore: &now, Release: true,
			Log: []squall.Change{{Status: squall.Requested, At: now, Node: owner.Node, Reason: reason}},
		}
		if !begun {
			attempt := ex.Attempt - 1
			m.Attempt = &attempt
		}
		ok, err := tx.MoveExecution(ctx, m)
		if err != nil {
			return err
		}
		if ok {
			tx.Wake(store.TopicWork)
			return announce(ctx, tx, store.ExecutionUpdated, ex.ID, squall.Requested)
		}
		ok, told, err = s.conclude(ctx, tx, ex, squall.Canceling, owner, step{to: squall.Canceled, reason: reason})
		if err == nil && !ok {
			err = squall.Errorf(squall.Conflict, "execution %s is not run by %s any more", ex.ID, owner.Node)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("give back execution %s: %w", ex.ID, err)
	}
	s.advanceAll(ctx, told)
	return nil
}
