package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	sqlite "modernc.org/sqlite"

	"squall/internal/squall"
	codec "squall/internal/store/driver"
	"squall/internal/store/portable"
)

// maxStatements bounds a connection's cache. The number of statement texts is
// small except for lists by many identifiers.
const maxStatements = 200

// conn is a connection with its prepared statements. It is used by one
// goroutine at a time.
type conn struct {
	raw   driver.Conn
	stmts map[string]statement
	args  []driver.NamedValue
}

// statement is what modernc's statements offer.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func openConn(ctx context.Context, dsn string) (*conn, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: map[string]statement{}}, nil
}

func (c *conn) close() error {
	c.forget()
	return c.raw.Close()
}

func (c *conn) forget() {
	for _, s := range c.stmts {
		_ = s.Close() // repeats the error of the last run, if any
	}
	clear(c.stmts)
}

func (c *conn) prepare(query string) (statement, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	raw, err := c.raw.Prepare(query)
	if err != nil {
		return nil, err
	}
	s, ok := raw.(statement)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's statements are %T", raw)
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs one statement and returns how many rows it changed. ctx without a
// Done channel is cheaper: with one, the driver starts a goroutine per call.
func (c *conn) exec(ctx context.Context, query string, args ...any) (int, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(ctx, c.bind(args))
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// each runs a query and calls fn for every row; r is valid until fn returns.
func (c *conn) each(ctx context.Context, query string, args []any, fn func(portable.Row) error) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := &row{values: make([]driver.Value, len(rows.Columns()))}
	for {
		if err := rows.Next(r.values); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r.next = 0
		if err := fn(r); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
}

// one runs a query that returns at most one row and reports whether it did.
func (c *conn) one(ctx context.Context, query string, args []any, fn func(portable.Row) error) (found bool, err error) {
	err = c.each(ctx, query, args, func(r portable.Row) error {
		found = true
		return fn(r)
	})
	return found, err
}

// number runs a query for one integer; 0 when there is no row.
func (c *conn) number(ctx context.Context, query string, args ...any) (n int64, err error) {
	_, err = c.one(ctx, query, args, func(r portable.Row) error {
		n = r.Int64()
		return nil
	})
	return n, err
}

// bind converts args for the driver. The slice is used again by the next call.
func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: value(a)})
	}
	return c.args
}

func value(a any) driver.Value {
	switch v := a.(type) {
	case nil, int64, string, []byte:
		return v
	case int:
		return int64(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case time.Time:
		return codec.Micros(v)
	case squall.ID:
		return codec.IDBytes(v)
	case squall.Status:
		return string(v)
	case squall.Ref:
		return v.String()
	default:
		panic(fmt.Sprintf("sqlite: no column type for %T", a)) // a mistake in this package
	}
}

// row hands out the columns of a result row in order. The first mismatch stays
// in err.
type row struct {
	values []driver.Value
	next   int
	err    error
}

func (r *row) value() driver.Value {
	if r.next >= len(r.values) {
		r.fail("a column more")
		return nil
	}
	v := r.values[r.next]
	r.next++
	return v
}

func (r *row) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("row of %d columns: column %d: want %s", len(r.values), r.next, want)
	}
}

func (r *row) Int64() int64 {
	switch v := r.value().(type) {
	case int64:
		return v
	case nil:
		return 0
	default:
		r.fail("an integer")
		return 0
	}
}

func (r *row) Int() int        { return int(r.Int64()) }
func (r *row) Bool() bool      { return r.Int64() != 0 }
func (r *row) Time() time.Time { return codec.Time(r.Int64()) }

func (r *row) Text() string {
	switch v := r.value().(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		r.fail("a text")
		return ""
	}
}

// bytes returns nil for NULL and for an empty blob.
func (r *row) Bytes() []byte {
	switch v := r.value().(type) {
	case []byte:
		return v
	case nil:
		return nil
	default:
		r.fail("a blob")
		return nil
	}
}

func (r *row) Err() error { return r.err }

func (r *row) ID() squall.ID { return codec.ID(r.Bytes()) }
