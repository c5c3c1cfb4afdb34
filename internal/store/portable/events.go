package portable

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// MoveEvent implements store.Events.
func (t Statements) MoveEvent(_ context.Context, id squall.ID, from, to squall.EventStatus) (bool, error) {
	n, err := t.Write(`UPDATE events SET status = ? WHERE id = ? AND status = ?`, string(to), id, string(from))
	return n > 0, driver.Wrap("move event "+string(id), err)
}

const eventColumns = `SELECT id, "trigger", type, status, key, occurred_at, trace, trace_tag, cause, payload FROM events `

func (t Statements) events(ctx context.Context, query string, args ...any) ([]*squall.Event, error) {
	var list []*squall.Event
	err := t.Each(ctx, eventColumns+query, args, func(r Row) error {
		ev := &squall.Event{ID: r.ID()}
		ev.Trigger, _ = squall.ParseRef(r.Text())
		ev.Type, _ = squall.ParseRef(r.Text())
		ev.Status, ev.Key, ev.OccurredAt = squall.EventStatus(r.Text()), r.Text(), r.Time()
		ev.Trace, ev.TraceTag, ev.Cause, ev.Payload = r.ID(), r.Text(), r.ID(), r.Bytes()
		list = append(list, ev)
		return r.Err()
	})
	if err != nil {
		return nil, err
	}
	for _, ev := range list {
		if ev.Payload, err = t.FetchDocument(ctx, ev.ID, ev.Payload); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Event implements store.Events.
func (t Statements) Event(ctx context.Context, id squall.ID) (*squall.Event, error) {
	list, err := t.events(ctx, `WHERE id = ?`, id)
	return first(list, err, "trigger instance", string(id))
}

// EventByKey implements store.Events.
func (t Statements) EventByKey(ctx context.Context, key string) (id squall.ID, err error) {
	found, err := t.One(ctx, `SELECT id FROM events WHERE key = ? AND key <> ''`, []any{key}, func(r Row) error {
		id = r.ID()
		return nil
	})
	if err == nil && !found {
		err = squall.Errorf(squall.NotFound, "there is no event with the key %q", key)
	}
	return id, err
}

// among restricts c to what has one of the identifiers.
func among(c *driver.Condition, ids []squall.ID) {
	if len(ids) == 0 {
		c.And("FALSE")
		return
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	c.And("id IN ("+driver.Marks(len(ids))+")", args...)
}

func eventCondition(f store.EventFilter) *driver.Condition {
	c := &driver.Condition{SQL: "TRUE"}
	if f.IDs != nil {
		among(c, f.IDs)
	}
	if f.Type != "" {
		c.And("type = ?", f.Type)
	}
	if f.Trigger != "" {
		c.And(`"trigger" = ?`, f.Trigger)
	}
	if f.Status != "" {
		c.And("status = ?", string(f.Status))
	}
	if !f.After.IsZero() {
		c.And("occurred_at > ?", f.After)
		low, _ := driver.IDBounds(f.After, time.Time{}, driver.EventSlack) // nothing is told of before it happens
		c.And("id > ?", low)
	}
	if !f.Before.IsZero() {
		c.And("occurred_at < ?", f.Before)
	}
	if f.Trace != "" {
		c.And("(id = ? OR (trace = ? AND trace <> id))", f.Trace, f.Trace)
		c.And("trace = ?", f.Trace)
	}
	return c
}

// FindEvents implements store.Events.
func (t Statements) FindEvents(ctx context.Context, f store.EventFilter) ([]*squall.Event, error) {
	where, order := eventCondition(f), "DESC"
	if f.Oldest {
		order = "ASC"
	}
	list, err := t.events(ctx, `WHERE `+where.SQL+` ORDER BY id `+order+` LIMIT ? OFFSET ?`, append(where.Args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, driver.Wrap("find events", err)
}

// CountEvents implements store.Events.
func (t Statements) CountEvents(ctx context.Context, f store.EventFilter, max int) (int, error) {
	where := eventCondition(f)
	n, err := t.Number(ctx, `SELECT count(*) FROM (SELECT 1 FROM events WHERE `+where.SQL+` LIMIT ?) AS found`, append(where.Args, driver.Limit(max))...)
	return int(n), driver.Wrap("count events", err)
}

// PendingEvents implements store.Events.
func (t Statements) PendingEvents(ctx context.Context, limit int) ([]*squall.Event, error) {
	list, err := t.events(ctx, `WHERE status = 'pending' ORDER BY id LIMIT ?`, driver.Limit(limit))
	return list, driver.Wrap("list pending events", err)
}

// DeleteEvents implements store.Events.
func (t Statements) DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	var ids []squall.ID
	_, high := driver.IDBounds(time.Time{}, before, driver.EventSlack) // only the oldest are read
	err := t.Each(ctx, `SELECT id FROM events WHERE occurred_at < ? AND status <> 'pending' AND id < ? ORDER BY id LIMIT ?`, []any{before, high, driver.Limit(limit)}, func(r Row) error {
		ids = append(ids, r.ID())
		return nil
	})
	if err != nil {
		return 0, driver.Wrap("find events to delete", err)
	}
	for _, id := range ids {
		for _, query := range []string{
			`DELETE FROM enforcements WHERE event = ?`, `DELETE FROM docs WHERE root = ?`, `DELETE FROM events WHERE id = ?`,
		} {
			if err := t.Send(query, id); err != nil {
				return 0, driver.Wrap("delete event "+string(id), err)
			}
		}
	}
	if err := t.Send(`DELETE FROM traces WHERE at < ? AND NOT EXISTS (SELECT 1 FROM events WHERE trace = traces.id AND trace <> events.id)
		AND NOT EXISTS (SELECT 1 FROM trace_executions WHERE trace = traces.id)`, before); err != nil {
		return 0, driver.Wrap("delete traces", err)
	}
	return len(ids), nil
}

func (t Statements) enforcements(ctx context.Context, query string, args ...any) ([]*squall.Enforcement, error) {
	var list []*squall.Enforcement
	err := t.Each(ctx, `SELECT id, event, rule, number, execution, failure, at FROM enforcements `+query, args, func(r Row) error {
		list = append(list, &squall.Enforcement{
			ID: r.ID(), Event: r.ID(), Rule: r.Text(), Number: r.Int(), Execution: r.ID(), Failure: r.Text(), At: r.Time(),
		})
		return r.Err()
	})
	return list, err
}

// Enforcement implements store.Events.
func (t Statements) Enforcement(ctx context.Context, id squall.ID) (*squall.Enforcement, error) {
	list, err := t.enforcements(ctx, `WHERE id = ?`, id)
	return first(list, err, "rule enforcement", string(id))
}

func enforcementCondition(f store.EnforcementFilter) *driver.Condition {
	c := &driver.Condition{SQL: "TRUE"}
	if f.IDs != nil {
		among(c, f.IDs)
	}
	if f.Rule != "" {
		c.And("rule = ?", f.Rule)
	}
	if f.Event != "" {
		c.And("event = ?", f.Event)
	}
	if f.Execution != "" {
		c.And("execution = ?", f.Execution)
	}
	if !f.After.IsZero() {
		c.And("at > ?", f.After)
	}
	if !f.Before.IsZero() {
		c.And("at < ?", f.Before)
	}
	if f.Failed != nil {
		if *f.Failed {
			c.And("failure <> ''")
		} else {
			c.And("failure = ''")
		}
	}
	return c
}

// FindEnforcements implements store.Events.
func (t Statements) FindEnforcements(ctx context.Context, f store.EnforcementFilter) ([]*squall.Enforcement, error) {
	where, order := enforcementCondition(f), "DESC"
	if f.Oldest {
		order = "ASC"
	}
	list, err := t.enforcements(ctx, `WHERE `+where.SQL+` ORDER BY id `+order+` LIMIT ? OFFSET ?`, append(where.Args, driver.Limit(f.Limit), max(0, f.Offset))...)
	return list, driver.Wrap("find enforcements", err)
}

// CountEnforcements implements store.Events.
func (t Statements) CountEnforcements(ctx context.Context, f store.EnforcementFilter, max int) (int, error) {
	where := enforcementCondition(f)
	n, err := t.Number(ctx, `SELECT count(*) FROM (SELECT 1 FROM enforcements WHERE `+where.SQL+` LIMIT ?) AS found`, append(where.Args, driver.Limit(max))...)
	return int(n), driver.Wrap("count enforcements", err)
}

func (t Statements) traces(ctx context.Context, query string, args ...any) ([]*squall.Trace, error) {
	var list []*squall.Trace
	err := t.Each(ctx, query, args, func(r Row) error {
		tr := &squall.Trace{ID: r.ID(), Tag: r.Text(), At: r.Time()}
		if tr.Tag == "" {
			tr.Tag = (&squall.Event{Trace: tr.ID}).DefaultTraceTag()
		}
		list = append(list, tr)
		return r.Err()
	})
	return list, err
}

// NamedTrace implements store.Events.
func (t Statements) NamedTrace(ctx context.Context, tag string) (*squall.Trace, error) {
	list, err := t.traces(ctx, `SELECT id, tag, at FROM traces WHERE tag = ? ORDER BY id DESC LIMIT 1`, tag)
	return first(list, err, "trace", tag)
}

// PutTrace implements store.Events.
func (t Statements) PutTrace(_ context.Context, tr *squall.Trace) error {
	if err := driver.CheckText(tr.Tag); err != nil {
		return err
	}
	err := t.Send(`INSERT INTO traces (id, tag, at) VALUES (?,?,?) ON CONFLICT DO NOTHING`, tr.ID, tr.Tag, tr.At)
	return driver.Wrap("store trace", err)
}

const (
	namedTraces = `SELECT id, tag, at FROM traces WHERE tag = ?`
	allTraces   = `SELECT id, trace_tag, occurred_at FROM events WHERE trace = id UNION ALL SELECT id, tag, at FROM traces`
)

// Trace implements store.Events.
func (t Statements) Trace(ctx context.Context, id squall.ID) (*squall.Trace, error) {
	list, err := t.traces(ctx, `SELECT id, tag, at FROM traces WHERE id = ? UNION ALL
		SELECT id, trace_tag, occurred_at FROM events WHERE id = ? AND trace = id`, id, id)
	return first(list, err, "trace", string(id))
}

// FindTraces implements store.Events.
func (t Statements) FindTraces(ctx context.Context, tag string, offset, limit int) ([]*squall.Trace, error) {
	query, args := allTraces, []any(nil)
	if tag != "" {
		query, args = namedTraces, []any{tag}
		if id, ok := driver.DefaultTrace(tag); ok {
			query, args = `SELECT id, trace_tag, occurred_at FROM events WHERE id = ? AND trace = id AND trace_tag = ''`, []any{id}
		}
	}
	list, err := t.traces(ctx, query+` ORDER BY 1 DESC LIMIT ? OFFSET ?`, append(args, driver.Limit(limit), max(0, offset))...)
	return list, driver.Wrap("find traces", err)
}

// CountTraces implements store.Events.
func (t Statements) CountTraces(ctx context.Context, tag string, max int) (int, error) {
	query, args := allTraces, []any(nil)
	if tag != "" {
		query, args = namedTraces, []any{tag}
		if id, ok := driver.DefaultTrace(tag); ok {
			query, args = `SELECT id FROM events WHERE id = ? AND trace = id AND trace_tag = ''`, []any{id}
		}
	}
	n, err := t.Number(ctx, `SELECT count(*) FROM (`+query+` LIMIT ?) AS found`, append(args, driver.Limit(max))...)
	return int(n), driver.Wrap("count traces", err)
}

// AddToTrace implements store.Events.
func (t Statements) AddToTrace(_ context.Context, trace, execution squall.ID) error {
	err := t.Send(`INSERT INTO trace_executions (execution, trace) VALUES (?,?) ON CONFLICT DO NOTHING`, execution, trace)
	return driver.Wrap("add execution to trace", err)
}

// TraceOf implements store.Events.
func (t Statements) TraceOf(ctx context.Context, execution squall.ID) (id squall.ID, err error) {
	_, err = t.One(ctx, `SELECT trace FROM trace_executions WHERE execution = ?`, []any{execution}, func(r Row) error {
		id = r.ID()
		return nil
	})
	return id, driver.Wrap("read trace of execution", err)
}

// TraceExecutions implements store.Events.
func (t Statements) TraceExecutions(ctx context.Context, trace squall.ID) (ids []squall.ID, err error) {
	err = t.Each(ctx, `SELECT execution FROM trace_executions WHERE trace = ? ORDER BY execution`, []any{trace}, func(r Row) error {
		ids = append(ids, r.ID())
		return nil
	})
	return ids, driver.Wrap(fmt.Sprintf("list executions of trace %s", trace), err)
}
