package sqlite

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// AppendOutput implements store.Executions.
func (t *tx) AppendOutput(ctx context.Context, o store.OutputBatch) (bool, error) {
	if t.job == nil {
		return false, errReadOnly
	}
	owned, err := t.number(ctx, `
		SELECT count(*) FROM executions
		WHERE id = ? AND node = ? AND epoch = ? AND status NOT IN `+finalStates,
		o.Execution, o.Owner.Node, o.Owner.Epoch)
	if err != nil || owned == 0 || o.Owner.Node == "" {
		return false, wrap("append output", err)
	}
	for _, c := range o.Chunks {
		data, compressed, err := t.job.Body([]byte(c.Data))
		if err != nil {
			return false, err
		}
		if err := driver.CheckText(c.Stream); err != nil {
			return false, err
		}
		if _, err := t.write(`
			INSERT INTO output (execution, seq, stream, at, compressed, data) VALUES (?,?,?,?,?,?)
			ON CONFLICT (execution, seq) DO NOTHING`,
			o.Execution, c.Seq, c.Stream, c.At, compressed, data); err != nil {
			return false, fmt.Errorf("append output: %w", err)
		}
	}
	return true, nil
}

// Output implements store.Executions.
func (t *tx) Output(ctx context.Context, id squall.ID, after int64, limit int) ([]squall.Chunk, error) {
	var chunks []squall.Chunk
	err := t.each(ctx, `
		SELECT seq, stream, at, compressed, data FROM output WHERE execution = ? AND seq > ? ORDER BY seq LIMIT ?`,
		[]any{id, after, driver.Limit(limit)}, func(r *row) error {
			c := squall.Chunk{Seq: r.int64(), Stream: r.text(), At: r.time()}
			compressed := r.bool()
			data, err := driver.Decompress(r.bytes(), compressed)
			c.Data = string(data)
			chunks = append(chunks, c)
			return err
		})
	return chunks, wrap("read output", err)
}

// wrap adds what was done to an error, nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
