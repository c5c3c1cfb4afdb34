package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

var _ store.Tx = (*tx)(nil)

// tx is one transaction of View, or one job's share of a group.
type tx struct {
	store *Store
	conn  *pgx.Conn
	now   time.Time

	// Of updates only.
	job    *driver.Job // nil in View
	group  *group
	topics driver.Topics
	wrote  bool  // something was sent or queued that changes rows
	fault  error // the first failed statement: the transaction cannot be committed
}

// Now implements store.Tx.
func (t *tx) Now() time.Time { return t.now }

// Wake implements store.Tx.
func (t *tx) Wake(topic store.Topic) { t.topics.Add(topic) }

// errReadOnly is a mistake of the caller, not of the user.
var errReadOnly = errors.New("write in a read-only transaction")

// send writes without waiting for the result: the statement goes with the next
// read or with the commit. If it fails, the group runs again, carefully, and
// then send waits.
func (t *tx) send(sql string, args ...any) error {
	if t.job == nil {
		return errReadOnly
	}
	if t.fault != nil {
		return t.fault
	}
	t.wrote = true
	t.group.batch.Queue(sql, values(args)...)
	if t.group.careful {
		return t.flush()
	}
	return nil
}

func (t *tx) flush() error { return t.note(t.group.flush()) }

// write runs a changing statement and returns how many rows it changed.
func (t *tx) write(sql string, args ...any) (n int, err error) {
	if t.job == nil {
		return 0, errReadOnly
	}
	if t.fault != nil {
		return 0, t.fault
	}
	t.group.batch.Queue(sql, values(args)...).Exec(func(tag pgconn.CommandTag) error {
		n = int(tag.RowsAffected())
		return nil
	})
	err = t.flush()
	if n > 0 {
		t.wrote = true
	}
	return n, err
}

// writeEach is write for statements with RETURNING.
func (t *tx) writeEach(sql string, args []any, fn func(*row) error) error {
	if t.job == nil {
		return errReadOnly
	}
	return t.each(context.Background(), sql, args, func(r *row) error {
		t.wrote = true
		return fn(r)
	})
}

// each runs a query and calls fn for every row; in an update together with what
// is queued, without regard to the caller's context.
func (t *tx) each(ctx context.Context, sql string, args []any, fn func(*row) error) error {
	if t.job == nil {
		ctx, cancel := context.WithTimeout(ctx, t.store.timeout)
		defer cancel()
		rows, err := t.conn.Query(ctx, sql, values(args)...)
		if err != nil {
			return err
		}
		return scanEach(rows, fn)
	}
	if t.fault != nil {
		return t.fault
	}
	var scanErr error
	t.group.batch.Queue(sql, values(args)...).Query(func(rows pgx.Rows) error {
		scanErr = scanEach(rows, fn)
		return nil
	})
	if err := t.flush(); err != nil {
		return err
	}
	return scanErr
}

func scanEach(rows pgx.Rows, fn func(*row) error) error {
	defer rows.Close()
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			return err
		}
		r := &row{values: v}
		if err := fn(r); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
	return rows.Err()
}

func (t *tx) one(ctx context.Context, sql string, args []any, fn func(*row) error) (found bool, err error) {
	err = t.each(ctx, sql, args, func(r *row) error {
		found = true
		return fn(r)
	})
	return found, err
}

func (t *tx) number(ctx context.Context, sql string, args ...any) (n int64, err error) {
	_, err = t.one(ctx, sql, args, func(r *row) error {
		n = r.int64()
		return nil
	})
	return n, err
}

// note keeps the first fault: whatever fn makes of the error, the transaction
// cannot be committed.
func (t *tx) note(err error) error {
	if err != nil && t.fault == nil {
		t.fault = err
	}
	return err
}

// isDatabaseFault reports whether err concerns the whole group: running it again
// in another way does not help.
func isDatabaseFault(err error) bool {
	code := sqlState(err)
	return code == codeReadOnly || len(code) == 5 && (code[:2] == "53" || code[:2] == "58" || code[:2] == "XX")
}

// values converts arguments for pgx, in place.
func values(args []any) []any {
	for i, a := range args {
		switch v := a.(type) {
		case int:
			args[i] = int64(v)
		case time.Time:
			args[i] = driver.Micros(v)
		case squall.ID:
			args[i] = driver.IDBytes(v)
		case squall.Status:
			args[i] = string(v)
		case squall.Ref:
			args[i] = v.String()
		}
	}
	return args
}

// params collects arguments and hands out their placeholders.
type params struct{ args []any }

func (p *params) add(v any) string {
	p.args = append(p.args, v)
	return "$" + strconv.Itoa(len(p.args))
}

// row hands out the columns of a result row in order. The first mismatch stays
// in err.
type row struct {
	values []any
	next   int
	err    error
}

func column[T any](r *row) (v T) {
	if r.next >= len(r.values) {
		if r.err == nil {
			r.err = fmt.Errorf("row of %d columns: want one more", len(r.values))
		}
		return v
	}
	raw := r.values[r.next]
	r.next++
	if raw == nil {
		return v
	}
	v, ok := raw.(T)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("row of %d columns: column %d is %T, want %T", len(r.values), r.next, raw, v)
	}
	return v
}

func (r *row) int64() int64    { return column[int64](r) }
func (r *row) int() int        { return int(r.int64()) }
func (r *row) bool() bool      { return column[bool](r) }
func (r *row) text() string    { return column[string](r) }
func (r *row) time() time.Time { return driver.Time(r.int64()) }
func (r *row) id() squall.ID   { return driver.ID(r.bytes()) }

// bytes returns nil for NULL and for an empty value.
func (r *row) bytes() []byte {
	if b := column[[]byte](r); len(b) > 0 {
		return b
	}
	return nil
}

// wrap adds what was done to an error, nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
