package reactor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// missedTrigger tells that a schedule had no success in time.
var missedTrigger = squall.Ref{Pack: "std", Name: "schedule_missed"}

// deadMen raises an event for every schedule with a dead-man switch whose last
// time is over for so long, and no run that it started has succeeded since. The
// key of the event makes it one for each time, whoever looks.
func (r *Reactor) deadMen(ctx context.Context) error {
	x, err := r.currentNow(ctx)
	if err != nil {
		return err
	}
	var rows []*store.Timer
	var now time.Time
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		now = tx.Now()
		rows, err = tx.Timers(ctx)
		return err
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, row := range rows {
		ref, err := squall.ParseRef(row.Ref)
		if err != nil {
			continue
		}
		t := x.triggers[ref]
		if t == nil || t.Type != scheduleType || !x.listens(ref) {
			continue
		}
		s := &schedule{trigger: t, since: row.Since}
		if s.parse(r.Zone) != nil || s.deadMan <= 0 {
			continue
		}
		if err := r.deadMan(ctx, s, now); err != nil {
			failed = append(failed, fmt.Errorf("schedule %s: %w", ref, err))
		}
	}
	return errors.Join(failed...)
}

func (r *Reactor) deadMan(ctx context.Context, s *schedule, now time.Time) error {
	expected, ok := s.spec.Last(s.since, now.Add(-s.deadMan-s.jitter))
	if !ok {
		return nil
	}
	ref := s.trigger.Ref.String()
	key := fmt.Sprintf("missed:%s:%d", ref, expected.UnixMicro())
	var success time.Time
	told := false
	err := r.st.View(ctx, func(tx store.Tx) error {
		_, err := tx.EventByKey(ctx, key)
		if told = err == nil; told || squall.KindOf(err) != squall.NotFound {
			return err
		}
		success, err = tx.LastSuccess(ctx, ref)
		return err
	})
	if err != nil || told || !success.Before(expected) {
		return err
	}
	doc := map[string]any{
		"trigger": ref, "expected_at": isoTime(expected), "last_success": nil, "schedule": s.trigger.Parameters,
	}
	if !success.IsZero() {
		doc["last_success"] = isoTime(success)
	}
	payload, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode the alarm: %w", err)
	}
	r.Log.Warn("a schedule had no successful run in time", "trigger", ref, "expected", expected, "last_success", success)
	_, err = r.Emit(ctx, squall.Event{Trigger: missedTrigger, Payload: payload, Key: key})
	return err
}
