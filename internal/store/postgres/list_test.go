package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"squall/internal/pgtest"
	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/storetest"
)

func BenchmarkList50Of1M(b *testing.B) {
	dsn := pgtest.DSN(b)
	s := open(b, postgres.Options{DSN: dsn})
	defer s.Close()
	loadMillion(b, dsn)
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
}

// loadMillion fills the table with SQL alone.
func loadMillion(b *testing.B, dsn string) {
	b.Helper()
	begun := time.Now()
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	id := func(n string) string {
		return fmt.Sprintf("decode(lpad(to_hex(%d + %s), 8, '0') || lpad(to_hex(%[2]s), 16, '0'), 'hex')", storetest.MillionStart, n)
	}
	at := fmt.Sprintf("(%d + i)::bigint * 1000000", storetest.MillionStart)
	for _, statement := range []string{`SET synchronous_commit = off`, `
		INSERT INTO executions (id, action, action_version, runner, username, child, root, parent, task, task_route, task_item,
			status, attempt, version, node, epoch, created_at, not_before, started_at, ended_at, deadline, updated_at,
			result_size, rerun_of, queue, log, parameters, context, result)
		SELECT ` + id("i") + `,
			CASE WHEN i > 500000 AND i <= 600000 THEN 'core.item' WHEN i % 100000 = 7 THEN 'core.rare' ELSE 'core.a' || (i * 7 % 11) END,
			'0123456789abcdef0123456789abcdef', 'noop', 'user' || (i * 13 % 17), parent IS NOT NULL,
			` + id("coalesce(parent, i)") + `, CASE WHEN parent IS NOT NULL THEN ` + id("parent") + ` END, 't', 0, -1,
			CASE WHEN i % 33 = 5 THEN 'failed' WHEN i % 1000 = 9 THEN 'timeout' WHEN i > 999900 THEN 'running' ELSE 'succeeded' END,
			1, 2, '', 0, ` + at + `, ` + at + `, ` + at + `, ` + at + ` + 5000, 0, ` + at + ` + 5000,
			30, NULL, '', '["requested",1700000000000000],["running",1700000000000000,"node-1"],["succeeded",1700000000005000],',
			'{"message":"hello"}', '{"user":"alice","trace":"0123456789abcdef"}', '{"stdout":"","return_code":0}'
		FROM (SELECT i, CASE WHEN i > 500000 AND i <= 600000 THEN 500000 WHEN i % 5 = 1 THEN i - 1 END AS parent
			FROM generate_series(0, ` + fmt.Sprint(storetest.Million-1) + `) AS i) AS rows`, `ANALYZE executions`,
	} {
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("loaded %d executions in %v", storetest.Million, time.Since(begun))
}
