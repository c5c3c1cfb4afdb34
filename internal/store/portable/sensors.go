package portable

import (
	"context"
	"time"

	"squall/internal/store"
	"squall/internal/store/driver"
)

// Locks implements store.SensorHosts.
func (t Statements) Locks(ctx context.Context, prefix string) (list []store.Lock, err error) {
	err = t.Each(ctx, `SELECT name, owner, until FROM locks WHERE substr(name, 1, ?) = ? AND until > ? ORDER BY name`,
		[]any{len(prefix), prefix, t.Now()}, func(r Row) error {
			list = append(list, store.Lock{Name: r.Text(), Owner: r.Text(), Until: r.Time()})
			return nil
		})
	return list, driver.Wrap("list locks", err)
}

// PutSensorState implements store.SensorHosts.
func (t Statements) PutSensorState(_ context.Context, s *store.SensorState) error {
	if err := driver.CheckText(s.Name, s.Node, s.State, s.Error); err != nil {
		return err
	}
	updated := s.UpdatedAt
	if updated.IsZero() {
		updated = t.Now()
	}
	err := t.Send(`
		INSERT INTO sensor_states (name, node, pid, state, since, restarts, events, last_event_at, cpu, rss, error, updated_at)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (name) DO UPDATE SET node = excluded.node, pid = excluded.pid, state = excluded.state, since = excluded.since,
			restarts = excluded.restarts, events = excluded.events, last_event_at = excluded.last_event_at,
			cpu = excluded.cpu, rss = excluded.rss, error = excluded.error, updated_at = excluded.updated_at`,
		s.Name, s.Node, s.PID, s.State, s.Since, s.Restarts, s.Events, s.LastEventAt, s.CPU.Microseconds(), s.RSS, s.Error, updated)
	return driver.Wrap("write state of sensor "+s.Name, err)
}

// SensorStates implements store.SensorHosts.
func (t Statements) SensorStates(ctx context.Context) (list []*store.SensorState, err error) {
	err = t.Each(ctx, `
		SELECT name, node, pid, state, since, restarts, events, last_event_at, cpu, rss, error, updated_at
		FROM sensor_states ORDER BY name`, nil, func(r Row) error {
		list = append(list, &store.SensorState{
			Name: r.Text(), Node: r.Text(), PID: r.Int(), State: r.Text(), Since: r.Time(), Restarts: r.Int64(), Events: r.Int64(),
			LastEventAt: r.Time(), CPU: time.Duration(r.Int64()) * time.Microsecond, RSS: r.Int64(), Error: r.Text(), UpdatedAt: r.Time(),
		})
		return nil
	})
	return list, driver.Wrap("list states of sensors", err)
}

// DeleteSensorStates implements store.SensorHosts.
func (t Statements) DeleteSensorStates(_ context.Context, before time.Time) (int, error) {
	n, err := t.Write(`DELETE FROM sensor_states WHERE updated_at < ?`, before)
	return n, driver.Wrap("delete states of sensors", err)
}
