package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// FindExecutions implements store.Executions.
func (t *tx) FindExecutions(ctx context.Context, f store.ExecutionFilter) ([]*squall.Execution, error) {
	sel, err := t.selection(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("find executions: %w", err)
	}
	if sel.empty {
		return nil, nil
	}
	limit := f.Limit
	if limit <= 0 {
		limit = driver.DefaultLimit
	}
	list, err := t.ReadExecutions(ctx, f.Parts, sel.page(t.Columns(f.Parts), f.Ascending), append(sel.args(), limit, max(0, f.Offset))...)
	if err != nil {
		return nil, fmt.Errorf("find executions: %w", err)
	}
	return list, nil
}

// CountExecutions implements store.Executions.
func (t *tx) CountExecutions(ctx context.Context, f store.ExecutionFilter, limit int) (int, error) {
	f.After = ""
	sel, err := t.selection(ctx, f)
	if err != nil {
		return 0, fmt.Errorf("count executions: %w", err)
	}
	if sel.empty {
		return 0, nil
	}
	n, err := t.Number(ctx, sel.count(), append(sel.args(), driver.Limit(limit))...)
	if err != nil {
		return 0, fmt.Errorf("count executions: %w", err)
	}
	return int(n), nil
}

// selection is a filter as SQL: a union of arms, each of which reads one range
// of one index in the order of identifiers, so that SQLite merges them and stops
// at the limit. The arms differ in the leading columns of the index.
type selection struct {
	arms   []arm
	common driver.Condition
	empty  bool // the filter can find nothing
}

// arm is one range of an index.
type arm struct {
	index string
	driver.Condition
}

// page returns the query for one page; its last arguments are limit and offset.
// Inside, only an index is read, as far as the filter is in it; outside, the rows
// of the page.
func (s *selection) page(columns string, ascending bool) string {
	direction := "DESC"
	if ascending {
		direction = "ASC"
	}
	return `SELECT ` + columns + ` FROM executions WHERE n IN (SELECT n FROM (` + s.union() +
		` ORDER BY id ` + direction + ` LIMIT ? OFFSET ?)) ORDER BY id ` + direction
}

// count returns the query for a number; its last argument is the bound.
func (s *selection) count() string { return `SELECT count(*) FROM (` + s.union() + ` LIMIT ?)` }

func (s *selection) union() string {
	var b strings.Builder
	for i, arm := range s.arms {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		where := driver.Condition{SQL: arm.SQL}
		if s.common.SQL != "" {
			where.And(s.common.SQL)
		}
		b.WriteString("SELECT n, id FROM executions INDEXED BY " + arm.index)
		if where.SQL != "" {
			b.WriteString(" WHERE " + where.SQL)
		}
	}
	return b.String()
}

func (s *selection) args() []any {
	var args []any
	for _, arm := range s.arms {
		args = append(append(args, arm.Args...), s.common.Args...)
	}
	return args
}

