package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// clockTrigger tells that the clock of a node is not to be relied on.
var clockTrigger = squall.Ref{Pack: "std", Name: "clock_alarm"}

const (
	// clockEvery is how often a node compares its clock.
	clockEvery = 10 * time.Second
	// clockTolerance is how far a clock may be off. Beyond it people who read times
	// of different nodes draw wrong conclusions, and times of timers come late.
	clockTolerance = time.Second
	// clockAlarmEvery is how often a node says so while it goes on.
	clockAlarmEvery = time.Hour
)

// reading is what a node's clock showed: the time of day, and how long the process
// runs, which no change of the clock moves.
type reading struct {
	wall time.Time
	runs time.Duration
}

// stepped returns how far the clock was put forward (or back, when negative)
// between two readings; a machine that slept was put forward.
func stepped(a, b reading) time.Duration { return b.wall.Sub(a.wall) - (b.runs - a.runs) }

// skew returns how far the database's clock is ahead of a node that looked at its
// own before and after it asked; 0 while what it saw can be explained by the way
// that took.
func skew(before, database, after time.Time) time.Duration {
	switch {
	case database.After(after):
		return database.Sub(after)
	case database.Before(before):
		return database.Sub(before)
	}
	return 0
}

// clockWatch compares a node's clock with the database's and with itself. The
// database's clock decides in any case: nothing fires twice or is lost because of
// this node's; the alarm is for people.
type clockWatch struct {
	began   time.Time // has the monotonic reading of the process
	last    reading
	alarmed time.Time
}

func (w *clockWatch) read() reading {
	now := time.Now()
	return reading{now.Round(0), now.Sub(w.began)}
}

// clockLoop watches the clock of this node.
func (r *Reactor) clockLoop(ctx context.Context) {
	w := &clockWatch{began: time.Now()}
	w.last = w.read()
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		if err := w.look(ctx, r); err != nil && ctx.Err() == nil {
			r.Log.Debug("the clock is not compared", "error", err) // the database is away; others say so
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look raises the alarm when the clock is off.
func (w *clockWatch) look(ctx context.Context, r *Reactor) error {
	var database time.Time
	before := w.read()
	err := r.st.View(ctx, func(tx store.Tx) error {
		database = tx.Now()
		return nil
	})
	if err != nil {
		return err
	}
	after := w.read()
	moved, off := stepped(w.last, after), skew(before.wall, database, after.wall)
	w.last = after
	r.Hooks.Skewed(off)
	if off.Abs() > clockTolerance {
		return w.alarm(ctx, r, "skew", off)
	}
	if moved.Abs() > clockTolerance {
		return w.alarm(ctx, r, "step", moved)
	}
	return nil
}

// alarm tells it, at most once an hour for what goes on.
func (w *clockWatch) alarm(ctx context.Context, r *Reactor, kind string, by time.Duration) error {
	if kind == "skew" {
		if !w.alarmed.IsZero() && time.Since(w.alarmed) < clockAlarmEvery {
			return nil
		}
		w.alarmed = time.Now()
	}
	r.Log.Warn("the clock of this node is off", "kind", kind, "by", by.Round(time.Millisecond))
	payload, err := json.Marshal(map[string]any{"node": r.Node, "kind": kind, "seconds": by.Seconds()})
	if err != nil {
		return fmt.Errorf("encode the alarm: %w", err)
	}
	_, err = r.Emit(ctx, squall.Event{Trigger: clockTrigger, Payload: payload})
	if squall.KindOf(err) == squall.Invalid {
		return nil // the pack std is not registered: the log has told it
	}
	return err
}
