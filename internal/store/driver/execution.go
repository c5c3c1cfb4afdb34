package driver

import (
	"cmp"
	"math"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// DefaultLimit is the length of a list of executions when none is given.
const DefaultLimit = 50

// Limit turns "0: no limit" into a number for LIMIT.
func Limit(n int) int {
	if n <= 0 {
		return math.MaxInt32
	}
	return n
}

// CheckExecution refuses an execution that cannot be stored and fills what a
// new one may leave out: root, version, creation and update time.
func CheckExecution(ex *squall.Execution, now time.Time) error {
	ids := []squall.ID{ex.ID}
	if ex.Root != "" {
		ids = append(ids, ex.Root)
	}
	if ex.RerunOf != "" {
		ids = append(ids, ex.RerunOf)
	}
	texts := []string{ex.Action.Pack, ex.Action.Name, ex.ActionVersion, ex.Runner, ex.User, ex.Node, ex.Queue}
	if ex.Parent != nil {
		ids = append(ids, ex.Parent.Execution)
		texts = append(texts, ex.Parent.Task)
	}
	for _, id := range ids {
		if !id.Valid() {
			return squall.Errorf(squall.Invalid, "%q is not an identifier: 24 hexadecimal digits in lower case", id)
		}
	}
	if !ex.Status.Known() {
		return squall.Errorf(squall.Invalid, "%q is not a state of an execution", ex.Status)
	}
	if err := CheckText(texts...); err != nil {
		return err
	}
	if ex.Root == "" {
		ex.Root = ex.ID
	}
	if ex.Version == 0 {
		ex.Version = 1
	}
	if ex.CreatedAt.IsZero() {
		ex.CreatedAt = now
	}
	if ex.UpdatedAt.IsZero() {
		ex.UpdatedAt = now
	}
	if ex.Result != nil {
		ex.ResultSize = len(ex.Result)
	}
	return nil
}

// CheckMove refuses a move that says nothing.
func CheckMove(m store.Move) error {
	if !m.To.Known() {
		return squall.Errorf(squall.Invalid, "%q is not a state of an execution", m.To)
	}
	if len(m.From) == 0 {
		return squall.Errorf(squall.Invalid, "move of execution %s to %s without the states it may come from", m.ID, m.To)
	}
	if m.Assign != nil {
		return CheckText(m.Assign.Node)
	}
	return nil
}

// WentWrong reports whether all of the states are ends other than success: there
// are indexes of their own for those, by action and by user.
func WentWrong(statuses []squall.Status) bool {
	for _, s := range statuses {
		switch s {
		case squall.Failed, squall.Timeout, squall.Canceled, squall.Abandoned:
		default:
			return false
		}
	}
	return len(statuses) > 0
}

// Due returns when a waiting execution is due.
func Due(ex *squall.Execution) time.Time {
	if ex.NotBefore.Before(ex.CreatedAt) {
		return ex.CreatedAt
	}
	return ex.NotBefore
}

// ByDue orders executions as they are claimed: longest due first.
func ByDue(a, b *squall.Execution) int {
	return cmp.Or(Due(a).Compare(Due(b)), cmp.Compare(a.ID, b.ID))
}
