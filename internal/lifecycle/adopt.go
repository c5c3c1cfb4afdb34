package lifecycle

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
)

// Adopt takes over, under the node's new epoch, an execution of an earlier one
// whose run goes on: the attempt stays the same, nothing is started. It returns
// the execution as it is then; ok is false when it is not the node's any more
// (it was rescued, or has ended), and the run must be ended. Error kind: Conflict
// when owner's lease is over.
func (s *Service) Adopt(ctx context.Context, owner store.Owner, ex *squall.Execution) (adopted *squall.Execution, ok bool, err error) {
	err = s.st.Update(ctx, func(tx store.Tx) error {
		adopted, ok = nil, false
		if err := mustHold(ctx, tx, owner); err != nil {
			return err
		}
		now := ex.Status
		for range 2 {
			ok, err := tx.MoveExecution(ctx, store.Move{
				ID: ex.ID, From: []squall.Status{now}, Node: ex.Node, Epoch: ex.Epoch, To: now, Assign: &owner,
			})
			if err != nil || ok {
				return err
			}
			// It may have been asked to stop in between.
			current, err := tx.Execution(ctx, ex.ID, 0)
			if err != nil || current.Node != ex.Node || current.Epoch != ex.Epoch || current.Status == now {
				return err
			}
			now = current.Status
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("adopt execution %s: %w", ex.ID, err)
	}
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		adopted, err = tx.Execution(ctx, ex.ID, store.WithParameters)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("adopt execution %s: %w", ex.ID, err)
	}
	return adopted, adopted.Node == owner.Node && adopted.Epoch == owner.Epoch && !adopted.Status.Final(), nil
}

// Lost ends an execution of an earlier epoch of a node whose run is not there any
// more, as Rescue would have done if the node did not keep its runs.
func (s *Service) Lost(ctx context.Context, ex *squall.Execution) error {
	_, err := s.rescue(ctx, ex, false)
	if err != nil {
		return fmt.Errorf("end the lost execution %s: %w", ex.ID, err)
	}
	return nil
}
