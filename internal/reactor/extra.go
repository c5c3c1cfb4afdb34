package reactor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"squall/internal/expr"
	"squall/internal/rule"
	"squall/internal/squall"
	"squall/internal/timer"
)

// extra is what a rule says beyond StackStorm, in the member "squall" of its
// context, so that the same file is a rule for StackStorm, too.
type extra struct {
	match       *group
	maintenance []timer.Exclusion
	hold        *hold           // nil: nothing is remembered
	notify      json.RawMessage // what is to be told about its executions; nil: what the action says
	queue       string          // that its executions are for: the labels they ask for
}

// extraDocument is how it is written.
type extraDocument struct {
	Match       json.RawMessage     `json:"match"`
	Maintenance []exclusionDocument `json:"maintenance"`
	Timezone    string              `json:"timezone"` // of maintenance; default UTC
	Notify      json.RawMessage     `json:"notify"`   // as that of an action
	Labels      map[string]string   `json:"labels"`   // beside those of the action

	Throttle *struct {
		Count int    `json:"count"` // default 1
		Per   string `json:"per"`
		Key   string `json:"key"`
	} `json:"throttle"`
	Dedupe *struct {
		For string `json:"for"`
		Key string `json:"key"`
	} `json:"dedupe"`
	Debounce *struct {
		For string `json:"for"`
		Key string `json:"key"`
	} `json:"debounce"`
	Window *struct {
		Count  int    `json:"count"`
		Within string `json:"within"`
		Key    string `json:"key"`
		// Distinct counts values and not events: a template.
		Distinct string `json:"distinct"`
	} `json:"window"`
	Absence *struct {
		Within string          `json:"within"`
		Key    string          `json:"key"`
		Unless json.RawMessage `json:"unless"` // criteria of the event that calls it off
	} `json:"absence"`
}

// group is a tree of criteria: what is given must hold.
type group struct {
	all, any []*group
	not      *group
	criteria *rule.Rule
}

// CheckRule reports what is wrong with what a rule says beyond StackStorm, its
// schedule included. Error kind: Invalid.
func (r *Reactor) CheckRule(noun *squall.Rule) error {
	if _, err := readExtra(r.exprs, noun); err != nil {
		return squall.Errorf(squall.Invalid, "context.squall: %w", err)
	}
	if noun.Trigger.Type != scheduleType {
		return nil
	}
	s := &schedule{trigger: squall.TriggerFor(noun.Trigger.Type, noun.Trigger.Parameters), since: time.Now()}
	if err := s.parse(r.Zone); err != nil {
		return squall.Errorf(squall.Invalid, "trigger.parameters: %w", err)
	}
	for _, p := range r.exprs.Validate(s.onlyIf) {
		return squall.Errorf(squall.Invalid, "trigger.parameters: only_if: %s", p.Message)
	}
	return nil
}

func readExtra(set *expr.Set, r *squall.Rule) (x extra, err error) {
	if !bytes.Contains(r.Context, []byte(`"squall"`)) {
		return x, nil
	}
	var outer struct {
		Squall json.RawMessage `json:"squall"`
	}
	if err := json.Unmarshal(r.Context, &outer); err != nil || len(outer.Squall) == 0 {
		return x, nil //nolint:nilerr // it says nothing of ours
	}
	dec := json.NewDecoder(bytes.NewReader(outer.Squall))
	dec.DisallowUnknownFields()
	var d extraDocument
	if err := dec.Decode(&d); err != nil {
		return x, err
	}
	if len(d.Notify) > 0 {
		var sections map[string]json.RawMessage
		if err := json.Unmarshal(d.Notify, &sections); err != nil {
			return x, fmt.Errorf("notify: it is no object with on-complete, on-success or on-failure")
		}
		for name := range sections {
			if !slices.Contains([]string{"on-complete", "on-success", "on-failure"}, name) {
				return x, fmt.Errorf("notify: %q is none of on-complete, on-success, on-failure", name)
			}
		}
		x.notify = d.Notify
	}
	if err := squall.CheckLabels(d.Labels); err != nil {
		return x, fmt.Errorf("labels: %w", err)
	}
	x.queue = squall.QueueFor("", d.Labels)
	if len(d.Match) > 0 {
		if x.match, err = readGroup(set, d.Match, 0); err != nil {
			return x, fmt.Errorf("match: %w", err)
		}
	}
	zone := time.UTC
	if d.Timezone != "" {
		if zone, err = time.LoadLocation(d.Timezone); err != nil {
			return x, fmt.Errorf("timezone: %w", err)
		}
	}
	if x.maintenance, err = exclusions(d.Maintenance, timer.At{Now: time.Unix(0, 0), Zone: zone}); err != nil {
		return x, fmt.Errorf("maintenance: %w", err)
	}
	x.hold, err = d.readHold(set)
	return x, err
}

