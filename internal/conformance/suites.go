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
	return []Suite{
		yaqlSuite(set, y),
		jinjaSuite(set, j),
	}
}
