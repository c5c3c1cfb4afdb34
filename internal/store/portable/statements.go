package portable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// Conn is a transaction as the statements see it.
type Conn interface {
	// Now is the time of the transaction.
	Now() time.Time
	// Job is the update this transaction belongs to; nil in a view.
	Job() *driver.Job
	// Each runs a query and calls fn for every row, which is valid until fn returns.
	Each(ctx context.Context, query string, args []any, fn func(Row) error) error
	// WriteEach is Each for statements that change rows and return them.
	WriteEach(query string, args []any, fn func(Row) error) error
	// Write runs a changing statement and returns how many rows it changed.
	Write(query string, args ...any) (int, error)
	// Send is Write when nobody asks how many: it need not wait for the answer.
	Send(query string, args ...any) error
	// ContentChanged gives the content its next version and wakes who keeps some of kind.
	ContentChanged(kind store.ContentKind) error
	// ForgetVersions drops what is remembered of the actions' current versions.
	ForgetVersions()
}

// Row hands out the columns of a result row in order. The first mismatch stays
// in Err. NULL is the zero value.
type Row interface {
	Int64() int64
	Int() int
	Bool() bool
	Text() string
	Time() time.Time
	ID() squall.ID
	Bytes() []byte
	Err() error
}

// Dialect is where the texts of the two databases differ.
type Dialect struct {
	// Position is the function that finds a text in a text.
	Position string
	// Holds is the condition that the column %s holds some bytes, a parameter.
	Holds string

	executionColumns string
}

// NewDialect returns a dialect. The column with the name of an execution's user
// is called user: that is a reserved word of PostgreSQL's.
func NewDialect(user, position, holds string) *Dialect {
	return &Dialect{Position: position, Holds: holds, executionColumns: fmt.Sprintf(executionColumns, user)}
}

// Statements is the part of store.Tx that does not depend on the database.
type Statements struct {
	Conn
	*Dialect
}

// ErrReadOnly is a mistake of the caller, not of the user.
var ErrReadOnly = errors.New("write in a read-only transaction")

// One runs a query that returns at most one row and reports whether it did.
func (t Statements) One(ctx context.Context, query string, args []any, fn func(Row) error) (found bool, err error) {
	err = t.Each(ctx, query, args, func(r Row) error {
		found = true
		return fn(r)
	})
	return found, err
}

// Number runs a query for one integer; 0 when there is no row.
func (t Statements) Number(ctx context.Context, query string, args ...any) (n int64, err error) {
	_, err = t.One(ctx, query, args, func(r Row) error {
		n = r.Int64()
		return nil
	})
	return n, err
}

// first returns the only one of list, or says that the noun does not exist.
func first[T any](list []*T, err error, noun, name string) (*T, error) {
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", noun, name, err)
	}
	if len(list) == 0 {
		return nil, squall.Errorf(squall.NotFound, "%s %q does not exist", noun, name)
	}
	return list[0], nil
}
