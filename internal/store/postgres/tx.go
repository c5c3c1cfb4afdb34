package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

var _ store.Tx = (*tx)(nil)

// tx is one transaction of View, or one job's share of a group.
type tx struct {
	portable.Statements // on the transaction itself

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

// dialect is what the shared statements have to know about PostgreSQL.
var dialect = portable.NewDialect("username", "strpos", "position(CAST(? AS bytea) IN %s) > 0")

// Now implements store.Tx.
func (t *tx) Now() time.Time { return t.now }

// Wake implements store.Tx.
func (t *tx) Wake(topic store.Topic) { t.topics.Add(topic) }

// Job implements portable.Conn.
func (t *tx) Job() *driver.Job { return t.job }

// Send implements portable.Conn: the statement goes with the next read or with
// the commit. If it fails, the group runs again, carefully, and then Send waits.
func (t *tx) Send(query string, args ...any) error {
	if t.job == nil {
		return portable.ErrReadOnly
	}
	if t.fault != nil {
		return t.fault
	}
	t.wrote = true
	t.group.batch.Queue(driver.Numbered(query), values(args)...)
	if t.group.careful {
		return t.flush()
	}
	return nil
}

func (t *tx) flush() error { return t.note(t.group.flush()) }

// Write implements portable.Conn.
func (t *tx) Write(query string, args ...any) (n int, err error) {
	if t.job == nil {
		return 0, portable.ErrReadOnly
	}
	if t.fault != nil {
		return 0, t.fault
	}
	t.group.batch.Queue(driver.Numbered(query), values(args)...).Exec(func(tag pgconn.CommandTag) error {
		n = int(tag.RowsAffected())
		return nil
	})
	err = t.flush()
	if n > 0 {
		t.wrote = true
	}
	return n, err
}

// WriteEach implements portable.Conn.
func (t *tx) WriteEach(query string, args []any, fn func(portable.Row) error) error {
	if t.job == nil {
		return portable.ErrReadOnly
	}
	return t.Each(context.Background(), query, args, func(r portable.Row) error {
		t.wrote = true
		return fn(r)
	})
}

// Each implements portable.Conn; in an update together with what is queued,
// without regard to the caller's context.
func (t *tx) Each(ctx context.Context, query string, args []any, fn func(portable.Row) error) error {
	query = driver.Numbered(query)
	if t.job == nil {
		ctx, cancel := context.WithTimeout(ctx, t.store.timeout)
		defer cancel()
		rows, err := t.conn.Query(ctx, query, values(args)...)
		if err != nil {
			return err
		}
		return scanEach(rows, fn)
	}
	if t.fault != nil {
		return t.fault
	}
	var scanErr error
	t.group.batch.Queue(query, values(args)...).Query(func(rows pgx.Rows) error {
		scanErr = scanEach(rows, fn)
		return nil
	})
	if err := t.flush(); err != nil {
		return err
	}
	return scanErr
}

func scanEach(rows pgx.Rows, fn func(portable.Row) error) error {
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

func (r *row) Err() error      { return r.err }
func (r *row) Int64() int64    { return column[int64](r) }
func (r *row) Int() int        { return int(r.Int64()) }
func (r *row) Bool() bool      { return column[bool](r) }
func (r *row) Text() string    { return column[string](r) }
func (r *row) Time() time.Time { return driver.Time(r.Int64()) }
func (r *row) ID() squall.ID   { return driver.ID(r.Bytes()) }

// bytes returns nil for NULL and for an empty value.
func (r *row) Bytes() []byte {
	if b := column[[]byte](r); len(b) > 0 {
		return b
	}
	return nil
}
