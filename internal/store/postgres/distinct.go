package postgres

import (
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
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
	err = t.Each(ctx, query, []any{limit}, func(r portable.Row) error {
		values = append(values, r.Text())
		return nil
	})
	return values, driver.Wrap("list values of executions", err)
}
