package postgres_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/postgres"
)

// The benchmarks come in pairs: what the machine can do at best for the same
// bytes, and the store. Only the ratio within one run means something.

const benchWriters = 64

// groups counts commits and their members.
type groups struct{ commits, updates atomic.Int64 }

func (g *groups) Commit(n int, _ time.Duration, _ error) { g.commits.Add(1); g.updates.Add(int64(n)) }

// writers runs fn b.N times in all, by several goroutines at once.
func writers(b *testing.B, fn func() error) {
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range benchWriters {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := fn(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkUpdateGrouped: half of the transitions request and start an
// execution, half finish it, each with its message: what a no-op costs.
func BenchmarkUpdateGrouped(b *testing.B) {
	var g groups
	s := open(b, postgres.Options{DSN: pgtest.DSN(b), Observer: &g})
	defer s.Close()
	ctx := b.Context()
	parameters := json.RawMessage(`{"message":"` + string(bytes.Repeat([]byte("x"), 100)) + `"}`)
	var open sync.Pool // executions that can be finished
	writers(b, func() error {
		if id, ok := open.Get().(squall.ID); ok {
			return s.Update(ctx, func(tx store.Tx) error {
				now := tx.Now()
				moved, err := tx.MoveExecution(ctx, store.Move{
					ID: id, From: []squall.Status{squall.Running, squall.Canceling}, Node: "node-1", Epoch: 7, To: squall.Succeeded,
					Log: []squall.Change{{Status: squall.Succeeded, At: now}}, Result: json.RawMessage(`{"stdout":"","return_code":0}`), EndedAt: &now,
				})
				if err != nil || !moved {
					return fmt.Errorf("moved %v: %w", moved, err)
				}
				tx.Wake(store.TopicOutbox)
				return tx.AppendOutbox(ctx, store.Message{Kind: store.ExecutionUpdated, Execution: id, Status: squall.Succeeded, At: now})
			})
		}
		var id squall.ID
		err := s.Update(ctx, func(tx store.Tx) error {
			now := tx.Now()
			id = source.Next(now)
			tx.Wake(store.TopicOutbox)
			if err := tx.InsertExecution(ctx, &squall.Execution{
				ID: id, Action: squall.Ref{Pack: "core", Name: "noop"}, ActionVersion: "0123456789abcdef0123456789abcdef", Runner: "noop", User: "alice",
				Status: squall.Running, Attempt: 1, Node: "node-1", Epoch: 7, CreatedAt: now, NotBefore: now, StartedAt: now, Deadline: now.Add(time.Minute),
				Parameters: parameters, Context: json.RawMessage(`{"user":"alice","trace":"0123456789abcdef"}`),
				Log: []squall.Change{{Status: squall.Requested, At: now}, {Status: squall.Running, At: now, Node: "node-1"}},
			}); err != nil {
				return err
			}
			return tx.AppendOutbox(ctx, store.Message{Kind: store.ExecutionCreated, Execution: id, Status: squall.Running, At: now})
		})
		open.Put(id)
		return err
	})
	b.ReportMetric(float64(g.updates.Load())/float64(max(1, g.commits.Load())), "updates/commit")
}

// BenchmarkBareGroupedCommits: the same number of bytes in two rows per
// transition, in batches over as many connections and as large as the store's,
// without any index, encoding or guard.
func BenchmarkBareGroupedCommits(b *testing.B) {
	dsn := pgtest.DSN(b)
	const connections = 3
	conns := make([]*pgx.Conn, connections)
	for i := range conns {
		c, err := pgx.Connect(b.Context(), dsn)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(b.Context())
		conns[i] = c
	}
	if _, err := conns[0].Exec(b.Context(), `CREATE TABLE rows (body BYTEA); CREATE TABLE outbox (body BYTEA)`); err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 600)
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			const group = benchWriters / connections
			for left.Add(-group) > -group {
				batch := &pgx.Batch{}
				batch.Queue(`BEGIN`)
				for range group {
					batch.Queue(`INSERT INTO rows (body) VALUES ($1)`, body)
					batch.Queue(`INSERT INTO outbox (body) VALUES ($1)`, body[:60])
				}
				batch.Queue(`COMMIT`)
				if err := c.SendBatch(b.Context(), batch).Close(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkClaim32 claims 32 waiting executions at a time.
func BenchmarkClaim32(b *testing.B) {
	s := open(b, postgres.Options{DSN: pgtest.DSN(b)})
	defer s.Close()
	ctx := b.Context()
	for n := 0; n < 32*b.N; n += 500 {
		if err := s.Update(ctx, func(tx store.Tx) error {
			for range 500 {
				now := tx.Now()
				if err := tx.InsertExecution(ctx, &squall.Execution{
					ID: source.Next(now), Action: squall.Ref{Pack: "core", Name: "noop"}, Status: squall.Requested, CreatedAt: now,
					Log: []squall.Change{{Status: squall.Requested, At: now}},
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		if err := s.Update(ctx, func(tx store.Tx) error {
			list, err := tx.ClaimExecutions(ctx, store.Claim{Node: "n", Epoch: 1, Limit: 32})
			if err == nil && len(list) != 32 {
				err = fmt.Errorf("%d claimed", len(list))
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(32*b.N)/b.Elapsed().Seconds(), "claims/s")
}
