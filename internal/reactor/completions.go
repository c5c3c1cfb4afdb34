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

// The internal triggers that are made out of the outbox.
var (
	actionTrigger  = squall.Ref{Pack: "core", Name: "st2.generic.actiontrigger"}
	notifyTrigger  = squall.Ref{Pack: "core", Name: "st2.generic.notifytrigger"}
	inquiryTrigger = squall.Ref{Pack: "core", Name: "st2.generic.inquiry"}
)

// outboxReader is the name under which the place in the outbox is kept.
const outboxReader = "reactor"

const (
	// outboxBatch is how many messages one transaction of the reader takes.
	outboxBatch = 200
	// restAfter is how often the reader goes on when nobody listens.
	restAfter = 100 * time.Millisecond
	// keepEvery is how often it writes down its place then.
	keepEvery = 10 * time.Second
)

// completionLoop makes the internal triggers about executions. One node does
// it, under a lock; its place in the outbox moves in the transaction that writes
// the events, under the guard that it is still where it was.
func (r *Reactor) completionLoop(ctx context.Context) {
	news, stop := r.st.Wake(store.TopicOutbox)
	defer stop()
	defer r.release(ctx, completionLock)
	c := &completions{r: r}
	r.loop(ctx, "read the outbox", news, func() (time.Duration, error) {
		if time.Until(c.heldUntil) < r.LockTTL/2 {
			began := time.Now()
			held, err := r.mine(ctx, completionLock)
			if err != nil || !held {
				c.heldUntil = time.Time{}
				return 0, err
			}
			if c.heldUntil.IsZero() {
				c.began = false // somebody else may have gone on
			}
			c.heldUntil = began.Add(r.LockTTL)
		}
		return c.step(ctx)
	})
}

// completions is the reader of the outbox.
type completions struct {
	r         *Reactor
	heldUntil time.Time // of the lock
	began     bool
	place     store.Cursor
	kept      store.Cursor // place as it is stored
	keptAt    time.Time
	rested    time.Time
}

// errMoved says that another node has moved the place.
var errMoved = errors.New("the place in the outbox was moved by another node")

// step takes the next messages.
func (c *completions) step(ctx context.Context) (again time.Duration, err error) {
	if !c.began {
		if err := c.begin(ctx); err != nil {
			return 0, err
		}
	}
	x, err := c.r.currentNow(ctx)
	if err != nil {
		return 0, err
	}
	if !x.hearsEnds() {
		return restAfter, c.rest(ctx)
	}
	for range 10 { // then the lock is looked after again
		n, err := c.take(ctx, x)
		if errors.Is(err, errMoved) {
			c.began = false
			return time.Nanosecond, nil
		}
		if err != nil || n < outboxBatch {
			return 0, err
		}
	}
	return time.Nanosecond, nil
}

// begin finds the place: that which is stored, or the end of the outbox.
func (c *completions) begin(ctx context.Context) error {
	found := false
	err := c.r.st.View(ctx, func(tx store.Tx) (err error) {
		if c.place, found, err = tx.Cursor(ctx, outboxReader); err != nil || found {
			return err
		}
		c.place, err = tx.OutboxEnd(ctx)
		return err
	})
	if err != nil {
		return err
	}
	c.kept = c.place
	if !found {
		if err := c.keep(ctx, nil, c.place); err != nil {
			return err
		}
	}
	c.began = true
	return nil
}

// hearsEnds reports whether a rule waits for what the outbox tells.
func (x *index) hearsEnds() bool {
	return x.listens(actionTrigger) || x.listens(notifyTrigger) || x.listens(inquiryTrigger)
}

// rest goes to the end of the outbox: nobody wants to know what is there. It
// does so often enough that a rule made a moment later does not hear of what was
// before it.
func (c *completions) rest(ctx context.Context) error {
	if time.Since(c.rested) < restAfter {
		return nil
	}
	c.rested = time.Now()
	end := c.place
	err := c.r.st.View(ctx, func(tx store.Tx) (err error) {
		end, err = tx.OutboxEnd(ctx)
		return err
	})
	if err != nil {
		return err
	}
	// Asked after the end was read: a rule that is there by now hears of what came meanwhile.
	x, err := c.r.currentNow(ctx)
	if err != nil || x.hearsEnds() {
		return err
	}
	c.place = end
	if c.place == c.kept || time.Since(c.keptAt) < keepEvery {
		return nil
	}
	return c.keep(ctx, &c.kept, c.place)
}

// keep stores the place; when was is given, under the guard that it is stored.
func (c *completions) keep(ctx context.Context, was *store.Cursor, place store.Cursor) error {
	err := c.r.st.Update(ctx, func(tx store.Tx) error { return move(ctx, tx, was, place) })
	if errors.Is(err, errMoved) {
		c.began = false
		return nil
	}
	if err == nil {
		c.kept, c.keptAt = place, time.Now()
	}
	return err
}

func move(ctx context.Context, tx store.Tx, was *store.Cursor, place store.Cursor) error {
	// The lock makes the guard exact: whoever else wants to move waits here.
	if _, err := tx.LockGate(ctx, "outbox:"+outboxReader); err != nil {
		return err
	}
	stored, found, err := tx.Cursor(ctx, outboxReader)
	if err != nil {
		return err
	}
	if was != nil && (!found || stored != *was) {
		return errMoved
	}
	return tx.PutCursor(ctx, outboxReader, place)
}

