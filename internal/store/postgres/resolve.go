package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// unknownError says that the connection was lost after the COMMIT was sent: the
// transaction may be stored or not.
type unknownError struct {
	xid string
	err error
}

func (e *unknownError) Error() string { return fmt.Sprintf("commit: %v", e.err) }
func (e *unknownError) Unwrap() error { return e.err }

// errUndecided is the answer when the truth cannot be found out. It is not of
// kind Unavailable, which would promise that nothing was stored.
var errUndecided = errors.New("the connection to PostgreSQL was lost during a commit, and it does not come back: whether the update was stored is not known")

// resolveFor is how long the store tries to find out what became of a commit.
const resolveFor = 2 * time.Minute

// resolve asks the database what became of a transaction and returns the group's
// answer: nil when it was committed, the original fault when it was not.
// PostgreSQL keeps the outcome over its own crash.
func (s *Store) resolve(u *unknownError) error {
	ctx, cancel := context.WithTimeout(s.base, resolveFor)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		status, err := s.transactionStatus(ctx, u.xid)
		switch {
		case err == nil && status == "committed":
			return nil
		case err == nil && status == "aborted":
			return errors.Join(errBroken, u.err)
		case err == nil && status == "":
			return errUndecided // so old that the server has forgotten it
		}
		select {
		case <-time.After(pause): // "in progress", or not reachable
		case <-ctx.Done():
			return errUndecided
		}
	}
}

func (s *Store) transactionStatus(ctx context.Context, xid string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer s.discard(conn)
	var status *string
	if err := conn.QueryRow(ctx, `SELECT pg_xact_status($1::text::xid8)`, xid).Scan(&status); err != nil {
		return "", err
	}
	if status == nil {
		return "", nil
	}
	return *status, nil
}