// selection chooses the index that narrows most.
func (t *tx) selection(ctx context.Context, f store.ExecutionFilter) (*selection, error) {
	s := &selection{}
	if f.IDs != nil {
		var ids []any
		for _, id := range f.IDs {
			if id.Valid() {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			s.empty = true
			return s, nil
		}
		s.common.And("id IN ("+driver.Marks(len(ids))+")", ids...)
	}
	for _, id := range []squall.ID{f.Root, f.Parent, f.RerunOf} {
		if id != "" && !id.Valid() {
			s.empty = true
			return s, nil
		}
	}
	if f.TopLevel && f.Parent != "" {
		s.empty = true
		return s, nil
	}
	if err := t.bounds(ctx, s, f); err != nil {
		return nil, err
	}

	lead, err := t.leading(ctx, f)
	if err != nil {
		return nil, err
	}
	switch lead {
	case leadParent:
		s.arm("executions_parent", "parent = ? AND child = 1", f.Parent)
	case leadRoot: // the root itself is not in the index: only children are
		s.arm("executions_id", "id = ? AND child = 0", f.Root)
		s.arm("executions_root", "root = ? AND child = 1", f.Root)
	case leadAction:
		s.halves(f.TopLevel, "executions_action", "action = ?", f.Action)
	case leadUser:
		s.halves(f.TopLevel, "executions_user", "user = ?", f.User)
	case leadStatus:
		for _, status := range f.Statuses {
			s.halves(f.TopLevel, "executions_status", "status = ?", status)
		}
	case leadFailedAction, leadFailedUser:
		column, value := "action", f.Action
		if lead == leadFailedUser {
			column, value = "user", f.User
		}
		for _, status := range f.Statuses {
			// As a literal: SQLite must see that it is one of the partial index's.
			s.halves(f.TopLevel, "executions_"+string(lead), "status = '"+string(status)+"' AND "+column+" = ?", value)
		}
	case leadTop:
		s.arm("executions_top", "child = 0")
	case leadID:
		s.arm("executions_id", "")
	}
	t.rest(s, f, lead)
	return s, nil
}

func (s *selection) arm(index, sql string, args ...any) {
	s.arms = append(s.arms, arm{index, driver.Condition{SQL: sql, Args: args}})
}

// halves adds the arms of an index (column, child, id).
func (s *selection) halves(top bool, index, sql string, value any) {
	s.arm(index, sql+" AND child = 0", value)
	if !top {
		s.arm(index, sql+" AND child = 1", value)
	}
}

// bounds restricts the range of identifiers: a keyset page exactly, a range of
// creation times roughly, so that the index is read only around it; rest adds
// the exact condition.
func (t *tx) bounds(ctx context.Context, s *selection, f store.ExecutionFilter) error {
	if f.After != "" {
		if !f.After.Valid() {
			return squall.Errorf(squall.Invalid, "%q is not an identifier to continue behind", f.After)
		}
		if f.Ascending {
			s.common.And("id > ?", f.After)
		} else {
			s.common.And("id < ?", f.After)
		}
	}
	if f.CreatedAfter.IsZero() && f.CreatedBefore.IsZero() {
		return nil
	}
	slack, err := t.Number(ctx, `SELECT value FROM meta WHERE key = 'id_slack'`)
	if err != nil {
		return err
	}
	low, high := driver.IDBounds(f.CreatedAfter, f.CreatedBefore, time.Duration(slack)*time.Second)
	if low != nil {
		s.common.And("id > ?", low)
	}
	if high != nil {
		s.common.And("id < ?", high)
	}
	return nil
}

// rest adds what the leading index does not decide.
func (t *tx) rest(s *selection, f store.ExecutionFilter, lead lead) {
	c := &s.common
	if f.TopLevel && (lead == leadID || lead == leadRoot) {
		c.And("child = 0")
	}
	if !f.CreatedAfter.IsZero() {
		c.And("created_at > ?", f.CreatedAfter)
	}
	if !f.CreatedBefore.IsZero() {
		c.And("created_at < ?", f.CreatedBefore)
	}
	if f.Action != "" && lead != leadAction {
		c.And("action = ?", f.Action)
	}
	if f.Pack != "" {
		c.And("action >= ? AND action < ?", f.Pack+".", f.Pack+"/") // '/' follows '.'
	}
	if f.Runner != "" {
		c.And("runner = ?", f.Runner)
	}
	if len(f.Statuses) > 0 && lead != leadStatus {
		c.And("status IN ("+driver.Marks(len(f.Statuses))+")", anys(f.Statuses)...)
	}
	if f.User != "" && lead != leadUser {
		c.And("user = ?", f.User)
	}
	if f.Node != "" {
		c.And("node = ?", f.Node)
	}
	if f.Root != "" && lead != leadRoot {
		c.And("root = ?", f.Root)
	}
	if f.Parent != "" && lead != leadParent {
		c.And("parent = ?", f.Parent)
	}
	if f.RerunOf != "" {
		c.And("rerun_of = ?", f.RerunOf)
	}
}

// lead is the index a selection reads.
type lead string

const (
	leadID     lead = "id"
	leadTop    lead = "top"
	leadParent lead = "parent"
	leadRoot   lead = "root"
	leadAction lead = "action"
	leadUser   lead = "user"
	leadStatus lead = "status"

	leadFailedAction lead = "failed_action"
	leadFailedUser   lead = "failed_user"
)

// probe is how far leading looks into an index. Below it any index is fast.
const probe = 1000

// leading chooses the index whose range is shortest, as far as a short look
// into each tells.
func (t *tx) leading(ctx context.Context, f store.ExecutionFilter) (lead, error) {
	switch {
	case f.IDs != nil:
		return leadID, nil
	case f.Parent != "":
		return leadParent, nil
	case f.Root != "":
		return leadRoot, nil
	case f.Action != "" && driver.WentWrong(f.Statuses):
		return leadFailedAction, nil
	case f.User != "" && driver.WentWrong(f.Statuses):
		return leadFailedUser, nil
	}
	type candidate struct {
		lead lead
		args []any
	}
	var candidates []candidate
	if f.Action != "" {
		candidates = append(candidates, candidate{leadAction, []any{f.Action}})
	}
	if f.User != "" {
		candidates = append(candidates, candidate{leadUser, []any{f.User}})
	}
	if len(f.Statuses) > 0 {
		candidates = append(candidates, candidate{leadStatus, anys(f.Statuses)})
	}
	switch len(candidates) {
	case 0:
		if f.TopLevel {
			return leadTop, nil
		}
		return leadID, nil
	case 1:
		return candidates[0].lead, nil
	}
	best, shortest := candidates[0].lead, int64(probe)
	for _, c := range candidates {
		n, err := t.Number(ctx, `SELECT count(*) FROM (SELECT 1 FROM executions INDEXED BY executions_`+string(c.lead)+
			` WHERE `+string(c.lead)+` IN (`+driver.Marks(len(c.args))+`) LIMIT ?)`, append(c.args, probe)...)
		if err != nil {
			return "", err
		}
		if n < shortest {
			best, shortest = c.lead, n
		}
	}
	return best, nil
}

func anys[T any](list []T) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v
	}
	return args
}
