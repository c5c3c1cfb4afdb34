package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/timer"
)

// defaultPack is where objects go whose pack is not said (st2).
const defaultPack = "default"

var ruleShape = newShape("RuleRequest", `{
	`+derivedMembers+`, `+tagMember+`,
	"name": {"type": "string", "required": true},
	"pack": {"type": "string", "default": "default"},
	"description": {"type": "string"},
	"type": {"type": "object", "additionalProperties": false,
		"properties": {"ref": {"type": "string", "required": true}, "parameters": {"type": "object"}}},
	"trigger": {"type": "object", "required": true, "properties": {
		"type": {"type": "string", "required": true}, "description": {"type": "string"},
		"parameters": {"type": "object", "default": {}}, "ref": {"type": "string"}}},
	"criteria": {"type": "object", "default": {}},
	"action": {"type": "object", "required": true, "additionalProperties": false, "properties": {
		"ref": {"type": "string", "required": true}, "description": {"type": "string"}, "parameters": {"type": "object"}}},
	"enabled": {"type": "boolean", "default": false},
	"context": {"type": "object"}
}`)

// ruleFields are the members of a rule; some have members of their own.
func ruleFields(name string) (exists, parts bool) {
	switch name {
	case "type", "action", "criteria", "context", "tags":
		return true, true
	}
	return members("id", "uid", "metadata_file", "name", "ref", "description", "pack", "trigger", "enabled")(name)
}

// ruleList lists rules. Filters: id, name, pack, action, trigger (the reference
// of a trigger, not of its type: st2), enabled.
func (s *Server) ruleList(w http.ResponseWriter, r *request) error {
	mask, err := s.ruleMask(r)
	if err != nil {
		return err
	}
	return listContent(s, w, r, listing[squall.Rule]{
		kind: store.Rules, fields: ruleFields, keep: ruleFilter, hide: mask.hide, show: func(rule *squall.Rule) any { return wire.RuleOf(rule) },
	})
}

func ruleFilter(q url.Values) (func(*squall.Rule) bool, error) {
	enabled, err := boolFilter(q, "enabled")
	action, trigger := q.Get("action"), q.Get("trigger")
	if err != nil || enabled == nil && action == "" && trigger == "" {
		return nil, err
	}
	return func(rule *squall.Rule) bool {
		return (enabled == nil || rule.Enabled == *enabled) && !differs(action, rule.Action.Ref) &&
			(trigger == "" || squall.TriggerFor(rule.Trigger.Type, rule.Trigger.Parameters).Ref.String() == trigger)
	}, nil
}

// ruleGet answers with one rule.
func (s *Server) ruleGet(w http.ResponseWriter, r *request) error {
	mask, err := s.ruleMask(r)
	if err != nil {
		return err
	}
	rule, err := nounNamed(s, r, store.Rules, r.params["ref"], mask.hide)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.RuleOf(rule))
}

// ruleCreate makes a rule, and the trigger it waits for.
func (s *Server) ruleCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, ruleShape)
	if err != nil {
		return err
	}
	rule, err := s.ruleOf(r, body)
	if err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, contentUIDs(store.Rules, rule.Ref)...); err != nil {
		return err
	}
	if err := s.newContent(r, rule, func(tx store.Tx) error { return s.putRule(r, tx, rule) }); err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, wire.RuleOf(rule))
}

// rulePut replaces a rule. st2 takes the identifier only; here the reference
// does as well.
func (s *Server) rulePut(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, ruleShape)
	if err != nil {
		return err
	}
	mask, err := s.ruleMask(r)
	if err != nil {
		return err
	}
	stored, err := nounNamed[squall.Rule](s, r, store.Rules, r.params["ref"])
	if err != nil {
		return err
	}
	rule, err := s.ruleOf(r, body)
	if err != nil {
		return err
	}
	keepMasked(stored, rule)
	if err := r.caller.CheckOn(r.route.need, contentUIDs(store.Rules, rule.Ref)...); err != nil {
		return err // it may be given another name
	}
	var shown squall.Rule
	err = s.changeContent(r, r.params["ref"], rule, func(tx store.Tx) error {
		if err := s.putRule(r, tx, rule); err != nil {
			return err
		}
		shown = *rule
		return mask.hide(r.Context(), tx, &shown)
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.RuleOf(&shown))
}

