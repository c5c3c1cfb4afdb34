package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"squall/internal/squall"
)

// Codes of errors, from PostgreSQL's appendix A.
const (
	codeUniqueViolation  = "23505"
	codeSerialization    = "40001"
	codeDeadlock         = "40P01"
	codeLockNotAvailable = "55P03"
	codeReadOnly         = "25006"
	codeIdleTimeout      = "25P03"
)

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// isCollision reports whether err says that another transaction was in the way
// and the same may succeed when it is run again.
func isCollision(err error) bool {
	switch sqlState(err) {
	case codeSerialization, codeDeadlock, codeLockNotAvailable:
		return true
	}
	return false
}

// isConnectionFault reports whether err says that the connection, and not a
// statement, is at fault.
func isConnectionFault(err error) bool {
	if err == nil {
		return false
	}
	if code := sqlState(err); code != "" {
		return code[:2] == "08" || code[:2] == "57" || code == codeIdleTimeout // connection exception; the server shuts down or starts
	}
	_, isNet := errors.AsType[net.Error](err)
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	return isNet || isConnect || pgconn.Timeout(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || errors.Is(err, errBroken) || err.Error() == "conn closed"
}

// explain turns faults of the database as a whole into errors for the user, of
// kind Unavailable. Others pass.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*squall.Error](err); ours {
		return err
	}
	var what string
	switch code := sqlState(err); {
	case isConnectionFault(err):
		what = "the connection to PostgreSQL is lost: check that the server runs and can be reached"
	case code == codeReadOnly:
		what = "PostgreSQL is read-only: it is a standby, or default_transaction_read_only is set"
	case len(code) == 5 && code[:2] == "53":
		what = "PostgreSQL is short of disk, memory or connections"
	case len(code) == 5 && (code[:2] == "58" || code[:2] == "XX"):
		what = "PostgreSQL reports a fault of its files or its system: check its log"
	case isCollision(err):
		what = "the same rows were changed by others again and again"
	case len(code) == 5 && code[:2] == "28", code == "3D000":
		what = "PostgreSQL refuses us: check user, password and the database's name"
	default:
		return err
	}
	return &squall.Error{Kind: squall.Unavailable, Msg: fmt.Sprintf("%s (%v)", what, err), Err: err}
}
