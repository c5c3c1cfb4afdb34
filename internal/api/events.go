package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/reactor"
	"squall/internal/squall"
	"squall/internal/store"
)

// Events is what the API needs to know of what happens; internal/reactor.
type Events = *reactor.Reactor

var (
	errNoEvents = squall.Errorf(squall.Unavailable, "This process takes no events.")

	eventFields = members("id", "trigger", "occurrence_time", "status", "payload")
)

// enforcementFields are the members of an enforcement; what views show beside
// them cannot be asked for alone (st2).
func enforcementFields(name string) (exists, parts bool) {
	if name == "rule" {
		return true, true
	}
	return members("id", "trigger_instance_id", "execution_id", "failure_reason", "enforced_at", "status", "tags")(name)
}

// defaultEnforcements is how many enforcements a list shows when the client does
// not say (st2).
const defaultEnforcements = 50

// errNoObject is st2's answer to an identifier that nothing has.
func errNoObject(id string) error {
	return squall.Errorf(squall.NotFound, "Unable to identify resource with id %q.", id)
}

// triggerInstanceList lists events, newest first. Filters: trigger, trigger_type,
// status, timestamp, timestamp_gt, timestamp_lt.
func (s *Server) triggerInstanceList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	fields, err := fields(r.query, eventFields, nil)
	if err != nil {
		return err
	}
	q := r.query
	f := store.EventFilter{
		Type: q.Get("trigger_type"), Trigger: q.Get("trigger"), Status: squall.EventStatus(q.Get("status")), Offset: p.offset, Limit: p.limit,
		Oldest: q.Get("sort_asc") == "true" || q.Get("sort") == "occurrence_time",
	}
	if f.IDs, err = onlyIDs(q); err != nil {
		return err
	}
	if f.After, err = instant(q, "timestamp_gt"); err != nil {
		return err
	}
	if f.Before, err = instant(q, "timestamp_lt"); err != nil {
		return err
	}
	if f.Type != "" {
		f.Trigger = "" // st2: the type is looked at alone
		switch none, err := s.neverFires(r.Context(), f.Type); {
		case err != nil:
			return err
		case none:
			return respondJSON(w, http.StatusOK, []string{}) // st2: without headers
		}
	}
	var events []*squall.Event
	total := 0
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		if f.Trigger != "" && f.Type == "" { // so that an index can be used
			f.Type = f.Trigger
			if c, err := tx.Content(r.Context(), store.Triggers, f.Trigger); err == nil {
				f.Type = c.Link
			} else if squall.KindOf(err) != squall.NotFound {
				return err
			}
		}
		all := f
		all.Offset, all.Limit = 0, 0
		var err error
		if total, err = tx.CountEvents(r.Context(), all, s.CountLimit); err != nil {
			return err
		}
		events, err = tx.FindEvents(r.Context(), f)
		return err
	})
	if err != nil {
		return err
	}
	p.headers(w.Header(), total)
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, ev := range events {
				e.Document(wire.TriggerInstanceOf(ev), fields)
			}
		})
	})
}

// neverFires reports whether there is no trigger of a type.
func (s *Server) neverFires(ctx context.Context, typ string) (none bool, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) error {
		n, err := tx.CountContent(ctx, store.ContentFilter{Kind: store.Triggers, Link: typ})
		none = n == 0
		return err
	})
	return none, err
}

func (s *Server) event(ctx context.Context, id string) (ev *squall.Event, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		ev, err = tx.Event(ctx, squall.ID(id))
		return err
	})
	return ev, notFoundAs(err, errNoObject(id))
}

// triggerInstanceGet answers with one event.
func (s *Server) triggerInstanceGet(w http.ResponseWriter, r *request) error {
	ev, err := s.event(r.Context(), r.params["id"])
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TriggerInstanceOf(ev))
}

// triggerInstanceReEmit emits an event again, as a new one.
func (s *Server) triggerInstanceReEmit(w http.ResponseWriter, r *request) error {
	if s.Events == nil {
		return errNoEvents
	}
	id := r.params["id"]
	payload, err := s.Events.ReEmit(r.Context(), squall.ID(id))
	if err != nil {
		return notFoundAs(err, errNoObject(id))
	}
	return respondJSON(w, http.StatusOK, map[string]any{
		"message": "Trigger instance " + id + " succesfully re-sent.", "payload": payload, // st2 spells it so
	})
}

