package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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
	limit, offset := f.Limit, max(0, f.Offset)
	if limit <= 0 {
		limit = driver.DefaultLimit
	}
	direction := sel.direction()
	query := `SELECT ` + t.Columns(f.Parts) + ` FROM executions WHERE id = ANY (ARRAY(` + sel.union(limit+offset) +
		` ORDER BY id ` + direction + ` LIMIT ` + sel.add(limit) + ` OFFSET ` + sel.add(offset) + `)) ORDER BY id ` + direction
	list, err := t.ReadExecutions(ctx, f.Parts, query, sel.args...)
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
	bound := driver.Limit(limit)
	n, err := t.Number(ctx, `SELECT count(*) FROM (`+sel.union(bound)+` LIMIT `+sel.add(bound)+`) AS found`, sel.args...)
	if err != nil {
		return 0, fmt.Errorf("count executions: %w", err)
	}
	return int(n), nil
}

// selection is a filter as SQL: a union of arms, each of which is one range of
// one index, read in the order of identifiers and no further than the page. The
// arms differ in the leading columns of the index.
//
// An arm compares and orders by all columns of its index at once:
//
//	(action, child, id) < ('core.local', false, $1) ... ORDER BY action DESC, child DESC, id DESC
//
// so that no other index gives the order. Left to choose, the planner reads the
// newest executions in the hope to meet enough of the right ones (measured with a
// million: 0.2 to 1.8 s where the right index takes 1 ms).
type selection struct {
	params
	ascending bool
	low, high []byte // exclusive bounds of the identifiers
	arms      []arm
	common    []string
	empty     bool // the filter can find nothing
}

type arm struct {
	columns []string // the index without id
	values  []any
	also    string // a condition that the planner needs to see for a partial index
}

func (s *selection) direction() string {
	if s.ascending {
		return "ASC"
	}
	return "DESC"
}

// union returns the query for the identifiers, at most limit of each arm.
func (s *selection) union(limit int) string {
	low, high, count := s.add(s.low), s.add(s.high), s.add(limit)
	arms := make([]string, len(s.arms))
	for i, a := range s.arms {
		var columns, values, order strings.Builder
		for j, c := range a.columns {
			columns.WriteString(c + ", ")
			values.WriteString(s.add(a.values[j]) + ", ")
			order.WriteString(c + " " + s.direction() + ", ")
		}
		conditions := []string{
			fmt.Sprintf("(%sid) > (%s%s)", columns.String(), values.String(), low),
			fmt.Sprintf("(%sid) < (%s%s)", columns.String(), values.String(), high),
		}
		if a.also != "" {
			conditions = append(conditions, a.also)
		}
		arms[i] = "(SELECT id FROM executions WHERE " + strings.Join(append(conditions, s.common...), " AND ") +
			" ORDER BY " + order.String() + "id " + s.direction() + " LIMIT " + count + ")"
	}
	return "SELECT id FROM (" + strings.Join(arms, " UNION ALL ") + ") AS arms"
}

func (s *selection) and(sql string, args ...any) {
	for _, a := range args {
		sql = strings.Replace(sql, "?", s.add(a), 1)
	}
	s.common = append(s.common, sql)
}

// decided reports whether the arms hold a value of column.
func (s *selection) decided(column string) bool {
	return slices.ContainsFunc(s.arms, func(a arm) bool { return slices.Contains(a.columns, column) })
}

// halves adds the arms of an index (columns, child, id).
func (s *selection) halves(top bool, also string, columns []string, values ...any) {
	for _, child := range []bool{false, true} {
		if !child || !top {
			s.arms = append(s.arms, arm{append(slices.Clone(columns), "child"), append(slices.Clone(values), child), also})
		}
	}
}

func (t *tx) selection(ctx context.Context, f store.ExecutionFilter) (*selection, error) {
	s := &selection{ascending: f.Ascending, low: []byte{}, high: bytes.Repeat([]byte{0xff}, 13)}
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
	if err := t.lead(ctx, s, f); err != nil {
		return nil, err
	}
	s.rest(f)
	return s, nil
}

