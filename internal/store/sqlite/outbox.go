package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// AppendOutbox implements store.Outbox. Positions are given in the order of
// commits because there is one committer.
func (t *tx) AppendOutbox(_ context.Context, m store.Message) error {
	if t.job == nil {
		return portable.ErrReadOnly
	}
	if m.At.IsZero() {
		m.At = t.now
	}
	id := t.store.numbers.outboxNext
	if _, err := t.Write(`INSERT INTO outbox (id, kind, execution, status, seq, at, body) VALUES (?,?,?,?,?,?,?)`,
		id, string(m.Kind), m.Execution, m.Status, m.Seq, m.At, m.Body); err != nil {
		return fmt.Errorf("append to outbox: %w", err)
	}
	t.store.numbers.outboxNext = id + 1
	return nil
}

// ReadOutbox implements store.Outbox.
func (t *tx) ReadOutbox(ctx context.Context, after store.Cursor, limit int) ([]store.Message, error) {
	id, err := position(after)
	if err != nil {
		return nil, err
	}
	var list []store.Message
	err = t.Each(ctx, `
		SELECT id, kind, execution, status, seq, at, body FROM outbox WHERE id > ? ORDER BY id LIMIT ?`,
		[]any{id, driver.Limit(limit)}, func(r portable.Row) error {
			list = append(list, store.Message{
				Cursor: cursor(r.Int64()), Kind: store.MessageKind(r.Text()), Execution: r.ID(),
				Status: squall.Status(r.Text()), Seq: r.Int64(), At: r.Time(), Body: r.Bytes(),
			})
			return nil
		})
	return list, driver.Wrap("read outbox", err)
}

// OutboxEnd implements store.Outbox. It is the position before the next
// message, also when the newest message was trimmed.
func (t *tx) OutboxEnd(ctx context.Context) (store.Cursor, error) {
	last, err := t.Number(ctx, `
		SELECT max((SELECT value FROM meta WHERE key = 'outbox_next') - 1, coalesce((SELECT max(id) FROM outbox), 0))`)
	if err != nil || last == 0 {
		return "", driver.Wrap("read end of outbox", err)
	}
	return cursor(last), nil
}

// TrimOutbox implements store.Outbox.
func (t *tx) TrimOutbox(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`
		DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE at < ? ORDER BY id LIMIT ?)`, before, driver.Limit(limit))
	if err == nil && n > 0 { // remember the position: the newest row may be gone
		_, err = t.Write(`UPDATE meta SET value = ? WHERE key = 'outbox_next'`, t.store.numbers.outboxNext)
	}
	return n, driver.Wrap("trim outbox", err)
}

func cursor(id int64) store.Cursor { return store.Cursor(strconv.FormatInt(id, 10)) }

func position(c store.Cursor) (int64, error) {
	if c == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(string(c), 10, 64)
	if err != nil {
		return 0, squall.Errorf(squall.Invalid, "%q is not a place in the stream of events", c)
	}
	return id, nil
}
