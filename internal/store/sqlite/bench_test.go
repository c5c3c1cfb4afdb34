package sqlite_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	sqlitedriver "modernc.org/sqlite"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// The benchmarks come in pairs: what the machine can do at best for the same
// bytes, and the store. Only the ratio within one run means something.

const benchWriters = 64

// groups counts commits and their members.
type groups struct{ commits, updates atomic.Int64 }

func (g *groups) Commit(n int, _ time.Duration, _ error) { g.commits.Add(1); g.updates.Add(int64(n)) }

func (g *groups) report(b *testing.B) {
	b.ReportMetric(float64(g.updates.Load())/float64(max(1, g.commits.Load())), "updates/commit")
}

var benchParameters = json.RawMessage(`{"message":"` + string(bytes.Repeat([]byte("x"), 100)) + `"}`)
var benchContext = json.RawMessage(`{"user":"alice","trace":"0123456789abcdef","source_channel":"api"}`)

func benchExecution(tx store.Tx, ids *squall.IDSource) *squall.Execution {
	now := tx.Now()
	return &squall.Execution{
		ID: ids.Next(now), Action: squall.Ref{Pack: "core", Name: "noop"}, ActionVersion: "0123456789abcdef0123456789abcdef", Runner: "noop", User: "alice",
		Status: squall.Running, Attempt: 1, Node: "node-1", Epoch: 7, CreatedAt: now, NotBefore: now, StartedAt: now, Deadline: now.Add(time.Minute),
		Parameters: benchParameters, Context: benchContext,
		Log: []squall.Change{{Status: squall.Requested, At: now}, {Status: squall.Scheduled, At: now, Node: "node-1"}, {Status: squall.Running, At: now, Node: "node-1"}},
	}
}

// writers runs fn b.N times in all, by several goroutines at once.
func writers(b *testing.B, fn func() error) {
	b.ResetTimer()
	cpu := processTime(b)
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
	b.ReportMetric(float64((processTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processTime is the processor time used so far: unlike the time on the wall it
// can be compared between runs on a busy machine.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUpdateGrouped: half of the transitions request and start an
// execution, half finish it, each with its message: what a no-op costs.
func BenchmarkUpdateGrouped(b *testing.B) {
	var g groups
	s := open(b, sqlite.Options{Dir: b.TempDir(), Observer: &g})
	defer s.Close()
	ids := squall.NewIDSource()
	ctx := b.Context()
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
			ex := benchExecution(tx, ids)
			id = ex.ID
			if err := tx.InsertExecution(ctx, ex); err != nil {
				return err
			}
			tx.Wake(store.TopicOutbox)
			return tx.AppendOutbox(ctx, store.Message{Kind: store.ExecutionCreated, Execution: id, Status: ex.Status, At: tx.Now()})
		})
		open.Put(id)
		return err
	})
	g.report(b)
}

// BenchmarkOpenExisting: the store's share of a server's start.
func BenchmarkOpenExisting(b *testing.B) {
	dir := b.TempDir()
	if err := open(b, sqlite.Options{Dir: dir}).Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := open(b, sqlite.Options{Dir: dir})
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// bareConn opens the same driver with the same settings and one table.
func bareConn(b *testing.B) driver.Conn {
	connector, err := sqlitedriver.NewConnector("file://" + filepath.Join(b.TempDir(), "bare.db") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	c, err := connector.Connect(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	bareExec(b, c, `CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)`)
	bareExec(b, c, `CREATE TABLE outbox (id INTEGER PRIMARY KEY, body BLOB)`)
	return c
}

func bareExec(b *testing.B, c driver.Conn, query string) {
	if _, err := c.(driver.ExecerContext).ExecContext(b.Context(), query, nil); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBareGroupedCommits: the same number of bytes in two rows per
// transition (a row and its message), in groups as large as the store's, without
// any index, encoding or guard.
func BenchmarkBareGroupedCommits(b *testing.B) {
	c := bareConn(b)
	prepare := func(q string) driver.StmtExecContext {
		s, err := c.Prepare(q)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close() })
		return s.(driver.StmtExecContext)
	}
	begin, commit := prepare(`BEGIN IMMEDIATE`), prepare(`COMMIT`)
	row, message := prepare(`INSERT INTO rows (body) VALUES (?)`), prepare(`INSERT INTO outbox (body) VALUES (?)`)
	body := bytes.Repeat([]byte("x"), 600)
	args := []driver.NamedValue{{Ordinal: 1, Value: body}}
	small := []driver.NamedValue{{Ordinal: 1, Value: body[:60]}}
	exec := func(s driver.StmtExecContext, args []driver.NamedValue) {
		if _, err := s.ExecContext(context.Background(), args); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for done := 0; done < b.N; {
		exec(begin, nil)
		for range min(benchWriters/2, b.N-done) {
			exec(row, args)
			exec(message, small)
			done++
		}
		exec(commit, nil)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkBareCommit: one small row, one commit.
func BenchmarkBareCommit(b *testing.B) {
	c := bareConn(b)
	for b.Loop() {
		bareExec(b, c, `INSERT INTO rows (body) VALUES ('x')`)
	}
}

// BenchmarkUpdateSingle: one writer, nothing to group.
func BenchmarkUpdateSingle(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	ids := squall.NewIDSource()
	for b.Loop() {
		if err := s.Update(b.Context(), func(tx store.Tx) error {
			return tx.InsertExecution(b.Context(), benchExecution(tx, ids))
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func largeResult(size int) json.RawMessage {
	var buf bytes.Buffer
	buf.WriteString(`{"stdout":"`)
	for i := 0; buf.Len() < size-2; i++ {
		fmt.Fprintf(&buf, "2026-11-22T10:%02d:%02d node%04d: job %d finished with code %d, %x\\n", i/60%60, i%60, i%3000, i*7919, i%3, i*2654435761)
	}
	buf.WriteString(`"}`)
	return buf.Bytes()
}

// BenchmarkBarePut4MB: compressing the result and writing it, synced, to a file.
func BenchmarkBarePut4MB(b *testing.B) {
	doc := largeResult(4 << 20)
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	defer enc.Close()
	dir := b.TempDir()
	n := 0
	for b.Loop() {
		body := enc.EncodeAll(doc, nil)
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			b.Fatal(err)
		}
		n++
		if _, err := f.Write(body); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(body)), "stored-bytes")
	}
}

// BenchmarkPut4MB: finishing an execution with that result.
func BenchmarkPut4MB(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	ids := squall.NewIDSource()
	doc := largeResult(4 << 20)
	for b.Loop() {
		b.StopTimer()
		var id squall.ID
		ctx := b.Context()
		if err := s.Update(ctx, func(tx store.Tx) error {
			ex := benchExecution(tx, ids)
			id = ex.ID
			return tx.InsertExecution(ctx, ex)
		}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := s.Update(ctx, func(tx store.Tx) error {
			_, err := tx.MoveExecution(ctx, store.Move{ID: id, From: []squall.Status{squall.Running}, To: squall.Succeeded, Result: doc})
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