// lead adds the arms of the index that narrows most.
func (t *tx) lead(ctx context.Context, s *selection, f store.ExecutionFilter) error {
	switch {
	case f.IDs != nil, f.Root != "" && f.TopLevel:
		s.arms = []arm{{}}
	case f.Parent != "":
		s.arms = []arm{{[]string{"parent"}, []any{f.Parent}, "child"}}
	case f.Root != "": // the root itself is not in the index: only children are
		root := driver.IDBytes(f.Root)
		s.arms = []arm{{also: "NOT child AND id = " + s.add(root)}, {[]string{"root"}, []any{root}, "child"}}
	case driver.WentWrong(f.Statuses) && (f.Action != "" || f.User != ""):
		column, value := "action", f.Action
		if f.Action == "" {
			column, value = "username", f.User
		}
		for _, status := range f.Statuses {
			// As a literal: the planner must see that it is one of the partial index's.
			s.halves(f.TopLevel, "status = '"+string(status)+"'", []string{column, "status"}, value, string(status))
		}
	default:
		column, values, err := t.narrowest(ctx, f)
		if err != nil {
			return err
		}
		for _, v := range values {
			s.halves(f.TopLevel, "", []string{column}, v)
		}
		switch {
		case column == "" && f.TopLevel:
			s.halves(true, "", nil)
		case column == "":
			s.arms = []arm{{}}
		}
	}
	return nil
}

// probe is how far narrowest looks into an index. Below it any index is fast.
const probe = 1000

// narrowest chooses between action, user and state: the one of which there are
// the fewest, as far as a short look into each index tells.
func (t *tx) narrowest(ctx context.Context, f store.ExecutionFilter) (column string, values []any, err error) {
	type candidate struct {
		column string
		values []any
	}
	var candidates []candidate
	if f.Action != "" {
		candidates = append(candidates, candidate{"action", []any{f.Action}})
	}
	if f.User != "" {
		candidates = append(candidates, candidate{"username", []any{f.User}})
	}
	if len(f.Statuses) > 0 {
		c := candidate{column: "status"}
		for _, status := range f.Statuses {
			c.values = append(c.values, string(status))
		}
		candidates = append(candidates, c)
	}
	if len(candidates) == 0 {
		return "", nil, nil
	}
	best, shortest := candidates[0], int64(probe)
	for _, c := range candidates {
		if len(candidates) == 1 {
			break
		}
		s := &selection{low: []byte{}, high: bytes.Repeat([]byte{0xff}, 13)}
		for _, v := range c.values {
			s.halves(f.TopLevel, "", []string{c.column}, v)
		}
		n, err := t.Number(ctx, `SELECT count(*) FROM (`+s.union(probe)+` LIMIT `+s.add(probe)+`) AS found`, s.args...)
		if err != nil {
			return "", nil, err
		}
		if n < shortest {
			best, shortest = c, n
		}
	}
	return best.column, best.values, nil
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
			s.low = driver.IDBytes(f.After)
		} else {
			s.high = driver.IDBytes(f.After)
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
	if bytes.Compare(low, s.low) > 0 {
		s.low = low
	}
	if high != nil && bytes.Compare(high, s.high) < 0 {
		s.high = high
	}
	return nil
}

// rest adds what the arms do not decide. It must not repeat them: a plain
// equality would let the planner take another index after all.
func (s *selection) rest(f store.ExecutionFilter) {
	if f.TopLevel && (f.IDs != nil || f.Root != "") {
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
	if len(f.Statuses) > 0 && !s.decided("status") {
		s.and("status = ANY (?)", texts(f.Statuses))
	}
	for _, c := range []struct{ column, value string }{
		{"action", f.Action}, {"runner", f.Runner}, {"username", f.User}, {"node", f.Node},
	} {
		if c.value != "" && !s.decided(c.column) {
			s.and(c.column+" = ?", c.value)
		}
	}
	for _, c := range []struct {
		column string
		value  squall.ID
	}{{"root", f.Root}, {"parent", f.Parent}, {"rerun_of", f.RerunOf}} {
		if c.value != "" && !s.decided(c.column) {
			s.and(c.column+" = ?", c.value)
		}
	}
}
