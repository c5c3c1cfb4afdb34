package lifecycle

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
)

// Cancel asks an execution to stop. One that waits is canceled at once; one
// that runs is canceling until its node has ended it. It returns the execution
// as it then is, with parameters, result and log. Error kinds: NotFound, and
// Conflict with st2's text when it cannot be canceled (it has ended, or waits
// for an answer). To cancel what is canceled already is no error.
func (s *Service) Cancel(ctx context.Context, id squall.ID, by string) (*squall.Execution, error) {
	for range 3 {
		ex, told, done, err := s.tryCancel(ctx, id, by)
		if err != nil {
			return nil, fmt.Errorf("cancel execution %s: %w", id, err)
		}
		if done {
			s.advanceAll(ctx, told)
			return ex, nil
		}
	}
	return nil, squall.Errorf(squall.Conflict, "execution %s changes too fast to be canceled; try again", id)
}

// tryCancel is one attempt; done is false when somebody else moved the row
// between reading and writing. told are workflows that have news then.
func (s *Service) tryCancel(ctx context.Context, id squall.ID, by string) (ex *squall.Execution, told []squall.ID, done bool, err error) {
	err = s.st.Update(ctx, func(tx store.Tx) error {
		told = nil
		ex, err := tx.Execution(ctx, id, 0)
		if err != nil {
			return err
		}
		st, changed, err := cancelFlow(ex, by)
		if err != nil || !changed {
			done = true
			return err
		}
		told, done, err = s.signal(ctx, tx, ex, st, squall.Canceled, by)
		return err
	})
	if err != nil || !done {
		return nil, nil, false, err
	}
	err = s.st.View(ctx, func(tx store.Tx) error {
		ex, err = tx.Execution(ctx, id, store.WithAll)
		return err
	})
	return ex, told, err == nil, err
}
