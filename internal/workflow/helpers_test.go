package workflow_test

import (
	"context"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
	"squall/internal/squall"
	"squall/internal/workflow"
)

var exprs = sync.OnceValue(func() *expr.Set {
	return expr.NewSet(expr.Limits{}, jinja.New(), yaql.New(yaql.Options{}))
})

func host() workflow.Host { return workflow.Host{Exprs: exprs()} }

func parse(tb testing.TB, text string) *workflow.Spec {
	tb.Helper()
	spec, problems := workflow.Parse([]byte(text))
	if spec == nil {
		tb.Fatalf("the definition does not load: %v", problems)
	}
	return spec
}

// finalRows runs a workflow to its end and gives its rows.
func finalRows(tb testing.TB, spec *workflow.Spec) workflow.Rows {
	tb.Helper()
	var rows workflow.Rows
	c, ch, err := workflow.New(tb.Context(), spec, workflow.Start{}, host())
	if err != nil {
		tb.Fatal(err)
	}
	ch.Into(&rows)
	ch = c.Apply(tb.Context(), workflow.Request{Status: squall.Running})
	ch.Into(&rows)
	for queue := ch.Run; len(queue) > 0; queue = queue[1:] {
		r := queue[0]
		ch = c.Apply(tb.Context(), workflow.Report{Task: r.Task, Route: r.Route, Item: r.Item, Status: squall.Succeeded})
		ch.Into(&rows)
		queue = append(queue, ch.Run...)
	}
	return rows
}

// tContext is the context of a property test's step.
func tContext(rapid.TB) context.Context { return context.Background() }
