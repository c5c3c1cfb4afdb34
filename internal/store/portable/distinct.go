package portable

import (
	"context"
	"fmt"
	"slices"
)

// RunnersOf implements store.Distinct.
func (t Statements) RunnersOf(ctx context.Context, actions []string) (runners []string, err error) {
	for _, action := range actions {
		_, err := t.One(ctx, `SELECT runner FROM executions WHERE action = ? ORDER BY id DESC LIMIT 1`, []any{action}, func(r Row) error {
			runners = append(runners, r.Text())
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read runner of action %s: %w", action, err)
		}
	}
	slices.Sort(runners)
	return slices.Compact(runners), nil
}