// ruleDelete removes a rule, and its trigger when no other rule waits for it.
func (s *Server) ruleDelete(w http.ResponseWriter, r *request) error {
	return s.dropContent(w, r, store.Rules, nil, nil)
}

// putRule stores a rule whose trigger exists or can be made.
func (s *Server) putRule(r *request, tx store.Tx, rule *squall.Rule) error {
	if len(rule.Trigger.Parameters) == 0 {
		// The trigger without parameters comes with its type.
		_, err := tx.Content(r.Context(), store.Triggers, rule.Trigger.Type.String())
		if squall.KindOf(err) == squall.NotFound {
			return squall.Errorf(squall.Invalid, `Trigger %q defined in the rule does not exist in system or it's missing required "parameters" attribute`, rule.Trigger.Type)
		}
		if err != nil {
			return err
		}
	}
	return store.PutRule(r.Context(), tx, rule, "")
}

// ruleOf makes a rule of a body that has its shape. st2: the action need not
// exist, nor does a trigger type that is given parameters.
func (s *Server) ruleOf(r *request, body *object) (*squall.Rule, error) {
	rule := &squall.Rule{
		Description: body.str("description"), Enabled: body.flag("enabled", false), Type: squall.RuleStandard,
		Criteria: body.doc("criteria"), Tags: body.tags(), MetadataFile: body.str("metadata_file"),
	}
	var err error
	if rule.Ref, err = refOf(orDefault(body.str("pack"), defaultPack), body.str("name")); err != nil {
		return nil, err
	}
	if err := readRuleParts(body, rule); err != nil {
		return nil, err
	}
	if rule.Context, err = withUser(body.doc("context"), r.caller.User); err != nil {
		return nil, err
	}
	if err := s.checkTrigger(r, rule.Trigger); err != nil {
		return nil, err
	}
	if err := checkCriteria(rule.Criteria); err != nil {
		return nil, err
	}
	if s.Events != nil {
		if err := s.Events.CheckRule(rule); err != nil {
			return nil, err
		}
	}
	return rule, s.checkRuleRights(r, rule)
}

func readRuleParts(body *object, rule *squall.Rule) error {
	var parts struct {
		Type    struct{ Ref string }
		Trigger struct {
			Type       string
			Parameters json.RawMessage
		}
		Action struct {
			Ref        string
			Parameters json.RawMessage
		}
	}
	for name, into := range map[string]any{"type": &parts.Type, "trigger": &parts.Trigger, "action": &parts.Action} {
		if v := body.raw(name, "object"); v != nil {
			body.decode(v, into)
		}
	}
	if body.err != nil {
		return body.err
	}
	switch parts.Type.Ref {
	case "":
	case squall.RuleStandard, squall.RuleBackstop:
		rule.Type = parts.Type.Ref
	default:
		return squall.Errorf(squall.Invalid, "There is no rule type %q: use %q or %q.", parts.Type.Ref, squall.RuleStandard, squall.RuleBackstop)
	}
	var err error
	if rule.Trigger.Type, err = squall.ParseRef(parts.Trigger.Type); err != nil {
		return squall.Errorf(squall.Invalid, "Invalid resource reference: %s", parts.Trigger.Type)
	}
	rule.Trigger.Parameters = objectOrNil(parts.Trigger.Parameters)
	rule.Action = squall.RuleAction{Ref: parts.Action.Ref, Parameters: objectOrNil(parts.Action.Parameters)}
	return nil
}

func objectOrNil(doc json.RawMessage) json.RawMessage {
	if isEmpty(doc) || string(doc) == "null" {
		return nil
	}
	return doc
}

