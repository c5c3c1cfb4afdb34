package postgres

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// InsertEvent implements store.Events.
func (t *tx) InsertEvent(_ context.Context, ev *squall.Event) (bool, error) {
	if err := driver.CheckEvent(ev, t.now); err != nil {
		return false, err
	}
	payload, err := t.prepare(ev.Payload)
	if err != nil {
		return false, err
	}
	var cause any
	if ev.Cause != "" {
		cause = ev.Cause
	}
	args := []any{ev.ID, ev.Trigger, ev.Type, string(ev.Status), ev.Key, ev.OccurredAt, ev.Trace, ev.TraceTag, cause, payload.Column}
	if ev.Key == "" { // nothing to wait for: the identifier is new
		if err := t.send(insertEvent, args...); err != nil {
			return false, wrap("insert event", err)
		}
	} else if n, err := t.write(insertEvent+` ON CONFLICT DO NOTHING`, args...); err != nil || n == 0 {
		return false, wrap("insert event", err)
	}
	if payload.Value != nil {
		err = t.putValue(ev.ID, payload.Value)
	}
	return err == nil, err
}

const insertEvent = `
	INSERT INTO events (id, "trigger", type, status, key, occurred_at, trace, trace_tag, cause, payload) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`

// MoveEvent implements store.Events.
func (t *tx) MoveEvent(_ context.Context, id squall.ID, from, to squall.EventStatus) (bool, error) {
	n, err := t.write(`UPDATE events SET status = $1 WHERE id = $2 AND status = $3`, string(to), id, string(from))
	return n > 0, wrap("move event "+string(id), err)
}

const eventColumns = `SELECT id, "trigger", type, status, key, occurred_at, trace, trace_tag, cause, payload FROM events `

