package postgres

import (
	"context"
	"fmt"
	"slices"

	"squall/internal/squall"
	"squall/internal/store"
)

// DistinctExecutions implements store.Distinct: it leaps from one value to the
// next through the index of the column.
func (t *tx) DistinctExecutions(ctx context.Context, c store.ExecutionColumn, limit int) (values []string, err error) {
	switch c {
	case store.ByAction, store.ByStatus:
	case store.ByUser:
		c = "username"
	default:
		return nil, squall.Errorf(squall.Invalid, "executions are not told apart by %q", c)
	}
	query := fmt.Sprintf(`
		WITH RECURSIVE v(x, n) AS (
			SELECT (SELECT min(%[1]s) FROM executions), 1
			UNION ALL
			SELECT (SELECT min(%[1]s) FROM executions WHERE %[1]s > v.x), n + 1 FROM v WHERE v.x IS NOT NULL AND n < $1
		) SELECT x FROM v WHERE x IS NOT NULL`, c)
	err = t.each(ctx, query, []any{limit}, func(r *row) error {
		values = append(values, r.text())
		return nil
	})
	return values, wrap("list values of executions", err)
}

// RunnersOf implements store.Distinct.
func (t *tx) RunnersOf(ctx context.Context, actions []string) (runners []string, err error) {
	for _, action := range actions {
		_, err := t.one(ctx, `SELECT runner FROM executions WHERE action = $1 ORDER BY id DESC LIMIT 1`, []any{action}, func(r *row) error {
			runners = append(runners, r.text())
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read runner of action %s: %w", action, err)
		}
	}
	slices.Sort(runners)
	return slices.Compact(runners), nil
}
