package scheduler

import (
	"context"
	"sync"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// TestLabels: what asks for labels runs on nodes that have them all, and a node
// that serves only its labels runs nothing else.
func TestLabels(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		for _, a := range []squall.Action{
			{Ref: squall.Ref{Pack: "t", Name: "dmz"}, Runner: "func", Enabled: true, Labels: map[string]string{"zone": "dmz"}},
			{Ref: squall.Ref{Pack: "t", Name: "both"}, Runner: "func", Enabled: true, Labels: map[string]string{"zone": "dmz", "gpu": "yes"}},
		} {
			if err := b.st.Update(t.Context(), func(tx store.Tx) error { return tx.PutAction(t.Context(), &a) }); err != nil {
				t.Fatal(err)
			}
		}
		plain := fast("plain")
		labeled := fast("labeled")
		labeled.Labels, labeled.OnlyLabels = []string{"zone=dmz"}, true
		b.startOn(b.svc, b.st, plain)
		b.startOn(b.svc, b.st, labeled)
		both := b.request("both", "a")
		if ex := b.await(b.request("dmz", "a").ID, squall.Succeeded); ex.Node != "labeled" {
			t.Errorf("dmz ran on %s", ex.Node)
		}
		for range 5 {
			if ex := b.await(b.request("func", "a").ID, squall.Succeeded); ex.Node != "plain" {
				t.Errorf("what asks for nothing ran on %s", ex.Node)
			}
		}
		if ex := b.get(both.ID); ex.Status != squall.Requested {
			t.Fatalf("what asks for two labels is %s on %s", ex.Status, ex.Node)
		}
		full := fast("full")
		full.Labels = []string{"gpu=yes", "zone=dmz"}
		b.startOn(b.svc, b.st, full)
		if ex := b.await(both.ID, squall.Succeeded); ex.Node != "full" {
			t.Errorf("both ran on %s", ex.Node)
		}
	})
}

func TestLabelLimits(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		if err := b.st.Update(t.Context(), func(tx store.Tx) error {
			return tx.PutAction(t.Context(), &squall.Action{Ref: squall.Ref{Pack: "t", Name: "gpu"}, Runner: "func", Enabled: true, Labels: map[string]string{"gpu": "yes"}})
		}); err != nil {
			t.Fatal(err)
		}
		var running, most safeCount
		b.funcs.set("work", func(ctx context.Context, _ *runner.Job, _ runner.Output) (squall.Outcome, error) {
			most.max(running.add(1))
			time.Sleep(30 * time.Millisecond)
			running.add(-1)
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		cfg := fast("n")
		cfg.Slots, cfg.Labels, cfg.LabelLimits = 8, []string{"gpu=yes"}, map[string]int{"gpu=yes": 2}
		b.startOn(b.svc, b.st, cfg)
		var ids []squall.ID
		for range 8 {
			ids = append(ids, b.request("gpu", "work").ID)
		}
		for _, id := range ids {
			b.await(id, squall.Succeeded)
		}
		if n := most.add(0); n != 2 {
			t.Errorf("%d ran at once, want 2", n)
		}
	})
}

type safeCount struct {
	mu sync.Mutex
	n  int
}

func (c *safeCount) add(d int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += d
	return c.n
}

func (c *safeCount) max(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = max(c.n, n)
}