func (d *extraDocument) readHold(set *expr.Set) (h *hold, err error) {
	n := 0
	give := func(kind holdKind, span, key string, count int) error {
		v, err := time.ParseDuration(span)
		if err != nil || v <= 0 || v > maxHold {
			return fmt.Errorf("%s: %q is not a duration such as 30s, 5m or 12h, at most %s", kind, span, maxHold)
		}
		if count < 1 || count > maxHoldCount {
			return fmt.Errorf("%s: count must be from 1 to %d", kind, maxHoldCount)
		}
		n++
		h = &hold{kind: kind, span: v, key: key, count: count}
		return nil
	}
	if d.Throttle != nil {
		err = give(throttle, d.Throttle.Per, d.Throttle.Key, max(1, d.Throttle.Count))
	}
	if d.Dedupe != nil && err == nil {
		err = give(dedupe, d.Dedupe.For, d.Dedupe.Key, 1)
	}
	if d.Debounce != nil && err == nil {
		err = give(debounce, d.Debounce.For, d.Debounce.Key, 1)
	}
	if d.Window != nil && err == nil {
		if err = give(window, d.Window.Within, d.Window.Key, d.Window.Count); err == nil {
			h.distinct = d.Window.Distinct
		}
	}
	if d.Absence != nil && err == nil {
		if err = give(absence, d.Absence.Within, d.Absence.Key, 1); err == nil {
			h.unless, err = compileCriteria(set, d.Absence.Unless)
		}
	}
	if err == nil && n > 1 {
		err = fmt.Errorf("only one of throttle, dedupe, debounce, window and absence can be given")
	}
	return h, err
}

// Bounds of what a rule remembers.
const (
	maxHold      = 31 * 24 * time.Hour
	maxHoldCount = 1000
	maxGroups    = 10_000 // keys of one rule
	maxDepth     = 10
)

func readGroup(set *expr.Set, doc json.RawMessage, depth int) (*group, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("groups are nested more than %d deep", maxDepth)
	}
	var d struct {
		All, Any []json.RawMessage
		Not      json.RawMessage
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(doc, &members); err != nil {
		return nil, fmt.Errorf("%s is no object", doc)
	}
	isGroup := false
	for name := range members {
		isGroup = isGroup || slices.Contains([]string{"all", "any", "not"}, name)
	}
	g := &group{}
	var err error
	if !isGroup {
		g.criteria, err = compileCriteria(set, doc)
		return g, err
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, err
	}
	if d.Any != nil && len(d.Any) == 0 {
		return nil, fmt.Errorf("any is empty: it would never match")
	}
	for _, part := range []struct {
		docs []json.RawMessage
		into *[]*group
	}{{d.All, &g.all}, {d.Any, &g.any}} {
		for _, doc := range part.docs {
			sub, err := readGroup(set, doc, depth+1)
			if err != nil {
				return nil, err
			}
			*part.into = append(*part.into, sub)
		}
	}
	if len(d.Not) > 0 {
		g.not, err = readGroup(set, d.Not, depth+1)
	}
	return g, err
}

// compileCriteria prepares criteria of the kind that rules have; they are checked
// as those are.
func compileCriteria(set *expr.Set, doc json.RawMessage) (*rule.Rule, error) {
	if len(doc) == 0 {
		return nil, fmt.Errorf("there are no criteria")
	}
	if err := rule.Validate(doc); err != nil {
		return nil, err
	}
	return rule.Compile(set, &squall.Rule{Enabled: true, Criteria: doc})
}

// holds reports whether the tree holds for an event.
func (g *group) holds(ask func(*rule.Rule) bool) bool {
	if g == nil {
		return true
	}
	if g.criteria != nil && !ask(g.criteria) || g.not != nil && g.not.holds(ask) {
		return false
	}
	for _, sub := range g.all {
		if !sub.holds(ask) {
			return false
		}
	}
	return len(g.any) == 0 || slices.ContainsFunc(g.any, func(sub *group) bool { return sub.holds(ask) })
}