// enforcementFilter reads the filters of enforcements: rule_ref, rule_id,
// execution, trigger_instance, enforced_at_gt, enforced_at_lt.
func (s *Server) enforcementFilter(r *request) (f store.EnforcementFilter, err error) {
	q := r.query
	f = store.EnforcementFilter{Rule: q.Get("rule_ref"), Event: squall.ID(q.Get("trigger_instance")), Execution: squall.ID(q.Get("execution"))}
	f.Oldest, _ = timeOrder(q, "enforced_at")
	if f.IDs, err = onlyIDs(q); err != nil {
		return f, err
	}
	if id := q.Get("rule_id"); id != "" {
		none := false
		err = s.Store.View(r.Context(), func(tx store.Tx) error {
			c, err := contentByID(r.Context(), tx, store.Rules, id)
			if err == nil {
				none = differs(f.Rule, c.Ref)
				f.Rule = c.Ref
			}
			return err
		})
		if none || squall.KindOf(err) == squall.NotFound {
			f.IDs, err = []squall.ID{}, nil
		}
	}
	if err == nil {
		f.After, err = instant(q, "enforced_at_gt")
	}
	if err == nil {
		f.Before, err = instant(q, "enforced_at_lt")
	}
	return f, err
}

func (s *Server) enforcements(w http.ResponseWriter, r *request, show func(context.Context, *squall.Enforcement) (wire.RuleEnforcement, error)) error {
	p, err := s.page(r, defaultEnforcements)
	if err != nil {
		return err
	}
	fields, err := fields(r.query, enforcementFields, nil)
	if err != nil {
		return err
	}
	f, err := s.enforcementFilter(r)
	if err != nil {
		return err
	}
	var list []*squall.Enforcement
	total := 0
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if total, err = tx.CountEnforcements(r.Context(), f, s.CountLimit); err != nil {
			return err
		}
		f.Offset, f.Limit = p.offset, p.limit
		list, err = tx.FindEnforcements(r.Context(), f)
		return err
	})
	if err != nil {
		return err
	}
	docs := make([]wire.RuleEnforcement, len(list))
	for i, e := range list {
		if docs[i], err = show(r.Context(), e); err != nil {
			return err
		}
	}
	p.headers(w.Header(), total)
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, doc := range docs {
				e.Document(doc, fields)
			}
		})
	})
}

func plainEnforcement(_ context.Context, e *squall.Enforcement) (wire.RuleEnforcement, error) {
	return wire.RuleEnforcementOf(e), nil
}

// enforcementView adds the event and the execution.
func (s *Server) enforcementView(ctx context.Context, e *squall.Enforcement) (wire.RuleEnforcement, error) {
	doc := wire.RuleEnforcementOf(e)
	ev, err := s.event(ctx, string(e.Event))
	switch {
	case err == nil:
		doc.Instance = wire.TriggerInstanceOf(ev)
	case squall.KindOf(err) == squall.NotFound:
		doc.Instance = map[string]any{}
	default:
		return doc, err
	}
	if e.Execution == "" {
		doc.Run = jsonRaw("{}")
		return doc, nil
	}
	var ex *squall.Execution
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		ex, err = tx.Execution(ctx, e.Execution, store.WithParameters)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		doc.Run = jsonRaw("{}")
		return doc, nil
	}
	if err != nil {
		return doc, err
	}
	doc.Run, err = s.enforcedRun(ctx, ex)
	return doc, err
}

// enforcedRun is what the view of an enforcement shows of its execution (st2).
func (s *Server) enforcedRun(ctx context.Context, ex *squall.Execution) (jsonRaw, error) {
	v, err := s.view(ctx, ex, false)
	if err != nil {
		return nil, err
	}
	return encode(func(e *wire.Encoder) {
		e.Execution(v, wire.Include("action.ref", "action.parameters", "runner.name", "runner.runner_parameters", "parameters", "status", "start_timestamp"))
	}), nil
}

// enforcementList lists what rules made of events, newest first.
func (s *Server) enforcementList(w http.ResponseWriter, r *request) error {
	return s.enforcements(w, r, plainEnforcement)
}