// withUser notes in the context of an object who made it (st2).
func withUser(doc json.RawMessage, user string) (json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	if doc != nil {
		if err := json.Unmarshal(doc, &m); err != nil {
			return nil, squall.Errorf(squall.Invalid, "%s is not of type 'object'", pyValue(doc))
		}
	}
	m["user"], _ = json.Marshal(user)
	return marshal(m)
}

// checkTrigger checks the parameters of a trigger. st2: only those of built-in
// types are checked.
func (s *Server) checkTrigger(r *request, t squall.RuleTrigger) error {
	given := t.Parameters
	if given == nil {
		given = json.RawMessage("{}")
	}
	kind, isTimer := timer.KindOf(t.Type.String())
	var fault error
	if isTimer {
		if err := timer.Check(kind, given); err != nil {
			fault = squall.Errorf(squall.Invalid, "%s", err)
		}
	}
	if t.Type.Pack != systemPack || isTimer && fault == nil {
		return nil
	}
	var typ *squall.TriggerType
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		c, err := tx.Content(r.Context(), store.TriggerTypes, t.Type.String())
		if err != nil {
			return err
		}
		typ, err = store.Decode[squall.TriggerType](c)
		return err
	})
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return fault
	case err != nil:
		return err
	}
	if fault == nil {
		_, fault = formOf(typ.ParametersSchema).Validate(given)
	}
	return param.Explain(fault, typ.ParametersSchema, given)
}

// formOf compiles the properties of a JSON schema. A schema without any takes
// everything.
func formOf(schema json.RawMessage) *param.Form {
	var object struct {
		Properties map[string]map[string]json.RawMessage
	}
	_ = json.Unmarshal(schema, &object) // none is a schema without properties
	var parameters squall.Schema
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		parameters = append(parameters, parameterOf(name, object.Properties[name]))
	}
	return param.Compile(&squall.RunnerType{Parameters: parameters}, &squall.Action{})
}

// operators are the operators of criteria, in the order in which StackStorm's
// message lists them.
var operators = []string{
	"matchwildcard", "matchregex", "regex", "iregex", "eq", "equals", "neq", "nequals", "ieq", "iequals", "contains", "icontains",
	"ncontains", "incontains", "startswith", "istartswith", "endswith", "iendswith", "lt", "lessthan", "gt", "greaterthan",
	"td_lt", "timediff_lt", "td_gt", "timediff_gt", "exists", "nexists", "inside", "in", "ninside", "nin", "search",
}

// checkCriteria checks that every criterion has an operator that exists and a
// pattern (st2: also exists and nexists need one).
func checkCriteria(doc json.RawMessage) error {
	if doc == nil {
		return nil
	}
	var criteria map[string]json.RawMessage
	if err := json.Unmarshal(doc, &criteria); err != nil {
		return squall.Errorf(squall.Invalid, "Criteria should be a dict.")
	}
	for _, key := range slices.Sorted(maps.Keys(criteria)) {
		var criterion map[string]json.RawMessage
		if json.Unmarshal(criteria[key], &criterion) != nil || criterion == nil {
			return squall.Errorf(squall.Invalid, "The criterion for field %s must be an object with type and pattern.", key)
		}
		var operator string
		switch t := criterion["type"]; {
		case isNull(t):
			return squall.Errorf(squall.Invalid, "Operator not specified for field: %s", key)
		case json.Unmarshal(t, &operator) != nil || !slices.Contains(operators, operator):
			return squall.Errorf(squall.Invalid, "For field: %s, operator %s not in list of allowed operators: %s", key,
				strings.Trim(string(t), `"`), quotedList(operators))
		case isNull(criterion["pattern"]):
			return squall.Errorf(squall.Invalid, "For field: %s, no pattern specified for operator %s", key, operator)
		}
	}
	return nil
}

