package postgres

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
	direction := "DESC"
	if f.Ascending {
		direction = "ASC"
	}
	limit := f.Limit
	if limit <= 0 {
		limit = driver.DefaultLimit
	}
	// Inside, identifiers are read in the order of an index, as far as the filter
	// is in it; outside, the rows of the page.
	query := `SELECT ` + partColumns(f.Parts) + ` FROM executions WHERE id = ANY (ARRAY(` + sel.union(direction) +
		` ORDER BY id ` + direction + ` LIMIT ` + sel.add(limit) + ` OFFSET ` + sel.add(max(0, f.Offset)) + `)) ORDER BY id ` + direction
	list, err := t.executions(ctx, f.Parts, query, sel.args...)
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
	n, err := t.number(ctx, `SELECT count(*) FROM (`+sel.union("")+` LIMIT `+sel.add(driver.Limit(limit))+`) AS found`, sel.args...)
	if err != nil {
		return 0, fmt.Errorf("count executions: %w", err)
	}
	return int(n), nil
}

// selection is a filter as SQL: a union of arms, each of which is one range of
// an index in the order of identifiers, so that PostgreSQL can merge them and
// stop at the limit. The arms differ in the leading columns of the index.
type selection struct {
	params
	arms   []string
	common []string
	empty  bool // the filter can find nothing
}

func (s *selection) union(direction string) string {
	arms := make([]string, len(s.arms))
	for i, arm := range s.arms {
		conditions := s.common
		if arm != "" {
			conditions = append([]string{arm}, s.common...)
		}
		arms[i] = "SELECT id FROM executions"
		if len(conditions) > 0 {
			arms[i] += " WHERE " + strings.Join(conditions, " AND ")
		}
	}
	if len(arms) == 1 {
		return arms[0]
	}
	return "SELECT id FROM (" + strings.Join(arms, " UNION ALL ") + ") AS arms"
}

func (s *selection) and(sql string, args ...any) {
	for _, a := range args {
		sql = strings.Replace(sql, "?", s.add(a), 1)
	}
	s.common = append(s.common, sql)
}

// halves adds the arms of an index (column, child, id).
func (s *selection) halves(top bool, column string, value any) {
	condition := column + " = " + s.add(value)
	s.arms = append(s.arms, condition+" AND NOT child")
	if !top {
		s.arms = append(s.arms, condition+" AND child")
	}
}

func (t *tx) selection(ctx context.Context, f store.ExecutionFilter) (*selection, error) {
	s := &selection{}
	if f.IDs != nil {
		ids := [][]byte{}
		for _, id := range f.IDs {
			if b := driver.IDBytes(id); b != nil {
				ids = append(ids, b)
			}
		}
		s.empty = len(ids) == 0
		s.and("id = ANY (?)", ids)
	}
	for _, id := range []squall.ID{f.Root, f.Parent, f.RerunOf} {
		s.empty = s.empty || id != "" && !id.Valid()
	}
	if s.empty || f.TopLevel && f.Parent != "" {
		return &selection{empty: true}, nil
	}
	if err := t.bounds(ctx, s, f); err != nil {
		return nil, err
	}
	s.lead(f)
	s.rest(f)
	return s, nil
}

// lead adds the arms. Which of several indexes is read within an arm, the
// planner decides: it knows the distribution of the values.
func (s *selection) lead(f store.ExecutionFilter) {
	switch {
	case f.IDs != nil:
		s.arms = []string{""}
	case f.Parent != "":
		s.arms = []string{"child AND parent = " + s.add(f.Parent)}
	case f.Root != "":
		root := s.add(f.Root)
		s.arms = []string{"id = " + root, "child AND root = " + root}
	case driver.WentWrong(f.Statuses) && (f.Action != "" || f.User != ""):
		for _, status := range f.Statuses {
			// As a literal: the planner must see that it is one of the partial index's.
			s.arms = append(s.arms, "status = '"+string(status)+"' AND NOT child")
			if !f.TopLevel {
				s.arms = append(s.arms, "status = '"+string(status)+"' AND child")
			}
		}
	case f.Action != "":
		s.halves(f.TopLevel, "action", f.Action)
	case f.User != "":
		s.halves(f.TopLevel, "username", f.User)
	case len(f.Statuses) > 0:
		for _, status := range f.Statuses {
			s.halves(f.TopLevel, "status", status)
		}
	default:
		s.arms = []string{""}
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
			s.and("id > ?", f.After)
		} else {
			s.and("id < ?", f.After)
		}
	}
	if f.CreatedAfter.IsZero() && f.CreatedBefore.IsZero() {
		return nil
	}
	slack, err := t.number(ctx, `SELECT value FROM meta WHERE key = 'id_slack'`)
	if err != nil {
		return err
	}
	low, high := driver.IDBounds(f.CreatedAfter, f.CreatedBefore, time.Duration(slack)*time.Second)
	if low != nil {
		s.and("id > ?", low)
	}
	if high != nil {
		s.and("id < ?", high)
	}
	return nil
}

// rest adds what the arms do not decide. Conditions that repeat one of the arms
// do no harm.
func (s *selection) rest(f store.ExecutionFilter) {
	if f.TopLevel {
		s.and("NOT child")
	}
	if !f.CreatedAfter.IsZero() {
		s.and("created_at > ?", f.CreatedAfter)
	}
	if !f.CreatedBefore.IsZero() {
		s.and("created_at < ?", f.CreatedBefore)
	}
	if f.Pack != "" {
		s.and("action >= ? AND action < ?", f.Pack+".", f.Pack+"/") // '/' follows '.'
	}
	if len(f.Statuses) > 0 {
		s.and("status = ANY (?)", texts(f.Statuses))
	}
	for _, c := range []struct{ column, value string }{
		{"action", f.Action}, {"runner", f.Runner}, {"username", f.User}, {"node", f.Node},
	} {
		if c.value != "" {
			s.and(c.column+" = ?", c.value)
		}
	}
	for _, c := range []struct {
		column string
		value  squall.ID
	}{{"root", f.Root}, {"parent", f.Parent}, {"rerun_of", f.RerunOf}} {
		if c.value != "" {
			s.and(c.column+" = ?", c.value)
		}
	}
}
