package api

import (
	"net/http"

	"squall/internal/api/wire"
	"squall/internal/reactor"
	"squall/internal/squall"
	"squall/internal/store"
)

// ruleTest tells what a rule would make of an event, and which criterion said
// what. Nothing is stored. The body names the rule (rule_ref) or holds one
// (rule), and holds the payload or names an event (trigger_instance_id).
func (s *Server) ruleTest(w http.ResponseWriter, r *request) error {
	if s.Events == nil {
		return errNoEvents
	}
	o, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	name, event := o.str("rule_ref"), o.str("trigger_instance_id")
	payload, given := o.raw("payload", "object"), o.raw("rule", "object")
	if o.err != nil {
		return o.err
	}
	rule, err := s.ruleGiven(r, name, given)
	if err != nil {
		return err
	}
	ev := &squall.Event{Payload: payload, Trigger: rule.Trigger.Type}
	if event != "" {
		if ev, err = s.event(r.Context(), event); err != nil {
			return err
		}
	}
	e, err := s.Events.Explain(r.Context(), rule, ev)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, ruleTestOf(e))
}

// ruleReplay tries a rule on the events that are still there: the body names the
// rule or holds one, as that of ruleTest, and may set a limit.
func (s *Server) ruleReplay(w http.ResponseWriter, r *request) error {
	if s.Events == nil {
		return errNoEvents
	}
	o, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	name, limit, given := o.str("rule_ref"), 1000, o.raw("rule", "object")
	if n := o.int("limit"); n != nil {
		limit = int(min(*n, 1<<20))
	}
	if o.err != nil {
		return o.err
	}
	rule, err := s.ruleGiven(r, name, given)
	if err != nil {
		return err
	}
	matches, looked, err := s.Events.Replay(r.Context(), rule, limit)
	if err != nil {
		return err
	}
	docs := make([]wire.RuleTest, len(matches))
	for i, e := range matches {
		docs[i] = ruleTestOf(e)
	}
	return respondJSON(w, http.StatusOK, map[string]any{"events": looked, "matches": docs})
}

func (s *Server) ruleGiven(r *request, name string, given jsonRaw) (*squall.Rule, error) {
	if name != "" {
		rule, err := nounNamed[squall.Rule](s, r, store.Rules, name)
		if err == nil {
			err = r.caller.CheckOn(r.route.need, "rule:"+rule.Ref.Pack+":"+rule.Ref.Name, packUID(rule.Ref.Pack))
		}
		return rule, err
	}
	if given == nil {
		return nil, squall.Errorf(squall.Invalid, "Name a rule (rule_ref) or give one (rule).")
	}
	if err := r.caller.Check(r.route.need); err != nil { // what it could look up is not bound to a pack
		return nil, err
	}
	o, err := parseObject(given, false)
	if err != nil {
		return nil, err
	}
	rule := &squall.Rule{Enabled: true, Type: squall.RuleStandard, Criteria: o.raw("criteria", "object"), Context: o.raw("context", "object")}
	rule.Ref = squall.Ref{Pack: orDefault(o.str("pack"), defaultPack), Name: orDefault(o.str("name"), "untitled")}
	return rule, readRuleParts(o, rule)
}

func ruleTestOf(e *reactor.Explanation) wire.RuleTest {
	return wire.RuleTest{
		Event: e.Event, Matched: e.Matched, Explanation: e.Text, Failures: e.Failures,
		Action: e.Action, Parameters: e.Parameters, RequestError: e.RequestError,
	}
}
