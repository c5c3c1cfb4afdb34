package postgres

import (
	"context"

	"squall/internal/squall"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
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
	args := []any{ev.ID, ev.Trigger, ev.Type, string(ev.Status), ev.Key, ev.OccurredAt, ev.Trace, ev.TraceTag, cause, payload.Column}
	if ev.Key == "" { // nothing to wait for: the identifier is new
		if err := t.Send(insertEvent, args...); err != nil {
			return false, driver.Wrap("insert event", err)
		}
	} else if n, err := t.Write(insertEvent+` ON CONFLICT DO NOTHING`, args...); err != nil || n == 0 {
		return false, driver.Wrap("insert event", err)
	}
	if payload.Value != nil {
		err = t.StoreValue(ev.ID, payload.Value)
	}
	return err == nil, err
}

const insertEvent = `
	INSERT INTO events (id, "trigger", type, status, key, occurred_at, trace, trace_tag, cause, payload) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`

// InsertEnforcement implements store.Events.
func (t *tx) InsertEnforcement(_ context.Context, e *squall.Enforcement) error {
	if t.job == nil {
		return portable.ErrReadOnly
	}
	if err := driver.CheckEnforcement(e, t.now); err != nil {
		return err
	}
	var execution any
	if e.Execution != "" {
		execution = e.Execution
	}
	args := []any{e.Event, e.Rule, e.Number, e.ID, execution, e.Failure, e.At}
	if !t.group.careful {
		return driver.Wrap("insert enforcement", t.Send(insertEnforcement, args...))
	}
	n, err := t.Write(insertEnforcement+` ON CONFLICT DO NOTHING`, args...)
	if err == nil && n == 0 {
		return squall.Errorf(squall.Conflict, "event %s has an enforcement of rule %s already", e.Event, e.Rule)
	}
	return driver.Wrap("insert enforcement", err)
}

// insertEnforcement fails where there is one; that brings the careful pass, as
// with executions.
const insertEnforcement = `INSERT INTO enforcements (event, rule, number, id, execution, failure, at) VALUES ($1,$2,$3,$4,$5,$6,$7)`
