package lifecycle

import (
	"context"
	"fmt"
	"strconv"

	"squall/internal/squall"
	"squall/internal/store"
)

// AppendOutput stores what a run printed. It returns false, and stores nothing,
// when the execution is not in owner's hands any more. Chunks that are stored
// already are passed over, so it may be called again after an error.
func (s *Service) AppendOutput(ctx context.Context, owner store.Owner, id squall.ID, chunks []squall.Chunk) (bool, error) {
	if len(chunks) == 0 {
		return true, nil
	}
	var ok bool
	err := s.st.Update(ctx, func(tx store.Tx) (err error) {
		if ok, err = tx.HoldsLease(ctx, owner); err != nil || !ok {
			return err
		}
		ok, err = appendOutput(ctx, tx, owner, id, chunks)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("append output of execution %s: %w", id, err)
	}
	return ok, nil
}

func appendOutput(ctx context.Context, tx store.Tx, owner store.Owner, id squall.ID, chunks []squall.Chunk) (bool, error) {
	if len(chunks) == 0 {
		return true, nil
	}
	ok, err := tx.AppendOutput(ctx, store.OutputBatch{Execution: id, Owner: owner, Chunks: chunks})
	if err != nil || !ok {
		return false, err
	}
	tx.Wake(store.TopicOutbox)
	return true, tx.AppendOutbox(ctx, store.Message{
		Kind: store.ExecutionOutput, Execution: id, Status: squall.Running,
		Seq: chunks[len(chunks)-1].Seq, At: tx.Now(),
		Body: strconv.AppendInt(nil, chunks[0].Seq, 10),
	})
}
