package conformance

import (
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/runner/types"
	"squall/internal/squall"
)

// runOutputSchema checks or masks a result by output schemas.
func runOutputSchema(_ context.Context, c *Case) (any, error) {
	input, want := dictAt(c.Raw, "input"), dictAt(c.Raw, "expect")
	rt := &squall.RunnerType{OutputKey: str(input, "output_key")}
	a := &squall.Action{}
	var result json.RawMessage
	for key, into := range map[string]*json.RawMessage{"runner_output_schema": &rt.Output, "action_output_schema": &a.Output, "result": &result} {
		v, ok := input.GetStr(key)
		if named, isDict := v.(*value.Dict); isDict && at(named, "$runner") != nil {
			known, found := types.Known().RunnerType(str(named, "$runner"))
			if !found || len(known.Output) == 0 {
				return nil, fmt.Errorf("the runner %s has no output schema", str(named, "$runner"))
			}
			*into = known.Output
			continue
		}
		if !ok || v == nil && key != "result" {
			continue
		}
		doc, err := value.ToJSON(v)
		if err != nil {
			return nil, err
		}
		*into = doc
	}
	form := param.Compile(rt, a)
	if masked, ok := want.GetStr("masked_result"); ok {
		return nil, sameOutput(masked, form.MaskResult(result))
	}
	status := str(input, "status")
	if err := form.CheckResult(result); err != nil {
		status, result = string(squall.Failed), param.WrongResult(err)
	}
	if status != str(want, "status") {
		return nil, disagreement(fmt.Sprintf("tier 1: status: want %s, got %s: %s", str(want, "status"), status, result))
	}
	return nil, sameOutput(at(want, "result"), result)
}

func sameOutput(want any, doc json.RawMessage) error {
	got, err := value.FromJSON(doc)
	if err != nil {
		return err
	}
	v := &verdict{}
	v.result("result", want, got)
	return v.err()
}
