package rule

import (
	"context"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// Event is what a rule is matched against.
type Event struct {
	Payload any // a value of package value, mostly a *value.Dict; nil: none
}

// Env is what matching may look up.
type Env struct {
	Store expr.Datastore // answers st2kv.system and system in keys and patterns; nil: there is none
	Now   time.Time      // the instant timediff_* compares with
	// StandardMatched says that a standard rule matched the event: backstop
	// rules then do not apply.
	StandardMatched bool
}

// matching is one evaluation of a rule.
type matching struct {
	ctx      context.Context
	rule     *Rule
	env      *Env
	b        *value.Budget
	failures []Failure
	bare     bool // a single operator is called, not a rule (Operate)
}

// scope is what keys and templates see beside the datastore.
type scope struct {
	name    string // "trigger", or "item" inside a search
	payload any
	// data: the criteria themselves came out of data (a search whose pattern is
	// rendered). They do not reach the datastore, as no text from data does.
	data bool
}

// triggerScope is the name of the payload in keys and templates.
const triggerScope = "trigger"

// Match evaluates the rule. A disabled rule never matches; empty criteria match
// everything, even without payload; other criteria never match an empty payload,
// not even with nexists (st2). Match never fails as a whole: what went wrong
// stands in the verdict.
func (r *Rule) Match(ctx context.Context, ev Event, env Env) Verdict {
	v := Verdict{Rule: r.ref}
	switch {
	case env.StandardMatched && r.backstop:
		v.Why = BecauseStandardMatched
		return v
	case !r.enabled:
		v.Why = BecauseDisabled
		return v
	case len(r.criteria) == 0:
		v.Matched, v.Why = true, BecauseNoCriteria
		return v
	}
	if full, err := value.Truth(ev.Payload); err != nil || !full {
		v.Why = BecauseEmptyPayload
		return v
	}
	m := &matching{ctx: ctx, rule: r, env: &env, b: newBudget(ctx, r.set)}
	sc := &scope{name: triggerScope, payload: ev.Payload}
	v.Criteria = make([]CriterionVerdict, 0, len(r.criteria))
	v.Matched, v.Why = true, BecauseCriteria
	for _, c := range r.criteria {
		cv, err := c.eval(m, sc)
		v.Criteria = append(v.Criteria, cv)
		if err != nil {
			v.Matched, v.Err = false, err
			break
		}
		if !cv.Matched {
			v.Matched = false
			break
		}
	}
	v.Failures = m.failures
	return v
}

// maxSteps bounds one match, about a fifth of a second. It is less than what an
// expression may take, because an event is matched with many rules.
const maxSteps = 2_000_000

func newBudget(ctx context.Context, set *expr.Set) *value.Budget {
	limits := set.Limits()
	limits.Steps = min(limits.Steps, maxSteps)
	return limits.Budget(ctx)
}

// failed notes a failure that StackStorm records as a failed enforcement.
func (m *matching) failed(v CriterionVerdict, reason string, err error) CriterionVerdict {
	v.Matched = false
	v.Failure = &Failure{Reason: reason, Err: err}
	m.failures = append(m.failures, *v.Failure)
	return v
}
