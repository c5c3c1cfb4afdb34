package lifecycle

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
)

// Claim takes up to n due executions for owner: those without a queue and
// those of the queues named, oldest first. They come back running, with their
// parameters and context; the caller must run every one of them. Error kind:
// Conflict when owner's lease is over.
func (s *Service) Claim(ctx context.Context, owner store.Owner, n int, queues []string) ([]*squall.Execution, error) {
	return s.claim(ctx, owner, n, queues, false)
}

// ClaimOnly is Claim without the executions that have no queue.
func (s *Service) ClaimOnly(ctx context.Context, owner store.Owner, n int, queues []string) ([]*squall.Execution, error) {
	return s.claim(ctx, owner, n, queues, true)
}

func (s *Service) claim(ctx context.Context, owner store.Owner, n int, queues []string, only bool) ([]*squall.Execution, error) {
	var claimed []*squall.Execution
	err := s.st.Update(ctx, func(tx store.Tx) (err error) {
		claimed = nil
		if err := mustHold(ctx, tx, owner); err != nil {
			return err
		}
		gated, err := s.anyPolicies(ctx, tx)
		if err != nil {
			return err
		}
		if gated {
			if err := s.admitDue(ctx, tx); err != nil {
				return err
			}
		}
		claimed, err = tx.ClaimExecutions(ctx, store.Claim{
			Node: owner.Node, Epoch: owner.Epoch, Limit: n, Queues: queues, Only: only, Exclude: flowRunners, Gated: gated,
		})
		if err != nil {
			return err
		}
		for _, ex := range claimed {
			if err := s.limit(ctx, tx, ex); err != nil {
				return err
			}
			if err := announce(ctx, tx, store.ExecutionUpdated, ex.ID, ex.Status); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim executions: %w", err)
	}
	return claimed, nil
}

// limit writes down when a claimed execution is out of time, so that other
// nodes can see it too. An action that is unknown has no limit: its run fails at once.
func (s *Service) limit(ctx context.Context, tx store.Tx, ex *squall.Execution) error {
	def, err := s.definition(ctx, tx, ex.ActionVersion)
	if squall.KindOf(err) == squall.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	at := deadline(def, ex.Parameters, ex.StartedAt)
	if at.IsZero() {
		return nil
	}
	ok, err := tx.MoveExecution(ctx, store.Move{
		ID: ex.ID, From: []squall.Status{squall.Running}, Node: ex.Node, Epoch: ex.Epoch,
		To: squall.Running, Deadline: &at,
	})
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("execution %s was claimed and is gone in the same transaction", ex.ID)
	}
	ex.Deadline = at
	ex.Version++
	return nil
}
