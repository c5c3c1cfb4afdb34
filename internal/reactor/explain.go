package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"squall/internal/expr/value"
	"squall/internal/rule"
	"squall/internal/squall"
	"squall/internal/store"
)

// Explanation is what a rule would make of an event, and why. Nothing is stored.
type Explanation struct {
	Event    squall.ID // empty: it was made up
	Matched  bool
	Text     string // what each criterion said, for people
	Failures []string
	// Action and Parameters are what would be requested; RequestError is why it
	// could not be.
	Action       string
	Parameters   json.RawMessage
	RequestError string
}

// Explain tries a rule on an event with that payload. The rule need not be
// registered. Error kind: Invalid when the rule or the payload cannot be used.
func (r *Reactor) Explain(ctx context.Context, noun *squall.Rule, ev *squall.Event) (*Explanation, error) {
	compiled, err := rule.Compile(r.exprs, noun)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	l := &listener{noun: noun, id: squall.ObjectID(string(store.Rules), noun.Ref.String())}
	if l.extra, err = readExtra(r.exprs, noun); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	m := &match{r: r, p: &plan{event: ev}, now: time.Now()}
	if err := m.payload(); err != nil {
		return nil, squall.Errorf(squall.Invalid, "The payload is not valid JSON: %w", err)
	}
	v := m.verdict(ctx, l, compiled, false)
	e := &Explanation{Event: ev.ID, Matched: v.Matched, Text: v.Explain()}
	for _, f := range v.Failures {
		e.Failures = append(e.Failures, f.Reason+": "+value.MessageOf(f.Err))
	}
	if v.Err != nil {
		e.Failures = append(e.Failures, value.MessageOf(v.Err))
	}
	if !v.Matched {
		return e, nil
	}
	e.Action = noun.Action.Ref
	if ev.ID == "" {
		ev.ID = r.IDs.Next(m.now)
		ev.Trace = ev.ID
	}
	request, err := m.request(l)
	if err == nil {
		e.Parameters, err = r.svc.Try(ctx, request)
	}
	if err != nil {
		e.RequestError = squall.MessageOf(err)
	}
	return e, ctx.Err()
}

// maxReplay bounds how many events a dry run looks at.
const maxReplay = 10_000

// Replay tries a rule on the events of its trigger that are still there, newest
// first, at most limit, and tells of each that it matches. looked is how many it
// has seen.
func (r *Reactor) Replay(ctx context.Context, noun *squall.Rule, limit int) (matches []*Explanation, looked int, err error) {
	if limit <= 0 || limit > maxReplay {
		limit = maxReplay
	}
	t := squall.TriggerFor(noun.Trigger.Type, noun.Trigger.Parameters)
	var events []*squall.Event
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		events, err = tx.FindEvents(ctx, store.EventFilter{Type: t.Type.String(), Trigger: t.Ref.String(), Limit: limit})
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read events of trigger %s: %w", t.Ref, err)
	}
	on := *noun
	on.Enabled = true
	for _, ev := range events {
		e, err := r.Explain(ctx, &on, ev)
		if err != nil {
			return nil, looked, err
		}
		looked++
		if e.Matched {
			matches = append(matches, e)
		}
	}
	return matches, looked, nil
}