// enforcementViewList is enforcementList with events and executions.
func (s *Server) enforcementViewList(w http.ResponseWriter, r *request) error {
	return s.enforcements(w, r, s.enforcementView)
}

func (s *Server) enforcement(r *request) (e *squall.Enforcement, err error) {
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		e, err = tx.Enforcement(r.Context(), squall.ID(r.params["id"]))
		return err
	})
	return e, notFoundAs(err, errNoObject(r.params["id"]))
}

// enforcementInPath: rights on a rule are rights on what it did.
func enforcementInPath(s *Server, r *request) ([]string, error) {
	e, err := s.enforcement(r)
	if err != nil {
		return nil, err
	}
	ref, _ := squall.ParseRef(e.Rule)
	return []string{"rule:" + ref.Pack + ":" + ref.Name, packUID(ref.Pack)}, nil
}

// enforcementGet answers with one enforcement.
func (s *Server) enforcementGet(w http.ResponseWriter, r *request) error {
	e, err := s.enforcement(r)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.RuleEnforcementOf(e))
}

// enforcementViewGet is enforcementGet with event and execution.
func (s *Server) enforcementViewGet(w http.ResponseWriter, r *request) error {
	e, err := s.enforcement(r)
	if err != nil {
		return err
	}
	doc, err := s.enforcementView(r.Context(), e)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, doc)
}

// maxEnforced bounds how many executions of a rule a list looks through: the
// newest ones.
const maxEnforced = 1000

// rulesNamed lists rules by their own name or reference, the name of their trigger
// and that of its type, as /executions/views/filters names them; "" is any.
func rulesNamed(ctx context.Context, tx store.Tx, name, trigger, triggerType string) (refs []string, err error) {
	is := func(want string, ref squall.Ref) bool { return want == "" || want == ref.Name || want == ref.String() }
	rules, err := store.Find[squall.Rule](ctx, tx, store.ContentFilter{Kind: store.Rules, Limit: maxFilterValues})
	for _, rule := range rules {
		if is(name, rule.Ref) && is(triggerType, rule.Trigger.Type) && is(trigger, squall.TriggerFor(rule.Trigger.Type, rule.Trigger.Parameters).Ref) {
			refs = append(refs, rule.Ref.String())
		}
	}
	return refs, err
}

// filterEnforced restricts a list of executions to those that an event, a rule or
// an enforcement led to; none says that there are none.
func (s *Server) filterEnforced(r *request, f *store.ExecutionFilter) (none bool, err error) {
	given := func(name string) string {
		if v := r.query.Get(name); !isNullFilter(v) {
			return v
		}
		return ""
	}
	event, rule, enforcement := given("trigger_instance"), given("rule"), given("enforcement")
	trigger, triggerType := given("trigger"), given("trigger_type")
	if event == "" && rule == "" && enforcement == "" && trigger == "" && triggerType == "" {
		return false, nil
	}
	ids := map[squall.ID]bool{}
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		clear(ids)
		if enforcement != "" {
			e, err := tx.Enforcement(r.Context(), squall.ID(enforcement))
			if err == nil && e.Execution != "" {
				ids[e.Execution] = true
			}
			return notFoundAs(err, nil)
		}
		if squall.ID(rule).Valid() { // st2 takes both
			c, err := contentByID(r.Context(), tx, store.Rules, rule)
			if err != nil {
				return notFoundAs(err, nil)
			}
			rule = c.Ref
		}
		refs := []string{rule}
		if trigger != "" || triggerType != "" || rule != "" && !strings.Contains(rule, ".") { // st2: names
			var err error
			if refs, err = rulesNamed(r.Context(), tx, rule, trigger, triggerType); err != nil {
				return err
			}
		}
		for _, ref := range refs {
			list, err := tx.FindEnforcements(r.Context(), store.EnforcementFilter{Rule: ref, Event: squall.ID(event), Limit: maxEnforced})
			if err != nil {
				return err
			}
			for _, e := range list {
				if e.Execution != "" {
					ids[e.Execution] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if f.IDs != nil {
		f.IDs = slices.DeleteFunc(f.IDs, func(id squall.ID) bool { return !ids[id] })
	} else {
		f.IDs = slices.Sorted(maps.Keys(ids))
	}
	return len(f.IDs) == 0, nil
}
