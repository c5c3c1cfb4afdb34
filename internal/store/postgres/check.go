package postgres

import (
	"context"
	"errors"
	"fmt"

	"squall/internal/store"
	"squall/internal/store/driver"
)

// rules are our own rules on the data: each query counts the rows against one.
// A reference to a document is 0x01 and driver.RefSize bytes, 17 in all.
// That pages are intact is PostgreSQL's own business (data checksums, amcheck).
var rules = []struct{ name, query string }{
	{"executions without a log", `SELECT count(*) FROM executions WHERE log = ''`},
	{"chunks of output without their execution", `
		SELECT count(*) FROM output WHERE NOT EXISTS (SELECT 1 FROM executions WHERE id = output.execution)`},
	{"references to missing documents", `
		SELECT count(*) FROM (
			SELECT root, parameters AS document FROM executions UNION ALL
			SELECT root, context FROM executions UNION ALL
			SELECT root, result FROM executions UNION ALL
			SELECT root, state FROM workflows UNION ALL
			SELECT id, payload FROM events UNION ALL
			SELECT w.root, r.doc FROM workflow_rows AS r JOIN workflows AS w ON w.id = r.workflow) AS e
		WHERE length(document) = 17 AND substring(document, 1, 1) = '\x01'
		  AND NOT EXISTS (SELECT 1 FROM docs WHERE docs.root = e.root AND ref = substring(document, 2))`},
	{"children without their root", `
		SELECT count(*) FROM executions AS e WHERE child AND NOT EXISTS (SELECT 1 FROM executions WHERE id = e.root)`},
	{"workflows without their execution", `
		SELECT count(*) FROM workflows AS w WHERE NOT EXISTS (SELECT 1 FROM executions WHERE id = w.id)`},
	{"rows without their workflow", `
		SELECT count(*) FROM workflow_rows AS r WHERE NOT EXISTS (SELECT 1 FROM workflows WHERE id = r.workflow)`},
	{"events without their workflow's execution", `
		SELECT count(*) FROM workflow_events AS e WHERE NOT EXISTS (SELECT 1 FROM executions WHERE id = e.workflow)`},
	{"actions without their version", `
		SELECT count(*) FROM actions AS a WHERE NOT EXISTS (SELECT 1 FROM action_versions WHERE version = a.version)`},
}

// Check implements store.Store.
func (s *Store) Check(ctx context.Context) error {
	var problems []error
	err := s.View(ctx, func(st store.Tx) error {
		t := st.(*tx)
		problems = nil
		for _, rule := range rules {
			n, err := t.Number(ctx, rule.query)
			if err != nil {
				return fmt.Errorf("look for %s: %w", rule.name, err)
			}
			if n > 0 {
				problems = append(problems, fmt.Errorf("%d %s", n, rule.name))
			}
		}
		return nil
	})
	if err == nil {
		err = errors.Join(problems...)
	}
	return driver.Wrap("check database", err)
}
