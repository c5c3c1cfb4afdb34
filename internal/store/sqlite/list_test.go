package sqlite

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/portable"
	"squall/internal/store/storetest"
)

// TestListPlans: every list reads its page through an index in the order of the
// list; nothing is scanned to the end, nothing but the page is sorted.
func TestListPlans(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	for _, l := range storetest.Lists {
		err := s.View(t.Context(), func(st store.Tx) error {
			tx := st.(*tx)
			sel, err := tx.selection(t.Context(), l.Filter)
			if err != nil {
				return err
			}
			for what, query := range map[string]string{"list": sel.page(tx.Columns(0), l.Filter.Ascending), "count": sel.count()} {
				var plan []string
				args := append(sel.args(), 50)
				if what == "list" {
					args = append(args, 0)
				}
				err = tx.Each(t.Context(), "EXPLAIN QUERY PLAN "+query, args, func(r portable.Row) error {
					r.(*row).next = 3
					plan = append(plan, r.Text())
					return nil
				})
				if err != nil {
					return fmt.Errorf("%s: %w", query, err)
				}
				text := strings.Join(plan, "\n")
				for _, step := range plan {
					scans := strings.HasPrefix(step, "SCAN executions") && !strings.Contains(step, "USING COVERING INDEX") && !strings.Contains(step, "USING INDEX")
					if scans || strings.Contains(step, "TEMP B-TREE FOR RIGHT PART") {
						t.Errorf("%s of %s: %s\nin\n%s", what, l.Name, step, text)
					}
				}
				// One sort is allowed: that of the page's rows, on the outside.
				if n := strings.Count(text, "TEMP B-TREE"); n > 1 || what == "count" && n > 0 {
					t.Errorf("%s of %s sorts %d times:\n%s", what, l.Name, n, text)
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", l.Name, err)
		}
	}
}

// TestQueuePlans: the loops that run every second read only what waits or runs.
func TestQueuePlans(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	var plans []string
	trace := func(fn func(tx store.Tx) error) {
		t.Helper()
		err := s.Update(t.Context(), func(st store.Tx) error { return fn(st) })
		if err != nil {
			t.Fatal(err)
		}
	}
	trace(func(tx store.Tx) error {
		_, err := tx.ClaimExecutions(t.Context(), store.Claim{Node: "n", Limit: 1, Queues: []string{"q"}, Exclude: []string{"r"}})
		return err
	})
	trace(func(tx store.Tx) error { _, err := tx.Orphans(t.Context(), time.Minute, 1); return err })
	trace(func(tx store.Tx) error { _, err := tx.QueueStats(t.Context()); return err })
	trace(func(tx store.Tx) error { _, err := tx.DeleteExecutions(t.Context(), tx.Now(), 1); return err })
	trace(func(tx store.Tx) error { _, err := tx.ForgetNodes(t.Context(), tx.Now()); return err })
	for _, query := range slices.Sorted(maps.Keys(s.writer.stmts)) {
		if !strings.Contains(query, "executions") {
			continue
		}
		args := make([]any, strings.Count(query, "?"))
		err := s.writer.each(context.Background(), "EXPLAIN QUERY PLAN "+query, args, func(r portable.Row) error {
			r.(*row).next = 3
			step := r.Text()
			plans = append(plans, step)
			if strings.HasPrefix(step, "SCAN executions") && !strings.Contains(step, "INDEX") || strings.HasPrefix(step, "SCAN e ") && !strings.Contains(step, "INDEX") {
				t.Errorf("%s in\n%s", step, query)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(plans) < 5 {
		t.Errorf("only %d steps were seen: %v", len(plans), plans)
	}
}

func BenchmarkList50Of1M(b *testing.B) {
	path := filepath.Join(b.TempDir(), FileName)
	s, err := Open(b.Context(), Options{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	loadMillion(b, s)
	for _, l := range storetest.Lists {
		b.Run(strings.ReplaceAll(l.Name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				err := s.View(b.Context(), func(tx store.Tx) error {
					_, err := tx.FindExecutions(b.Context(), l.Filter)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, bound := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("count_up_to_%d", bound), func(b *testing.B) {
			for b.Loop() {
				err := s.View(b.Context(), func(tx store.Tx) error {
					_, err := tx.CountExecutions(b.Context(), store.ExecutionFilter{Statuses: []squall.Status{squall.Succeeded}}, bound)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// loadMillion fills the table with SQL alone.
func loadMillion(b *testing.B, s *Store) {
	b.Helper()
	begun, start := time.Now(), storetest.MillionStart
	ctx := context.Background()
	for _, statement := range []string{`PRAGMA synchronous = OFF`, fmt.Sprintf(`
		WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d - 1),
		rows AS (SELECT i,
			CASE WHEN i > 500000 AND i <= 600000 THEN 500000 WHEN i %% 5 = 1 THEN i - 1 END AS parent
			FROM numbers)
		INSERT INTO executions (id, action, action_version, runner, user, child, root, parent, task, task_route, task_item,
			status, attempt, version, node, epoch, created_at, not_before, started_at, ended_at, deadline, updated_at,
			result_size, rerun_of, queue, log, parameters, context, result)
		SELECT unhex(printf('%%08x%%016x', %d + i, i)),
			CASE WHEN i > 500000 AND i <= 600000 THEN 'core.item' WHEN i %% 100000 = 7 THEN 'core.rare' ELSE 'core.a' || (i * 7 %% 11) END,
			'0123456789abcdef0123456789abcdef', 'noop', 'user' || (i * 13 %% 17), parent IS NOT NULL,
			unhex(printf('%%08x%%016x', %d + coalesce(parent, i), coalesce(parent, i))),
			CASE WHEN parent IS NOT NULL THEN unhex(printf('%%08x%%016x', %d + parent, parent)) END, 't', 0, -1,
			CASE WHEN i %% 33 = 5 THEN 'failed' WHEN i %% 1000 = 9 THEN 'timeout' WHEN i > 999900 THEN 'running' ELSE 'succeeded' END,
			1, 2, '', 0, (%d + i) * 1000000, (%d + i) * 1000000, (%d + i) * 1000000, (%d + i) * 1000000 + 5000, 0, (%d + i) * 1000000 + 5000,
			30, NULL, '', '["requested",1700000000000000],["scheduled",1700000000000000,"node-1"],["running",1700000000000000,"node-1"],["succeeded",1700000000005000],',
			'{"message":"hello"}', '{"user":"alice","trace":"0123456789abcdef"}', '{"stdout":"","return_code":0}'
		FROM rows`, storetest.Million, start, start, start, start, start, start, start, start),
		`PRAGMA synchronous = FULL`,
	} {
		if _, err := s.writer.exec(ctx, statement); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("loaded %d executions in %v", storetest.Million, time.Since(begun))
}
