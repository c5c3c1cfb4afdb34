package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// Messages are ordered by the number of the transaction that wrote them, then by
// id, and are shown only when every transaction with a smaller number has ended
// (below pg_snapshot_xmin): what is committed later has a larger number. So a
// reader may go on behind the last message it got. The price is that a long
// transaction that writes, also one of another application in the same server,
// holds messages back as long as it runs.

// AppendOutbox implements store.Outbox.
func (t *tx) AppendOutbox(_ context.Context, m store.Message) error {
	if m.At.IsZero() {
		m.At = t.now
	}
	return driver.Wrap("append to outbox", t.Send(`INSERT INTO outbox (kind, execution, status, seq, at, body) VALUES ($1,$2,$3,$4,$5,$6)`,
		string(m.Kind), m.Execution, m.Status, m.Seq, m.At, m.Body))
}

// ReadOutbox implements store.Outbox.
func (t *tx) ReadOutbox(ctx context.Context, after store.Cursor, limit int) ([]store.Message, error) {
	xid, id, err := position(after)
	if err != nil {
		return nil, err
	}
	var list []store.Message
	err = t.Each(ctx, `
		SELECT xid::text, id, kind, execution, status, seq, at, body FROM outbox
		WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY outbox.xid, id LIMIT $3`, []any{xid, id, driver.Limit(limit)}, func(r portable.Row) error {
		list = append(list, store.Message{
			Cursor: cursor(r.Text(), r.Int64()), Kind: store.MessageKind(r.Text()), Execution: r.ID(),
			Status: squall.Status(r.Text()), Seq: r.Int64(), At: r.Time(), Body: r.Bytes(),
		})
		return nil
	})
	return list, driver.Wrap("read outbox", err)
}

// OutboxEnd implements store.Outbox.
func (t *tx) OutboxEnd(ctx context.Context) (end store.Cursor, err error) {
	_, err = t.One(ctx, `
		SELECT xid::text, id FROM outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY outbox.xid DESC, id DESC LIMIT 1`, nil, func(r portable.Row) error {
		end = cursor(r.Text(), r.Int64())
		return nil
	})
	return end, driver.Wrap("read end of outbox", err)
}

// TrimOutbox implements store.Outbox.
func (t *tx) TrimOutbox(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`
		DELETE FROM outbox WHERE (xid, id) IN (SELECT xid, id FROM outbox WHERE at < $1 ORDER BY xid, id LIMIT $2)`, before, driver.Limit(limit))
	return n, driver.Wrap("trim outbox", err)
}

func cursor(xid string, id int64) store.Cursor { return store.Cursor(fmt.Sprintf("%s.%d", xid, id)) }

func position(c store.Cursor) (xid string, id int64, err error) {
	if c == "" {
		return "0", 0, nil
	}
	xid, rest, ok := strings.Cut(string(c), ".")
	_, err = strconv.ParseUint(xid, 10, 64)
	if ok && err == nil {
		id, err = strconv.ParseInt(rest, 10, 64)
	}
	if !ok || err != nil {
		return "", 0, squall.Errorf(squall.Invalid, "%q is not a place in the stream of events", c)
	}
	return xid, id, nil
}