func (t *tx) events(ctx context.Context, query string, args ...any) ([]*squall.Event, error) {
	var list []*squall.Event
	err := t.each(ctx, eventColumns+query, args, func(r *row) error {
		ev := &squall.Event{ID: r.id()}
		ev.Trigger, _ = squall.ParseRef(r.text())
		ev.Type, _ = squall.ParseRef(r.text())
		ev.Status, ev.Key, ev.OccurredAt = squall.EventStatus(r.text()), r.text(), r.time()
		ev.Trace, ev.TraceTag, ev.Cause, ev.Payload = r.id(), r.text(), r.id(), r.bytes()
		list = append(list, ev)
		return r.err
	})
	if err != nil {
		return nil, err
	}
	for _, ev := range list {
		if ev.Payload, err = t.fetch(ctx, ev.ID, ev.Payload); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Event implements store.Events.
func (t *tx) Event(ctx context.Context, id squall.ID) (*squall.Event, error) {
	list, err := t.events(ctx, `WHERE id = $1`, id)
	return first(list, err, "trigger instance", string(id))
}

// EventByKey implements store.Events.
func (t *tx) EventByKey(ctx context.Context, key string) (id squall.ID, err error) {
	found, err := t.one(ctx, `SELECT id FROM events WHERE key = $1 AND key <> ''`, []any{key}, func(r *row) error {
		id = r.id()
		return nil
	})
	if err == nil && !found {
		err = squall.Errorf(squall.NotFound, "there is no event with the key %q", key)
	}
	return id, err
}

func eventCondition(f store.EventFilter) *condition {
	c := &condition{sql: "true"}
	if f.Type != "" {
		c.and("type = ?", f.Type)
	}
	if f.Trigger != "" {
		c.and(`"trigger" = ?`, f.Trigger)
	}
	if f.Status != "" {
		c.and("status = ?", string(f.Status))
	}
	if !f.After.IsZero() {
		c.and("occurred_at > ?", f.After)
		low, _ := driver.IDBounds(f.After, time.Time{}, driver.EventSlack) // nothing is told of before it happens
		c.and("id > ?", low)
	}
	if !f.Before.IsZero() {
		c.and("occurred_at < ?", f.Before)
	}
	if f.Trace != "" {
		c.and("(id = ? OR (trace = ? AND trace <> id))", f.Trace, f.Trace)
		c.and("trace = ?", f.Trace)
	}
	return c
}

// FindEvents implements store.Events.
func (t *tx) FindEvents(ctx context.Context, f store.EventFilter) ([]*squall.Event, error) {
	where, order := eventCondition(f), "DESC"
	if f.Oldest {
		order = "ASC"
	}
	list, err := t.events(ctx, numbered(`WHERE `+where.sql+` ORDER BY id `+order+` LIMIT ? OFFSET ?`), append(where.args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, wrap("find events", err)
}

// CountEvents implements store.Events.
func (t *tx) CountEvents(ctx context.Context, f store.EventFilter, max int) (int, error) {
	where := eventCondition(f)
	n, err := t.number(ctx, numbered(`SELECT count(*) FROM (SELECT 1 FROM events WHERE `+where.sql+` LIMIT ?) AS found`), append(where.args, driver.Limit(max))...)
	return int(n), wrap("count events", err)
}

// PendingEvents implements store.Events.
func (t *tx) PendingEvents(ctx context.Context, limit int) ([]*squall.Event, error) {
	list, err := t.events(ctx, `WHERE status = 'pending' ORDER BY id LIMIT $1`, driver.Limit(limit))
	return list, wrap("list pending events", err)
}

// DeleteEvents implements store.Events.
func (t *tx) DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	var ids []squall.ID
	_, high := driver.IDBounds(time.Time{}, before, driver.EventSlack) // only the oldest are read
	err := t.each(ctx, `SELECT id FROM events WHERE occurred_at < $1 AND status <> 'pending' AND id < $2 ORDER BY id LIMIT $3`, []any{before, high, driver.Limit(limit)}, func(r *row) error {
		ids = append(ids, r.id())
		return nil
	})
	if err != nil {
		return 0, wrap("find events to delete", err)
	}
	for _, id := range ids {
		for _, query := range []string{
			`DELETE FROM enforcements WHERE event = $1`, `DELETE FROM docs WHERE root = $1`, `DELETE FROM events WHERE id = $1`,
		} {
			if err := t.send(query, id); err != nil {
				return 0, wrap("delete event "+string(id), err)
			}
		}
	}
	if err := t.send(`DELETE FROM traces WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM events WHERE trace = traces.id AND trace <> events.id)
		AND NOT EXISTS (SELECT 1 FROM trace_executions WHERE trace = traces.id)`, before); err != nil {
		return 0, wrap("delete traces", err)
	}
	return len(ids), nil
}

// InsertEnforcement implements store.Events.
func (t *tx) InsertEnforcement(_ context.Context, e *squall.Enforcement) error {
	if t.job == nil {
		return errReadOnly
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
		return wrap("insert enforcement", t.send(insertEnforcement, args...))
	}
	n, err := t.write(insertEnforcement+` ON CONFLICT DO NOTHING`, args...)
	if err == nil && n == 0 {
		return squall.Errorf(squall.Conflict, "event %s has an enforcement of rule %s already", e.Event, e.Rule)
	}
	return wrap("insert enforcement", err)
}

// insertEnforcement fails where there is one; that brings the careful pass, as
// with executions.
const insertEnforcement = `INSERT INTO enforcements (event, rule, number, id, execution, failure, at) VALUES ($1,$2,$3,$4,$5,$6,$7)`

func (t *tx) enforcements(ctx context.Context, query string, args ...any) ([]*squall.Enforcement, error) {
	var list []*squall.Enforcement
	err := t.each(ctx, `SELECT id, event, rule, number, execution, failure, at FROM enforcements `+query, args, func(r *row) error {
		list = append(list, &squall.Enforcement{
			ID: r.id(), Event: r.id(), Rule: r.text(), Number: r.int(), Execution: r.id(), Failure: r.text(), At: r.time(),
		})
		return r.err
	})
	return list, err
}

// Enforcement implements store.Events.
func (t *tx) Enforcement(ctx context.Context, id squall.ID) (*squall.Enforcement, error) {
	list, err := t.enforcements(ctx, `WHERE id = $1`, id)
	return first(list, err, "rule enforcement", string(id))
}

func enforcementCondition(f store.EnforcementFilter) *condition {
	c := &condition{sql: "true"}
	if f.Rule != "" {
		c.and("rule = ?", f.Rule)
	}
	if f.Event != "" {
		c.and("event = ?", f.Event)
	}
	if f.Execution != "" {
		c.and("execution = ?", f.Execution)
	}
	if !f.After.IsZero() {
		c.and("at > ?", f.After)
	}
	if !f.Before.IsZero() {
		c.and("at < ?", f.Before)
	}
	if f.Failed != nil {
		if *f.Failed {
			c.and("failure <> ''")
		} else {
			c.and("failure = ''")
		}
	}
	return c
}

// FindEnforcements implements store.Events.
func (t *tx) FindEnforcements(ctx context.Context, f store.EnforcementFilter) ([]*squall.Enforcement, error) {
	where := enforcementCondition(f)
	list, err := t.enforcements(ctx, numbered(`WHERE `+where.sql+` ORDER BY id DESC LIMIT ? OFFSET ?`), append(where.args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, wrap("find enforcements", err)
}

// CountEnforcements implements store.Events.
func (t *tx) CountEnforcements(ctx context.Context, f store.EnforcementFilter, max int) (int, error) {
	where := enforcementCondition(f)
	n, err := t.number(ctx, numbered(`SELECT count(*) FROM (SELECT 1 FROM enforcements WHERE `+where.sql+` LIMIT ?) AS found`), append(where.args, driver.Limit(max))...)
	return int(n), wrap("count enforcements", err)
}

func (t *tx) traces(ctx context.Context, query string, args ...any) ([]*squall.Trace, error) {
	var list []*squall.Trace
	err := t.each(ctx, query, args, func(r *row) error {
		tr := &squall.Trace{ID: r.id(), Tag: r.text(), At: r.time()}
		if tr.Tag == "" {
			tr.Tag = (&squall.Event{Trace: tr.ID}).DefaultTraceTag()
		}
		list = append(list, tr)
		return r.err
	})
	return list, err
}

// NamedTrace implements store.Events.
func (t *tx) NamedTrace(ctx context.Context, tag string) (*squall.Trace, error) {
	list, err := t.traces(ctx, `SELECT id, tag, at FROM traces WHERE tag = $1 ORDER BY id DESC LIMIT 1`, tag)
	return first(list, err, "trace", tag)
}

// PutTrace implements store.Events.
func (t *tx) PutTrace(_ context.Context, tr *squall.Trace) error {
	if err := driver.CheckText(tr.Tag); err != nil {
		return err
	}
	err := t.send(`INSERT INTO traces (id, tag, at) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`, tr.ID, tr.Tag, tr.At)
	return wrap("store trace", err)
}

const (
	namedTraces = `SELECT id, tag, at FROM traces WHERE tag = ?`
	allTraces   = `SELECT id, trace_tag, occurred_at FROM events WHERE trace = id UNION ALL SELECT id, tag, at FROM traces`
)

// Trace implements store.Events.
func (t *tx) Trace(ctx context.Context, id squall.ID) (*squall.Trace, error) {
	list, err := t.traces(ctx, `SELECT id, tag, at FROM traces WHERE id = $1 UNION ALL
		SELECT id, trace_tag, occurred_at FROM events WHERE id = $2 AND trace = id`, id, id)
	return first(list, err, "trace", string(id))
}

// FindTraces implements store.Events.
func (t *tx) FindTraces(ctx context.Context, tag string, offset, limit int) ([]*squall.Trace, error) {
	query, args := allTraces, []any(nil)
	if tag != "" {
		query, args = namedTraces, []any{tag}
		if id, ok := driver.DefaultTrace(tag); ok {
			query, args = `SELECT id, trace_tag, occurred_at FROM events WHERE id = ? AND trace = id AND trace_tag = ''`, []any{id}
		}
	}
	list, err := t.traces(ctx, numbered(query+` ORDER BY 1 DESC LIMIT ? OFFSET ?`), append(args, driver.Limit(limit), max(0, offset))...)
	return list, wrap("find traces", err)
}

// CountTraces implements store.Events.
func (t *tx) CountTraces(ctx context.Context, tag string, max int) (int, error) {
	query, args := allTraces, []any(nil)
	if tag != "" {
		query, args = namedTraces, []any{tag}
		if id, ok := driver.DefaultTrace(tag); ok {
			query, args = `SELECT id FROM events WHERE id = ? AND trace = id AND trace_tag = ''`, []any{id}
		}
	}
	n, err := t.number(ctx, numbered(`SELECT count(*) FROM (`+query+` LIMIT ?) AS found`), append(args, driver.Limit(max))...)
	return int(n), wrap("count traces", err)
}

// AddToTrace implements store.Events.
func (t *tx) AddToTrace(_ context.Context, trace, execution squall.ID) error {
	err := t.send(`INSERT INTO trace_executions (execution, trace) VALUES ($1,$2) ON CONFLICT DO NOTHING`, execution, trace)
	return wrap("add execution to trace", err)
}

// TraceOf implements store.Events.
func (t *tx) TraceOf(ctx context.Context, execution squall.ID) (id squall.ID, err error) {
	_, err = t.one(ctx, `SELECT trace FROM trace_executions WHERE execution = $1`, []any{execution}, func(r *row) error {
		id = r.id()
		return nil
	})
	return id, wrap("read trace of execution", err)
}

// TraceExecutions implements store.Events.
func (t *tx) TraceExecutions(ctx context.Context, trace squall.ID) (ids []squall.ID, err error) {
	err = t.each(ctx, `SELECT execution FROM trace_executions WHERE trace = $1 ORDER BY execution`, []any{trace}, func(r *row) error {
		ids = append(ids, r.id())
		return nil
	})
	return ids, wrap(fmt.Sprintf("list executions of trace %s", trace), err)
}
