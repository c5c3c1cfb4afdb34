package postgres

import (
	"context"
	"time"

	"squall/internal/store"
	"squall/internal/store/driver"
)

// Locks implements store.SensorHosts.
func (t *tx) Locks(ctx context.Context, prefix string) (list []store.Lock, err error) {
	err = t.each(ctx, `SELECT name, owner, until FROM locks WHERE substr(name, 1, $1) = $2 AND until > $3 ORDER BY name`,
		[]any{len(prefix), prefix, t.now}, func(r *row) error {
			list = append(list, store.Lock{Name: r.text(), Owner: r.text(), Until: r.time()})
			return nil
		})
	return list, wrap("list locks", err)
}

// PutSensorState implements store.SensorHosts.
func (t *tx) PutSensorState(_ context.Context, s *store.SensorState) error {
	if err := driver.CheckText(s.Name, s.Node, s.State, s.Error); err != nil {
		return err
	}
	updated := s.UpdatedAt
	if updated.IsZero() {
		updated = t.now
	}
	err := t.send(`
		INSERT INTO sensor_states (name, node, pid, state, since, restarts, events, last_event_at, cpu, rss, error, updated_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)
		ON CONFLICT (name) DO UPDATE SET node = excluded.node, pid = excluded.pid, state = excluded.state, since = excluded.since,
			restarts = excluded.restarts, events = excluded.events, last_event_at = excluded.last_event_at,
			cpu = excluded.cpu, rss = excluded.rss, error = excluded.error, updated_at = excluded.updated_at`,
		s.Name, s.Node, s.PID, s.State, s.Since, s.Restarts, s.Events, s.LastEventAt, s.CPU.Microseconds(), s.RSS, s.Error, updated)
	return wrap("write state of sensor "+s.Name, err)
}

// SensorStates implements store.SensorHosts.
func (t *tx) SensorStates(ctx context.Context) (list []*store.SensorState, err error) {
	err = t.each(ctx, `
		SELECT name, node, pid, state, since, restarts, events, last_event_at, cpu, rss, error, updated_at
		FROM sensor_states ORDER BY name`, nil, func(r *row) error {
		list = append(list, &store.SensorState{
			Name: r.text(), Node: r.text(), PID: r.int(), State: r.text(), Since: r.time(), Restarts: r.int64(), Events: r.int64(),
			LastEventAt: r.time(), CPU: time.Duration(r.int64()) * time.Microsecond, RSS: r.int64(), Error: r.text(), UpdatedAt: r.time(),
		})
		return nil
	})
	return list, wrap("list states of sensors", err)
}

// DeleteSensorStates implements store.SensorHosts.
func (t *tx) DeleteSensorStates(_ context.Context, before time.Time) (int, error) {
	n, err := t.write(`DELETE FROM sensor_states WHERE updated_at < $1`, before)
	return n, wrap("delete states of sensors", err)
}
