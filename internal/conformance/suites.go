package conformance

import (
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
)

// Suites lists what can be run, in the order of the report.
func Suites() []Suite {
	y, j := yaql.New(yaql.Options{}), jinja.New()
	set := expr.NewSet(expr.Limits{}, j, y)
	// Only Orquesta's own functions were registered when its engine was recorded.
	orquesta := expr.NewSet(expr.Limits{}, jinja.NewOrquesta(), yaql.New(yaql.Options{Orquesta: true}))
	return []Suite{
		yaqlSuite(set, y),
		jinjaSuite(set, j),
		orquestaSuite(orquesta),
		timerSuite(),
		rulesSuite(set),
		aliasesSuite(set),
		runnersSuite(),
		cliSuite(),
		apiSuite(),
	}
}
