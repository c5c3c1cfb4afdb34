package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"squall/internal/expr/value"
	"squall/internal/lifecycle"
	"squall/internal/rule"
	"squall/internal/squall"
	"squall/internal/store"
)

// plan is an event with what is to be written of it.
type plan struct {
	event    *squall.Event
	serial   string    // what its rules request runs one at a time under this name; "": at once
	stored   bool      // it is in the database, pending
	trusted  bool      // its payload is of our making and not checked (st2)
	known    bool      // there was one with its key
	first    squall.ID // that one
	newTrace *squall.Trace
	outcomes []*outcome
}

// outcome is what one rule made of the event.
type outcome struct {
	enforcement squall.Enforcement
	request     *lifecycle.Prepared // nil: there is nothing to run
	state       stateChange
	silent      bool   // as written: there is nothing to record of it
	shown       string // as written: why the rule held back
}

func (p *plan) enforcements() []*squall.Enforcement {
	var list []*squall.Enforcement
	for _, o := range p.outcomes {
		if o.silent {
			continue
		}
		e := o.enforcement
		if o.shown != "" {
			e.Failure = o.shown
		}
		list = append(list, &e)
	}
	return list
}

// settle gives back what the plan holds, or starts it.
func (p *plan) settle(ctx context.Context, svc *lifecycle.Service, committed bool) {
	for _, o := range p.outcomes {
		if o.request != nil {
			svc.Settle(ctx, o.request, committed && !p.known && o.enforcement.Execution != "")
			o.request = nil
		}
	}
}

// decide finds the rules of an event, matches them and prepares what they
// request. It may be called again, with a newer index.
func (r *Reactor) decide(ctx context.Context, x *index, p *plan) error {
	p.outcomes, p.known = nil, false
	ev := p.event
	t, k := x.trigger(ev.Trigger)
	switch {
	case t == nil && p.stored:
		ev.Status = squall.EventFailed // its trigger is gone since
		return nil
	case t == nil || k == nil:
		return refused(ev, fmt.Sprintf("Trigger type with reference %q doesn't exist in the database", ev.Trigger))
	}
	ev.Trigger, ev.Type, ev.Status = t.Ref, t.Type, squall.EventProcessed
	if !p.stored {
		if !p.trusted {
			if err := k.validate(ev.Payload); err != nil {
				return refused(ev, squall.MessageOf(err))
			}
		}
		if err := r.trace(ctx, p); err != nil {
			return err
		}
	}
	listeners := x.listeners[t.Ref]
	if len(listeners) == 0 {
		return nil
	}
	m := &match{r: r, p: p, now: time.Now()}
	if err := m.payload(); err != nil {
		return refused(ev, err.Error())
	}
	standard := false
	for _, l := range listeners {
		if !l.noun.Enabled {
			continue
		}
		matched, err := m.ask(ctx, l, standard)
		if err != nil {
			return err
		}
		standard = standard || matched && order(l) == 0
	}
	return nil
}

// refused is st2's answer to an event that cannot be.
func refused(ev *squall.Event, why string) error {
	payload := ev.Payload
	if len(payload) == 0 {
		payload = json.RawMessage("{}")
	}
	if len(payload) > 1000 {
		payload = append(payload[:1000:1000], "..."...)
	}
	return squall.Errorf(squall.Invalid, "Trigger payload validation failed and validation is enabled, not dispatching a trigger %q (%s): %s", ev.Trigger, payload, why)
}

