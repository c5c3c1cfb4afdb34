package lifecycle

import (
	"context"
	"fmt"

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
		ok, err = tx.AppendOutput(ctx, store.OutputBatch{Execution: id, Owner: owner, Chunks: chunks})
		if err != nil || !ok {
			return err
		}
		tx.Wake(store.TopicOutbox)
		return tx.AppendOutbox(ctx, store.Message{
			Kind: store.ExecutionOutput, Execution: id, Status: squall.Running,
			Seq: chunks[len(chunks)-1].Seq, At: tx.Now(),
		})
	})
	if err != nil {
		return false, fmt.Errorf("append output of execution %s: %w", id, err)
	}
	return ok, nil
}
