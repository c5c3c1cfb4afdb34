package reactor_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/reactor"
	"squall/internal/squall"
	"squall/internal/store"
)

// ahead is a database whose clock is ahead of this machine's.
type ahead struct {
	store.Store
	by time.Duration
}

type aheadTx struct {
	store.Tx
	by time.Duration
}

func (t aheadTx) Now() time.Time { return t.Tx.Now().Add(t.by) }

func (s ahead) View(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.View(ctx, func(tx store.Tx) error { return fn(aheadTx{tx, s.by}) })
}

// TestClockAlarm: a node whose clock is not the database's raises one event, one
// whose clock is right none.
func TestClockAlarm(t *testing.T) {
	t.Parallel()
	eachStore(t, func(b *bundle) {
		b.update(func(tx store.Tx) error {
			return store.Put(b.Context(), tx, &squall.TriggerType{Ref: squall.Ref{Pack: "std", Name: "clock_alarm"}})
		})
		b.rule("alarm", on("std.clock_alarm", ""))
		exprs := expr.NewSet(expr.Limits{}, jinja.New())
		off := newBundle(b.T, b.st)
		off.Reactor = reactor.New(reactor.Config{
			Store: ahead{b.st, -7 * time.Second}, Lifecycle: off.svc, Exprs: exprs, Node: "n2", Poll: 50 * time.Millisecond, LockTTL: time.Second,
			Log: slog.New(slog.DiscardHandler),
		})
		b.run(off, func() bool { return b.executions() > 0 })
		b.view(func(tx store.Tx) error {
			list, err := tx.FindEvents(b.Context(), store.EventFilter{Type: "std.clock_alarm"})
			if err != nil {
				return err
			}
			b.equal("alarms", len(list), 1)
			var doc struct {
				Node, Kind string
				Seconds    float64
			}
			if err := json.Unmarshal(list[0].Payload, &doc); err != nil {
				return err
			}
			if doc.Node != "n2" || doc.Kind != "skew" || doc.Seconds > -6.5 || doc.Seconds < -7.5 {
				b.Errorf("the alarm says %+v", doc)
			}
			return nil
		})
	})
}