// take makes events out of the next messages.
func (c *completions) take(ctx context.Context, x *index) (n int, err error) {
	var messages []store.Message
	var plans []*plan
	err = c.r.st.View(ctx, func(tx store.Tx) (err error) {
		plans = nil
		if messages, err = tx.ReadOutbox(ctx, c.place, outboxBatch); err != nil {
			return err
		}
		for _, m := range messages {
			more, err := c.r.eventsOf(ctx, tx, x, m)
			if err != nil {
				return err
			}
			plans = append(plans, more...)
		}
		return nil
	})
	if err != nil || len(messages) == 0 {
		return 0, err
	}
	place, was := messages[len(messages)-1].Cursor, c.kept
	err = c.r.react(ctx, plans, func(tx store.Tx) error { return move(ctx, tx, &was, place) })
	if err != nil {
		return 0, err
	}
	c.place, c.kept, c.keptAt = place, place, time.Now()
	return len(messages), nil
}

// eventsOf returns the events that a message of the outbox stands for and that
// somebody listens to.
func (r *Reactor) eventsOf(ctx context.Context, tx store.Tx, x *index, m store.Message) ([]*plan, error) {
	ends := (m.Kind == store.ExecutionUpdated || m.Kind == store.ExecutionCreated) && m.Status.Final()
	asks := m.Kind == store.ExecutionUpdated && m.Status == squall.Pending && x.listens(inquiryTrigger)
	tellsEnd, tellsNotice := ends && x.listens(actionTrigger), ends && x.listens(notifyTrigger)
	if !asks && !tellsEnd && !tellsNotice {
		return nil, nil
	}
	parts := store.WithAll
	if !asks && !tellsEnd {
		parts = store.WithParameters // a result may be large, and most executions notify nobody
	}
	ex, err := tx.Execution(ctx, m.Execution, parts)
	if squall.KindOf(err) == squall.NotFound {
		return nil, nil // deleted since
	}
	if err != nil {
		return nil, err
	}
	var plans []*plan
	add := func(trigger squall.Ref, key string, payload any) error {
		doc, err := json.Marshal(payload)
		if err != nil {
			return fmt.Errorf("payload of %s of execution %s: %w", trigger, ex.ID, err)
		}
		ev := &squall.Event{
			ID: r.IDs.Next(time.Now()), Trigger: trigger, Payload: doc, OccurredAt: m.At, Cause: ex.ID,
			Key: trigger.Name + ":" + string(ex.ID) + key,
		}
		ev.Trace, ev.TraceTag, err = r.traceOf(ctx, tx, ex)
		plans = append(plans, &plan{event: ev, trusted: true})
		return err
	}
	if asks {
		return plans, add(inquiryTrigger, "", map[string]any{"id": ex.ID, "route": inquiryRoute(ex.Result)})
	}
	if ex.Status == m.Status && tellsEnd {
		if err := add(actionTrigger, "", r.completionPayload(ctx, ex)); err != nil {
			return nil, err
		}
	}
	if ex.Status == m.Status && tellsNotice {
		if !r.svc.Notifies(ctx, ex) {
			return plans, nil
		}
		if parts != store.WithAll { // the texts may show the result
			if ex, err = tx.Execution(ctx, m.Execution, store.WithAll); err != nil {
				return nil, err
			}
		}
		for _, n := range r.svc.Notices(ctx, ex) {
			for _, route := range n.Routes {
				if err := add(notifyTrigger, ":"+n.On+":"+route, r.noticePayload(ctx, ex, n, route)); err != nil {
					return nil, err
				}
			}
		}
	}
	return plans, nil
}

// inquiryRoute is the route that an inquiry names for those who are to answer.
func inquiryRoute(result json.RawMessage) string {
	var doc struct {
		Route string `json:"route"`
	}
	if json.Unmarshal(result, &doc) != nil {
		return ""
	}
	return doc.Route
}

// completionPayload is st2's payload of the action trigger. Secrets are masked.
func (r *Reactor) completionPayload(ctx context.Context, ex *squall.Execution) map[string]any {
	parameters, result := r.svc.Masked(ctx, ex)
	return map[string]any{
		"execution_id": ex.ID, "status": ex.Status, "start_timestamp": pythonTime(ex.StartedAt, ex.CreatedAt),
		"action_name": ex.Action.String(), "action_ref": ex.Action.String(), "runner_ref": ex.Runner,
		"parameters": parameters, "result": result,
	}
}

// pythonTime writes an instant as Python's str does.
func pythonTime(t, otherwise time.Time) string {
	if t.IsZero() {
		t = otherwise
	}
	return t.UTC().Format("2006-01-02 15:04:05.000000+00:00")
}

// traceOf returns the trace that an execution belongs to; nothing when it
// belongs to none.
func (r *Reactor) traceOf(ctx context.Context, tx store.Tx, ex *squall.Execution) (id squall.ID, tag string, err error) {
	top := ex
	if ex.Root != ex.ID {
		if top, err = tx.Execution(ctx, ex.Root, store.WithParameters); err != nil {
			return "", "", err
		}
	}
	var doc struct {
		Trace struct {
			ID  squall.ID `json:"id_"`
			Tag string    `json:"trace_tag"`
		} `json:"trace_context"`
	}
	if json.Unmarshal(top.Context, &doc) == nil && doc.Trace.ID.Valid() {
		id = doc.Trace.ID
	} else if id, err = tx.TraceOf(ctx, ex.Root); err != nil || id == "" {
		return "", "", err
	}
	t, err := tx.Trace(ctx, id)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return id, doc.Trace.Tag, nil
	case err != nil:
		return "", "", err
	}
	return id, t.Tag, nil
}

// currentNow is current for those who must not be late: it asks whether there
// is a newer index.
func (r *Reactor) currentNow(ctx context.Context) (*index, error) {
	x, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	var version int64
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		version, err = tx.ContentVersion(ctx)
		return err
	})
	if err != nil || version == x.version {
		return x, err
	}
	return r.reload(ctx, x.version)
}