// trace finds the trace that an event with a name belongs to; others begin one,
// or belong to that of the execution that caused them.
func (r *Reactor) trace(ctx context.Context, p *plan) error {
	ev := p.event
	switch {
	case ev.Trace != "":
		return nil
	case ev.TraceTag == "":
		ev.Trace = ev.ID
		return nil
	}
	p.newTrace = nil
	err := r.st.View(ctx, func(tx store.Tx) error {
		t, err := tx.NamedTrace(ctx, ev.TraceTag)
		if err == nil {
			ev.Trace = t.ID
		}
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		now := time.Now()
		ev.Trace = r.IDs.Next(now)
		p.newTrace = &squall.Trace{ID: ev.Trace, Tag: ev.TraceTag, At: now}
		return nil
	}
	return err
}

// match is one event on its way past rules.
type match struct {
	r     *Reactor
	p     *plan
	now   time.Time
	value any // the payload
}

func (m *match) payload() (err error) {
	if len(m.p.event.Payload) > 0 {
		m.value, err = value.FromJSON(m.p.event.Payload)
	}
	return err
}

// ask matches a rule and notes what it makes of the event.
func (m *match) ask(ctx context.Context, l *listener, standardMatched bool) (matched bool, err error) {
	compiled, err := l.rule(m.r)
	if err != nil {
		m.fail(l, 1, fmt.Sprintf("the rule cannot be used: %s", err))
		return false, nil
	}
	if l.hold != nil && l.hold.unless != nil && m.holdsFor(ctx, l.hold.unless) {
		if err := m.callOff(ctx, l); err != nil {
			return false, err
		}
	}
	v := m.verdict(ctx, l, compiled, standardMatched)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	for i, f := range v.Failures {
		if squall.KindOf(f.Err) == squall.Unavailable {
			return false, f.Err
		}
		m.fail(l, i+1, f.Text(v.Rule, string(m.p.event.ID)))
	}
	if v.Err != nil {
		m.r.Log.Warn("a rule is broken", "rule", v.Rule, "error", v.Err)
	}
	if !v.Matched {
		return false, nil
	}
	return true, m.enforce(ctx, l, false)
}

// becauseGroup is why a rule does not match whose criteria do.
const becauseGroup rule.Why = "the groups of criteria (match) do not hold"

// verdict is what the criteria of a rule say, and then its groups of criteria.
func (m *match) verdict(ctx context.Context, l *listener, compiled *rule.Rule, standardMatched bool) rule.Verdict {
	v := compiled.Match(ctx, rule.Event{Payload: m.value}, rule.Env{Store: m.r.data, Now: m.now, StandardMatched: standardMatched})
	if v.Matched && !l.match.holds(func(c *rule.Rule) bool { return m.holdsFor(ctx, c) }) {
		v.Matched, v.Why = false, becauseGroup
	}
	return v
}

// holdsFor reports whether criteria hold for the event. What fails does not hold.
func (m *match) holdsFor(ctx context.Context, c *rule.Rule) bool {
	return c.Match(ctx, rule.Event{Payload: m.value}, rule.Env{Store: m.r.data, Now: m.now}).Matched
}

// callOff lets the event end what the rule waits for.
func (m *match) callOff(ctx context.Context, l *listener) (err error) {
	o := m.outcome(l, 0, "")
	o.silent = true
	if o.state, err = m.state(ctx, l, true); err != nil {
		return ctx.Err() // its key cannot be rendered: it is about nothing that waits
	}
	m.p.outcomes = append(m.p.outcomes, o)
	return nil
}

func (m *match) fail(l *listener, number int, text string) {
	m.p.outcomes = append(m.p.outcomes, m.outcome(l, number, text))
}

func (m *match) outcome(l *listener, number int, failure string) *outcome {
	return &outcome{enforcement: squall.Enforcement{
		ID: m.r.IDs.Next(m.now), Event: m.p.event.ID, Rule: l.noun.Ref.String(), Number: number, Failure: failure,
	}}
}

// enforce prepares what a rule that matched requests. settled says that the rule
// has held back long enough.
func (m *match) enforce(ctx context.Context, l *listener, settled bool) error {
	o := m.outcome(l, 0, "")
	m.p.outcomes = append(m.p.outcomes, o)
	if !settled {
		if err := m.holdBack(ctx, l, o); err != nil || o.enforcement.Failure != "" {
			return err
		}
	}
	r, err := m.request(l)
	if err == nil {
		o.request, err = m.r.svc.Prepare(ctx, r)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil || squall.KindOf(err) == squall.Unavailable:
		return err
	default:
		o.enforcement.Failure = squall.MessageOf(err)
		if squall.KindOf(err) == squall.Internal {
			m.r.Log.Error("a rule cannot request its action", "rule", l.noun.Ref.String(), "error", err)
		}
	}
	return nil
}

// request is what a rule asks for: its parameters with the event in them, in the
// name of the system's user (st2).
func (m *match) request(l *listener) (squall.Request, error) {
	ref, err := squall.ParseRef(l.noun.Action.Ref)
	if err != nil {
		return squall.Request{}, squall.Errorf(squall.Invalid, "Action %q doesn't exist", l.noun.Action.Ref)
	}
	ev := m.p.event
	tag := ev.TraceTag
	if tag == "" {
		tag = ev.DefaultTraceTag()
	}
	doc := map[string]any{
		"trigger_instance": map[string]any{"id": ev.ID, "name": nil},
		"rule":             map[string]any{"id": l.id, "name": l.noun.Ref.Name},
		"trace_context":    map[string]any{"id_": ev.Trace, "trace_tag": tag},
	}
	if m.p.serial != "" {
		doc[lifecycle.SerialKey] = m.p.serial
	}
	if l.notify != nil {
		doc[lifecycle.RequestKey] = map[string]any{"notify": l.notify}
	}
	runContext, err := json.Marshal(doc)
	if err != nil {
		return squall.Request{}, fmt.Errorf("context of rule %s: %w", l.noun.Ref, err)
	}
	payload := ev.Payload
	if len(payload) == 0 {
		payload = json.RawMessage("{}")
	}
	return squall.Request{
		Action: ref, Parameters: l.noun.Action.Parameters, Context: runContext, User: m.r.User,
		Names: map[string]json.RawMessage{"trigger": payload}, Queue: l.queue,
	}, nil
}

// write makes the plan true.
func (p *plan) write(ctx context.Context, tx store.Tx, r *Reactor) error {
	p.known = false
	if p.stored {
		ok, err := tx.MoveEvent(ctx, p.event.ID, squall.EventPending, p.event.Status)
		if err != nil || !ok {
			p.known = true // another node was faster
			return err
		}
	} else {
		fresh, err := tx.InsertEvent(ctx, p.event)
		if err != nil {
			return err
		}
		if !fresh {
			p.known = true
			p.first, err = tx.EventByKey(ctx, p.event.Key)
			return err
		}
		if p.newTrace != nil {
			if err := tx.PutTrace(ctx, p.newTrace); err != nil {
				return err
			}
		}
	}
	for _, o := range p.outcomes {
		if err := o.write(ctx, tx, r); err != nil {
			return err
		}
	}
	return nil
}

// write makes the outcome true, after asking what the rule remembers. The
// failure of an outcome is what prepared says; what holds back is asked anew each
// time.
func (o *outcome) write(ctx context.Context, tx store.Tx, r *Reactor) error {
	e := &o.enforcement
	e.At, e.Execution = tx.Now(), ""
	goes, why, err := o.state.step(ctx, tx, r.IDs)
	if err != nil {
		return err
	}
	if o.state.hold != nil && !o.state.off {
		o.silent = !goes && why == ""
	}
	switch {
	case o.silent:
		return nil
	case !goes:
		held := *e
		held.Failure = why
		o.shown = why
		return tx.InsertEnforcement(ctx, &held)
	}
	o.shown = ""
	if o.request != nil {
		ex, err := r.svc.InsertTx(ctx, tx, o.request)
		if err != nil {
			return err
		}
		e.Execution = ex.ID
	}
	return tx.InsertEnforcement(ctx, e)
}
