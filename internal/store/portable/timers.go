package portable

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// AddTimer implements store.Timers.
func (t Statements) AddTimer(_ context.Context, tm *store.Timer) (bool, error) {
	if err := driver.CheckText(tm.Ref, tm.State); err != nil {
		return false, err
	}
	n, err := t.Write(`INSERT INTO timers (ref, since, seen, next, state) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		tm.Ref, tm.Since, tm.Seen, tm.Next, tm.State)
	return n > 0, driver.Wrap("add timer "+tm.Ref, err)
}

// Timers implements store.Timers.
func (t Statements) Timers(ctx context.Context) ([]*store.Timer, error) {
	var list []*store.Timer
	err := t.Each(ctx, `SELECT ref, since, seen, next, state FROM timers ORDER BY ref`, nil, func(r Row) error {
		list = append(list, &store.Timer{Ref: r.Text(), Since: r.Time(), Seen: r.Time(), Next: r.Time(), State: r.Text()})
		return r.Err()
	})
	return list, driver.Wrap("list timers", err)
}

// AdvanceTimer implements store.Timers.
func (t Statements) AdvanceTimer(_ context.Context, tm *store.Timer, seen time.Time) (bool, error) {
	n, err := t.Write(`UPDATE timers SET seen = ?, next = ?, state = ? WHERE ref = ? AND seen = ?`, tm.Seen, tm.Next, tm.State, tm.Ref, seen)
	return n > 0, driver.Wrap("advance timer "+tm.Ref, err)
}

// RemoveTimer implements store.Timers.
func (t Statements) RemoveTimer(_ context.Context, ref string) error {
	err := t.Send(`DELETE FROM timers WHERE ref = ?`, ref)
	return driver.Wrap("remove timer "+ref, err)
}

// InsertFire implements store.Timers.
func (t Statements) InsertFire(_ context.Context, f *store.Fire) (bool, error) {
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
	n, err := t.Write(`INSERT INTO timer_fires (ref, nominal, outcome, at, event, reason) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		f.Ref, f.Nominal, string(f.Outcome), f.At, event, f.Reason)
	return n > 0, driver.Wrap("record timer "+f.Ref, err)
}

// Fires implements store.Timers.
func (t Statements) Fires(ctx context.Context, ref string, limit int) ([]*store.Fire, error) {
	var list []*store.Fire
	err := t.Each(ctx, `SELECT ref, nominal, outcome, at, event, reason FROM timer_fires WHERE ref = ? ORDER BY nominal DESC LIMIT ?`,
		[]any{ref, driver.Limit(limit)}, func(r Row) error {
			list = append(list, &store.Fire{Ref: r.Text(), Nominal: r.Time(), Outcome: store.FireOutcome(r.Text()), At: r.Time(), Event: r.ID(), Reason: r.Text()})
			return r.Err()
		})
	return list, driver.Wrap("list records of timer "+ref, err)
}

// TrimFires implements store.Timers.
func (t Statements) TrimFires(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`DELETE FROM timer_fires WHERE (ref, nominal) IN (SELECT ref, nominal FROM timer_fires WHERE nominal < ? ORDER BY nominal LIMIT ?)`,
		before, driver.Limit(limit))
	return n, driver.Wrap("trim records of timers", err)
}

// OpenRuns implements store.Timers. A timer that overlaps with more than its
// last thousand runs is not asked further back.
func (t Statements) OpenRuns(ctx context.Context, ref string) ([]*squall.Execution, error) {
	list, err := t.ReadExecutions(ctx, 0, `
		SELECT `+t.Columns(0)+` FROM executions WHERE status NOT IN `+FinalStates+` AND id IN (
			SELECT execution FROM enforcements WHERE event IN (
				SELECT event FROM timer_fires WHERE ref = ? AND event IS NOT NULL ORDER BY nominal DESC LIMIT 1000))
		ORDER BY id`, ref)
	return list, driver.Wrap("list runs of timer "+ref, err)
}

// LastSuccess implements store.Timers.
func (t Statements) LastSuccess(ctx context.Context, ref string) (at time.Time, err error) {
	_, err = t.One(ctx, `
		SELECT ended_at FROM executions WHERE status = 'succeeded' AND id IN (
			SELECT execution FROM enforcements WHERE event IN (
				SELECT event FROM timer_fires WHERE ref = ? AND event IS NOT NULL ORDER BY nominal DESC LIMIT 1000))
		ORDER BY ended_at DESC LIMIT 1`, []any{ref}, func(r Row) error {
		at = r.Time()
		return nil
	})
	return at, driver.Wrap("read the last success of timer "+ref, err)
}
