package rule

import (
	"context"

	"squall/internal/expr"
)

// Operate applies one operator to a value: what a criterion does once its key
// and pattern are known. The pattern is not rendered; condition is for search.
func Operate(ctx context.Context, set *expr.Set, name string, v, pattern, condition any, env Env) (bool, error) {
	op, err := findOperator(name)
	if err != nil {
		return false, err
	}
	m := &matching{ctx: ctx, rule: &Rule{set: set}, env: &env, b: newBudget(ctx, set), bare: true}
	if !op.search {
		return op.eval(&comparison{m: m, value: v, pattern: pattern, regex: &preparedRegex{}})
	}
	c := &criterion{op: op, condition: condition}
	cv := CriterionVerdict{Operator: searchName, Value: v, Pattern: pattern}
	err = c.search(m, &cv, false)
	return cv.Matched, err
}
