package sqlite

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// AddTimer implements store.Timers.
func (t *tx) AddTimer(_ context.Context, tm *store.Timer) (bool, error) {
	if err := driver.CheckText(tm.Ref, tm.State); err != nil {
		return false, err
	}
	n, err := t.write(`INSERT INTO timers (ref, since, seen, next, state) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		tm.Ref, tm.Since, tm.Seen, tm.Next, tm.State)
	return n > 0, wrap("add timer "+tm.Ref, err)
}

// Timers implements store.Timers.
func (t *tx) Timers(ctx context.Context) ([]*store.Timer, error) {
	var list []*store.Timer
	err := t.each(ctx, `SELECT ref, since, seen, next, state FROM timers ORDER BY ref`, nil, func(r *row) error {
		list = append(list, &store.Timer{Ref: r.text(), Since: r.time(), Seen: r.time(), Next: r.time(), State: r.text()})
		return r.err
	})
	return list, wrap("list timers", err)
}

// AdvanceTimer implements store.Timers.
func (t *tx) AdvanceTimer(_ context.Context, tm *store.Timer, seen time.Time) (bool, error) {
	n, err := t.write(`UPDATE timers SET seen = ?, next = ?, state = ? WHERE ref = ? AND seen = ?`, tm.Seen, tm.Next, tm.State, tm.Ref, seen)
	return n > 0, wrap("advance timer "+tm.Ref, err)
}

// RemoveTimer implements store.Timers.
func (t *tx) RemoveTimer(_ context.Context, ref string) error {
	_, err := t.write(`DELETE FROM timers WHERE ref = ?`, ref)
	return wrap("remove timer "+ref, err)
}

// InsertFire implements store.Timers.
func (t *tx) InsertFire(_ context.Context, f *store.Fire) (bool, error) {
	if err := driver.CheckFire(f.Ref, f.Nominal); err != nil {
		return false, err
	}
	if err := driver.CheckText(f.Reason); err != nil {
		return false, err
	}
	var event any
	if f.Event != "" {
		event = f.Event
	}
	n, err := t.write(`INSERT INTO timer_fires (ref, nominal, outcome, at, event, reason) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		f.Ref, f.Nominal, string(f.Outcome), f.At, event, f.Reason)
	return n > 0, wrap("record timer "+f.Ref, err)
}

// Fires implements store.Timers.
func (t *tx) Fires(ctx context.Context, ref string, limit int) ([]*store.Fire, error) {
	var list []*store.Fire
	err := t.each(ctx, `SELECT ref, nominal, outcome, at, event, reason FROM timer_fires WHERE ref = ? ORDER BY nominal DESC LIMIT ?`,
		[]any{ref, driver.Limit(limit)}, func(r *row) error {
			list = append(list, &store.Fire{Ref: r.text(), Nominal: r.time(), Outcome: store.FireOutcome(r.text()), At: r.time(), Event: r.id(), Reason: r.text()})
			return r.err
		})
	return list, wrap("list records of timer "+ref, err)
}

// TrimFires implements store.Timers.
func (t *tx) TrimFires(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`DELETE FROM timer_fires WHERE (ref, nominal) IN (SELECT ref, nominal FROM timer_fires WHERE nominal < ? ORDER BY nominal LIMIT ?)`,
		before, driver.Limit(limit))
	return n, wrap("trim records of timers", err)
}

// OpenRuns implements store.Timers. A timer that overlaps with more than its
// last thousand runs is not asked further back.
func (t *tx) OpenRuns(ctx context.Context, ref string) ([]*squall.Execution, error) {
	list, err := t.executions(ctx, 0, `
		SELECT `+rowColumns+` FROM executions WHERE status NOT IN `+finalStates+` AND id IN (
			SELECT execution FROM enforcements WHERE event IN (
				SELECT event FROM timer_fires WHERE ref = ? AND event IS NOT NULL ORDER BY nominal DESC LIMIT 1000))
		ORDER BY id`, ref)
	return list, wrap("list runs of timer "+ref, err)
}

// LastSuccess implements store.Timers.
func (t *tx) LastSuccess(ctx context.Context, ref string) (at time.Time, err error) {
	_, err = t.one(ctx, `
		SELECT ended_at FROM executions WHERE status = 'succeeded' AND id IN (
			SELECT execution FROM enforcements WHERE event IN (
				SELECT event FROM timer_fires WHERE ref = ? AND event IS NOT NULL ORDER BY nominal DESC LIMIT 1000))
		ORDER BY ended_at DESC LIMIT 1`, []any{ref}, func(r *row) error {
		at = r.time()
		return nil
	})
	return at, wrap("read the last success of timer "+ref, err)
}
