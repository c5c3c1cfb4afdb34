package api

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// originFields are the members that show where an execution of a rule comes from.
var originFields = []string{"rule", "trigger", "trigger_type", "trigger_instance"}

// originOf is what the context of an execution says of its origin.
type originOf struct {
	Rule struct {
		ID string `json:"id"`
	} `json:"rule"`
	Instance struct {
		ID squall.ID `json:"id"`
	} `json:"trigger_instance"`
}

// addOrigins completes executions of rules with the documents of rule, trigger,
// trigger type and event. st2 keeps them as they were; here they are shown as they
// are, and what was removed since is left out.
func (s *Server) addOrigins(ctx context.Context, f wire.Fields, views ...*wire.View) error {
	if !slices.ContainsFunc(originFields, f.Has) {
		return nil
	}
	of := map[*wire.View]originOf{}
	for _, v := range views {
		var o originOf
		if bytes.Contains(v.Context, []byte(`"trigger_instance"`)) && json.Unmarshal(v.Context, &o) == nil && o.Instance.ID != "" {
			of[v] = o
		}
	}
	if len(of) == 0 {
		return nil
	}
	return s.Store.View(ctx, func(tx store.Tx) error {
		known := originReader{ctx: ctx, tx: tx, mask: s.newRuleMask(), docs: map[string]jsonRaw{}}
		for v, o := range of {
			v.Origin = wire.Origin{Rule: known.rule(o.Rule.ID)}
			if ev := known.event(o.Instance.ID, &v.Origin); ev != nil {
				v.Origin.Trigger = known.content(store.Triggers, ev.Trigger.String())
				v.Origin.Type = known.content(store.TriggerTypes, ev.Type.String())
			}
		}
		return known.err
	})
}

// originReader reads documents, each once.
type originReader struct {
	ctx  context.Context
	tx   store.Tx
	mask *ruleMask
	docs map[string]jsonRaw
	err  error
}

// once returns the document under a key, nil for what does not exist (any more).
func (r *originReader) once(key string, read func() (any, error)) jsonRaw {
	if doc, ok := r.docs[key]; ok || r.err != nil {
		return doc
	}
	shown, err := read()
	switch {
	case squall.KindOf(err) == squall.NotFound:
		r.docs[key] = nil
		return nil
	case err != nil:
		r.err = err
		return nil
	}
	r.docs[key], r.err = marshal(shown)
	return r.docs[key]
}

func (r *originReader) rule(id string) jsonRaw {
	return r.once("rule "+id, func() (any, error) {
		c, err := contentByID(r.ctx, r.tx, store.Rules, id)
		if err != nil {
			return nil, err
		}
		rule, err := store.Decode[squall.Rule](c)
		if err != nil {
			return nil, err
		}
		if err := r.mask.hide(r.ctx, r.tx, rule); err != nil {
			return nil, err
		}
		return wire.RuleOf(rule), nil
	})
}

// content is a trigger or a trigger type.
func (r *originReader) content(kind store.ContentKind, ref string) jsonRaw {
	return r.once(string(kind)+" "+ref, func() (any, error) {
		c, err := r.tx.Content(r.ctx, kind, ref)
		if err != nil {
			return nil, err
		}
		if kind == store.TriggerTypes {
			t, err := store.Decode[squall.TriggerType](c)
			if err != nil {
				return nil, err
			}
			return wire.TriggerTypeOf(t), nil
		}
		t, err := store.Decode[squall.Trigger](c)
		if err != nil {
			return nil, err
		}
		return wire.TriggerOf(t), nil
	})
}

// event reads an event and puts its document into o.
func (r *originReader) event(id squall.ID, o *wire.Origin) *squall.Event {
	ev, err := r.tx.Event(r.ctx, id)
	if squall.KindOf(err) != squall.NotFound && err != nil {
		r.err = err
	}
	if err != nil {
		return nil
	}
	o.Instance = r.once("event "+string(id), func() (any, error) { return wire.TriggerInstanceOf(ev), nil })
	return ev
}

// firedRules lists the rules that have made something of an event, as far as they
// are still there.
func firedRules(ctx context.Context, tx store.Tx) (fired []*squall.Rule, err error) {
	rules, err := store.Find[squall.Rule](ctx, tx, store.ContentFilter{Kind: store.Rules, Limit: maxFilterValues})
	for _, rule := range rules {
		made, err := tx.FindEnforcements(ctx, store.EnforcementFilter{Rule: rule.Ref.String(), Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(made) > 0 {
			fired = append(fired, rule)
		}
	}
	return fired, err
}
