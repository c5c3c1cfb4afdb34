package scheduler

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// A day in the life of a node, on the real database with a clock that jumps:
// what is due tomorrow starts on the second, the lease is never lost, old
// executions go.
func TestADay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "squall.db")
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		b := newBundle(t, st)
		lost := 0
		s := b.start(Config{
			Node: store.Node{Name: "n1"}, Poll: time.Hour, RescueEvery: time.Hour,
			LeaseTTL: time.Hour, Heartbeat: 20 * time.Minute,
			Retention:  lifecycle.Retention{Executions: 20 * time.Hour, Outbox: 20 * time.Hour},
			SweepEvery: time.Hour,
			Hooks:      Hooks{LeaseLost: func() { lost++ }},
		})
		synctest.Wait()
		first := b.request("func", "today")
		due := time.Now().Add(24*time.Hour + time.Second)
		later := b.request("func", "tomorrow", func(r *squall.Request) { r.NotBefore = due })
		time.Sleep(19 * time.Hour)
		if got := b.get(first.ID); got.Status != squall.Succeeded {
			t.Errorf("the first is %s", got.Status)
		}
		if got := b.get(later.ID); got.Status != squall.Delayed {
			t.Errorf("the other is %s before it is due", got.Status)
		}
		time.Sleep(6 * time.Hour)
		got := b.get(later.ID)
		if late := got.StartedAt.Sub(due); got.Status != squall.Succeeded || late < 0 || late > time.Second {
			t.Errorf("the other is %s, started %s late", got.Status, late)
		}
		if err := b.st.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.Execution(t.Context(), first.ID, 0)
			return err
		}); squall.KindOf(err) != squall.NotFound {
			t.Errorf("the first is still there after its retention: %v", err)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if lost != 0 || got.Epoch != 1 {
			t.Errorf("the lease was lost %d times, epoch %d", lost, got.Epoch)
		}
	})
}
