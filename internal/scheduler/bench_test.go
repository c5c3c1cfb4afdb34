package scheduler

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// BenchmarkNoop is the whole way of a no-op without HTTP, durable on SQLite:
// request, run, outcome.
func BenchmarkNoop(b *testing.B) {
	for name, clients := range map[string]int{"1client": 1, "64clients": 64} {
		b.Run(name, func(b *testing.B) {
			st, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(b.TempDir(), "squall.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close() //nolint:errcheck // a benchmark
			svc := lifecycle.New(st, types, lifecycle.Options{})
			if err := st.Update(b.Context(), func(tx store.Tx) error {
				return tx.PutAction(b.Context(), &squall.Action{Ref: squall.Ref{Pack: "t", Name: "noop"}, Runner: "noop", Enabled: true})
			}); err != nil {
				b.Fatal(err)
			}
			ended := make(chan struct{}, 1<<16)
			s, err := New(svc, st, runner.Set{"noop": noopRunner{}}, Config{
				Node:  store.Node{Name: "n"},
				Hooks: Hooks{Ended: func(string, squall.Status, time.Duration) { ended <- struct{}{} }},
			})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			go func() { done <- s.Run(ctx) }()
			svc.SetLocal(s)
			for s.Active() == 0 { // until the fast path is open
				ex, err := svc.Request(b.Context(), squall.Request{Action: squall.Ref{Pack: "t", Name: "noop"}})
				if err != nil {
					b.Fatal(err)
				}
				<-ended
				if ex.Status == squall.Running {
					break
				}
			}
			b.ResetTimer()
			work := make(chan struct{}, clients)
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					for range work {
						if _, err := svc.Request(b.Context(), squall.Request{Action: squall.Ref{Pack: "t", Name: "noop"}, User: "u"}); err != nil {
							b.Error(err)
						}
						<-ended
					}
				})
			}
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
			cancel()
			if err := <-done; err != nil {
				b.Error(err)
			}
		})
	}
}
