package rule

import (
	"fmt"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Rule is a compiled rule.
type Rule struct {
	ref      string
	enabled  bool
	backstop bool
	set      *expr.Set
	criteria []*criterion
}

// Compile prepares a rule for Match. It fails only when the criteria are not a
// JSON object: like StackStorm it takes criteria that validation would refuse,
// which then fail or never match. set renders patterns and gives the limits.
func Compile(set *expr.Set, r *squall.Rule) (*Rule, error) {
	criteria, err := readCriteria(r.Criteria)
	if err != nil {
		return nil, fmt.Errorf("compile rule %s: %w", r.Ref, err)
	}
	out := &Rule{ref: r.Ref.String(), enabled: r.Enabled, backstop: r.Type == squall.RuleBackstop, set: set}
	out.criteria = compileCriteria(set, criteria)
	return out, nil
}

// Ref is the reference of the rule.
func (r *Rule) Ref() string { return r.ref }

// Backstop reports whether the rule applies only when no standard rule did.
func (r *Rule) Backstop() bool { return r.backstop }

func readCriteria(doc []byte) (*value.Dict, error) {
	if len(doc) == 0 {
		return value.NewDict(0), nil
	}
	v, err := value.FromJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("criteria: %w", err)
	}
	switch x := v.(type) {
	case nil:
		return value.NewDict(0), nil
	case *value.Dict:
		return x, nil
	}
	return nil, fmt.Errorf("criteria: want an object, got %s", value.TypeName(v))
}

func compileCriteria(set *expr.Set, criteria *value.Dict) []*criterion {
	out := make([]*criterion, 0, criteria.Len())
	for k, body := range criteria.All() {
		name, _ := value.AsString(k)
		out = append(out, compileCriterion(set, name, body))
	}
	return out
}