func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = pyString(word)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// checkRuleRights checks that who makes a rule may run its action and, for a
// webhook, may make that (st2).
func (s *Server) checkRuleRights(r *request, rule *squall.Rule) error {
	if r.caller.Rights == nil {
		return nil
	}
	if rule.Trigger.Type.String() == "core.st2.webhook" {
		var p struct{ URL string }
		_ = json.Unmarshal(rule.Trigger.Parameters, &p) // the check of the trigger has seen it
		const create auth.Permission = "webhook_create"
		if !r.caller.MayOn(create, "webhook:"+strings.Trim(p.URL, "/")) {
			return squall.Errorf(squall.Denied, "User %q doesn't have required permission (%s) to use trigger %s", r.caller.User, create, rule.Trigger.Type)
		}
	}
	ref, err := squall.ParseRef(rule.Action.Ref)
	if err != nil || !r.caller.MayOn(auth.ActionExecute, actionUIDs(ref)...) {
		return squall.Errorf(squall.Denied, "User %q doesn't have required permission (%s) to use action %s", r.caller.User, auth.ActionExecute, rule.Action.Ref)
	}
	return r.checkInner(ref, rule.Action.Parameters)
}

// ruleViewList lists rules with the descriptions of what they wait for and run.
// Filters: id, name, pack (st2: those of rules beside them have no effect).
func (s *Server) ruleViewList(w http.ResponseWriter, r *request) error {
	mask, err := s.ruleMask(r)
	if err != nil {
		return err
	}
	describe, err := s.describer(r)
	if err != nil {
		return err
	}
	return listContent(s, w, r, listing[squall.Rule]{
		kind: store.Rules, fields: ruleFields, hide: mask.hide, show: func(rule *squall.Rule) any { return describe(rule) },
	})
}

// ruleViewGet answers with one such rule.
func (s *Server) ruleViewGet(w http.ResponseWriter, r *request) error {
	mask, err := s.ruleMask(r)
	if err != nil {
		return err
	}
	rule, err := nounNamed(s, r, store.Rules, r.params["ref"], mask.hide)
	if err != nil {
		return err
	}
	describe, err := s.describer(r)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, describe(rule))
}

// describer returns what puts descriptions into the document of a rule: that of
// the trigger or, where it has none, of its type, and that of the action.
func (s *Server) describer(r *request) (func(*squall.Rule) wire.Rule, error) {
	types, actions := map[string]string{}, map[string]string{}
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		found, err := store.Find[squall.TriggerType](r.Context(), tx, store.ContentFilter{Kind: store.TriggerTypes})
		if err != nil {
			return err
		}
		for _, t := range found {
			types[t.Ref.String()] = t.Description
		}
		rules, err := store.Find[squall.Rule](r.Context(), tx, store.ContentFilter{Kind: store.Rules, Pack: r.query.Get("pack")})
		if err != nil {
			return err
		}
		for _, rule := range rules {
			ref, err := squall.ParseRef(rule.Action.Ref)
			if _, known := actions[rule.Action.Ref]; known || err != nil {
				continue
			}
			a, err := tx.Action(r.Context(), ref)
			switch {
			case err == nil:
				actions[rule.Action.Ref] = a.Description
			case squall.KindOf(err) != squall.NotFound:
				return fmt.Errorf("describe rules: %w", err)
			}
		}
		return nil
	})
	return func(rule *squall.Rule) wire.Rule {
		doc := wire.RuleOf(rule)
		doc.Trigger.Description = new(types[doc.Trigger.Type])
		doc.Action.Description = new(actions[rule.Action.Ref])
		return doc
	}, err
}

// ruleTypeList lists the kinds of rule.
func (s *Server) ruleTypeList(w http.ResponseWriter, _ *request) error {
	return respondJSON(w, http.StatusOK, wire.RuleTypes())
}

// ruleTypeGet answers with one kind of rule, by its identifier only (st2).
func (s *Server) ruleTypeGet(w http.ResponseWriter, r *request) error {
	id := r.params["id"]
	for _, t := range wire.RuleTypes() {
		if string(t.ID) == id {
			return respondJSON(w, http.StatusOK, t)
		}
	}
	if !squall.ID(id).Valid() {
		return squall.Errorf(squall.NotFound, `Database lookup for id="%s" resulted in exception. %s`, id, badID(id))
	}
	return squall.Errorf(squall.NotFound, "Unable to find the RuleTypeDB instance. {'id': '%s'}", id)
}
