package sqlite

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
)

// InsertEvent implements store.Events.
func (t *tx) InsertEvent(_ context.Context, ev *squall.Event) (bool, error) {
	if err := driver.CheckEvent(ev, t.now); err != nil {
		return false, err
	}
	payload, err := t.PrepareDocument(ev.Payload)
	if err != nil {
		return false, err
	}
	var cause any
	if ev.Cause != "" {
		cause = ev.Cause
	}
	n, err := t.Write(`
		INSERT INTO events (id, "trigger", type, status, key, occurred_at, trace, trace_tag, cause, payload) VALUES (?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT DO NOTHING`,
		ev.ID, ev.Trigger, ev.Type, string(ev.Status), ev.Key, ev.OccurredAt, ev.Trace, ev.TraceTag, cause, payload.Column)
	if err != nil || n == 0 {
		return false, driver.Wrap("insert event", err)
	}
	if payload.Value != nil {
		err = t.StoreValue(ev.ID, payload.Value)
	}
	return err == nil, err
}

// InsertEnforcement implements store.Events.
func (t *tx) InsertEnforcement(_ context.Context, e *squall.Enforcement) error {
	if err := driver.CheckEnforcement(e, t.now); err != nil {
		return err
	}
	var execution any
	if e.Execution != "" {
		execution = e.Execution
	}
	n, err := t.Write(`INSERT INTO enforcements (event, rule, number, id, execution, failure, at) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		e.Event, e.Rule, e.Number, e.ID, execution, e.Failure, e.At)
	if err == nil && n == 0 {
		return squall.Errorf(squall.Conflict, "event %s has an enforcement of rule %s already", e.Event, e.Rule)
	}
	return driver.Wrap("insert enforcement", err)
}
