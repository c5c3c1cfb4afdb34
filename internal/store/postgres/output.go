package postgres

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// AppendOutput implements store.Executions.
func (t *tx) AppendOutput(ctx context.Context, o store.OutputBatch) (bool, error) {
	if t.job == nil {
		return false, portable.ErrReadOnly
	}
	owned, err := t.Number(ctx, `
		SELECT count(*) FROM (SELECT 1 FROM executions
		WHERE id = $1 AND node = $2 AND epoch = $3 AND status NOT IN `+portable.FinalStates+` FOR UPDATE) AS locked`,
		o.Execution, o.Owner.Node, o.Owner.Epoch)
	if err != nil || owned == 0 || o.Owner.Node == "" {
		return false, driver.Wrap("append output", err)
	}
	for _, c := range o.Chunks {
		data, compressed, err := t.job.Body([]byte(c.Data))
		if err != nil {
			return false, err
		}
		if err := driver.CheckText(c.Stream); err != nil {
			return false, err
		}
		if err := t.Send(`
			INSERT INTO output (execution, seq, stream, at, compressed, data) VALUES ($1,$2,$3,$4,$5,$6)
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
	err := t.Each(ctx, `
		SELECT seq, stream, at, compressed, data FROM output WHERE execution = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
		[]any{id, after, driver.Limit(limit)}, func(r portable.Row) error {
			c := squall.Chunk{Seq: r.Int64(), Stream: r.Text(), At: r.Time()}
			compressed := r.Bool()
			data, err := driver.Decompress(r.Bytes(), compressed, 0)
			c.Data = string(data)
			chunks = append(chunks, c)
			return err
		})
	return chunks, driver.Wrap("read output", err)
}
