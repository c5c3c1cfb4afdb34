package lifecycle

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
)

// signalStep decides what a wish does to an execution: Canceled, Paused or
// Resuming. A workflow whose children carry the wish moves when they have.
func signalStep(ex *squall.Execution, wish squall.Status, by string) (step, error) {
	switch wish {
	case squall.Canceled:
		if ex.Status == squall.Pending { // an inquiry below a workflow goes with it
			return step{to: squall.Canceled, result: canceledResult(by), reason: canceledBy(by)}, nil
		}
		st, changed, err := cancelFlow(ex, by)
		if err == nil && !changed {
			err = squall.Errorf(squall.Conflict, "it is %s", ex.Status)
		}
		return st, err
	case squall.Paused:
		if IsFlow(ex.Runner) && ex.Status.CanMoveTo(squall.Pausing) {
			return step{to: squall.Pausing, reason: doneBy("paused", by)}, nil
		}
	case squall.Resuming:
		if IsFlow(ex.Runner) && ex.Status.CanMoveTo(squall.Resuming) {
			return step{to: squall.Resuming, reason: doneBy("resumed", by)}, nil
		}
	default:
	}
	return step{}, squall.Errorf(squall.Conflict, "Execution is %s.", ex.Status)
}

// cancelFlow is cancelStep for anything that may be a chain. st2: one that is
// paused, and no part of another workflow, is canceled at once, and its result
// with it.
func cancelFlow(ex *squall.Execution, by string) (step, bool, error) {
	st, changed, err := cancelStep(ex.Status, by)
	if changed && ex.Runner == ChainRunner && ex.Status == squall.Paused && ex.Parent == nil {
		st.to = squall.Canceled
	}
	return st, changed, err
}

func doneBy(what, user string) string {
	if user == "" {
		return what
	}
	return what + " by " + user
}

// signal moves an execution by a wish; a workflow is told of it. told are the
// workflows that have news then; ok is false when the row was moved meanwhile.
func (s *Service) signal(ctx context.Context, tx store.Tx, ex *squall.Execution, st step, wish squall.Status, by string) (told []squall.ID, ok bool, err error) {
	now := tx.Now()
	m := store.Move{
		ID: ex.ID, From: []squall.Status{ex.Status}, Version: ex.Version,
		To: st.to, Result: st.result, Log: []squall.Change{{Status: st.to, At: now, Reason: st.reason}},
	}
	if st.to.Final() {
		m.EndedAt = &now
	}
	if ok, err = tx.MoveExecution(ctx, m); err != nil || !ok {
		return nil, false, err
	}
	if told, err = s.moved(ctx, tx, ex, st.to); err != nil {
		return nil, false, err
	}
	if !IsFlow(ex.Runner) {
		tx.Wake(store.TopicControl)
		return told, true, nil
	}
	if st.to.Final() && ex.Status != squall.Paused {
		return told, true, nil // it had not begun
	}
	err = tx.AppendWorkflowEvent(ctx, store.WorkflowEvent{Workflow: ex.ID, Kind: store.WorkflowControl, Status: wish, Doc: []byte(by)})
	return append(told, ex.ID), true, err
}

// Pause asks a workflow to start no more tasks: it is pausing until its running
// actions have ended, then paused. It returns the execution as the order left it,
// pausing, which may be over by then (st2). Error kinds: NotFound, and Invalid for
// what is no workflow and for one that cannot be paused now.
func (s *Service) Pause(ctx context.Context, id squall.ID, by string) (*squall.Execution, error) {
	return s.control(ctx, id, squall.Paused, by, "pause")
}

// Resume lets a paused workflow go on, and the workflows in it that were
// paused. It returns the execution, resuming; error kinds as those of Pause.
func (s *Service) Resume(ctx context.Context, id squall.ID, by string) (*squall.Execution, error) {
	return s.control(ctx, id, squall.Resuming, by, "resume")
}

// errNotNow says why a workflow is not paused or resumed in the state it is in (st2).
func errNotNow(ex *squall.Execution, wish squall.Status) error {
	if wish == squall.Paused {
		return squall.Errorf(squall.Invalid, "Failed updating execution. Unable to pause liveaction %q because it is not in a running state.", ex.ID)
	}
	return squall.Errorf(squall.Invalid, "Failed updating execution. Unable to resume liveaction %q because it is in %q state and not in \"paused\" state.", ex.ID, ex.Status)
}

func (s *Service) control(ctx context.Context, id squall.ID, wish squall.Status, by, verb string) (*squall.Execution, error) {
	for range 3 {
		var told []squall.ID
		var ordered *squall.Execution // the moment of the order; nil: the row was moved meanwhile
		err := s.st.Update(ctx, func(tx store.Tx) error {
			told, ordered = nil, nil
			ex, err := tx.Execution(ctx, id, 0)
			if err != nil {
				return err
			}
			if !IsFlow(ex.Runner) {
				return squall.Errorf(squall.Invalid, "Failed updating execution. Unable to %s liveaction %q because it is not supported by the %q runner.", verb, id, ex.Runner)
			}
			if !halted(ex.Status, wish) {
				st, err := signalStep(ex, wish, by)
				if err != nil {
					return errNotNow(ex, wish)
				}
				var ok bool
				if told, ok, err = s.signal(ctx, tx, ex, st, wish, by); err != nil || !ok {
					return err
				}
			}
			ordered, err = tx.Execution(ctx, id, store.WithAll)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s execution %s: %w", verb, id, err)
		}
		if ordered != nil {
			s.advanceAll(ctx, told)
			return ordered, nil
		}
	}
	return nil, squall.Errorf(squall.Conflict, "execution %s changes too fast; try again", id)
}

// halted reports whether a wish is fulfilled, or on the way to be.
func halted(now, wish squall.Status) bool {
	return wish == squall.Paused && (now == squall.Pausing || now == squall.Paused) ||
		wish == squall.Resuming && now == squall.Resuming
}
