package chain_test

import (
	"testing"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
	"squall/internal/workflow/chain"
)

// FuzzChain: nothing makes a chain panic, neither its definition nor its templates.
func FuzzChain(f *testing.F) {
	f.Add(loop)
	f.Add("chain: [{name: a, ref: r, parameters: {x: ['{{ 1 }}\"']}, publish: {y: '{{ a.z }}'}}, {name: b}, 5]")
	f.Add("chain: [{name: a, ref: r, parameters: &x {y: *x}}]")
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 10_000 {
			return
		}
		spec, err := chain.Parse(src, "c.yaml", "c")
		if err != nil {
			return
		}
		c, _ := chain.New(t.Context(), spec, chain.Start{Parameters: value.DictOf("name", "x")}, chain.Host{})
		ch := c.Apply(t.Context(), workflow.Request{Status: squall.Running})
		for range 5 {
			if len(ch.Run) == 0 {
				break
			}
			r := ch.Run[0]
			ch = c.Apply(t.Context(), workflow.Report{Task: r.Task, Route: r.Route, Item: workflow.NoItem, Status: squall.Succeeded, Result: value.DictOf("z", int64(1)),
				Child: workflow.Child{Execution: "e", Created: "t", Updated: "u"}})
		}
		if _, err := value.ToJSON(c.Result()); err != nil {
			t.Error(err)
		}
	})
}
