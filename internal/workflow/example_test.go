package workflow_test

import (
	"context"
	"fmt"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
)

// A host stores the rows that changed, starts the actions that are asked for,
// and reports how they end. It may forget the conductor at any time.
func Example() {
	ctx := context.Background()
	spec, _ := workflow.Parse([]byte(`
version: 1.0
input: [name]
tasks:
  greet:
    action: core.echo message="Hello <% ctx(name) %>"
    next: [{publish: [{said: <% result() %>}], do: thank}]
  thank:
    action: core.echo message="Thank you"
output: [{said: <% ctx(said) %>}]
`))
	var store workflow.Rows
	c, changes, err := workflow.New(ctx, spec, workflow.Start{Input: value.DictOf("name", "Bob")}, host())
	if err != nil {
		fmt.Println(err)
		return
	}
	changes.Into(&store)

	changes = c.Apply(ctx, workflow.Request{Status: squall.Running})
	changes.Into(&store)
	for len(changes.Run) > 0 {
		run := changes.Run[0]
		fmt.Println("run", run.Task, value.StrRepr(run.Action.(string)), must(value.Repr(nil, run.Input)))

		// The process dies and another one takes over.
		if c, err = workflow.Restore(spec, store, host()); err != nil {
			fmt.Println(err)
			return
		}
		changes = c.Apply(ctx, workflow.Report{Task: run.Task, Route: run.Route, Item: run.Item, Status: squall.Succeeded, Result: "done " + run.Task})
		changes.Into(&store)
	}
	fmt.Println(changes.Over(), store.Workflow.Status, must(value.Repr(nil, store.Workflow.Output)))
	// Output:
	// run greet 'core.echo' {'message': 'Hello Bob'}
	// run thank 'core.echo' {'message': 'Thank you'}
	// true succeeded {'said': 'done greet'}
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}
