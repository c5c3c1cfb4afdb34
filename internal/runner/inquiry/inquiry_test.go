package inquiry_test

import (
	"encoding/json"
	"testing"

	"squall/internal/runner"
	"squall/internal/runner/inquiry"
	"squall/internal/squall"
)

func TestRun(t *testing.T) {
	schema := map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"type": "string"}, "b": map[string]any{"type": "string"}}}
	for _, tc := range []struct {
		name, given string
		params      map[string]any
		want        string
	}{
		{"defaults", `{}`, map[string]any{"schema": map[string]any{}, "roles": nil, "users": nil, "route": "", "ttl": json.Number("1440")},
			`{"schema":{},"roles":[],"users":[],"route":"","ttl":1440}`},
		{"the caller's order", `{"schema":{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"string"}}}}`, map[string]any{"schema": schema, "users": []any{"ann"}, "ttl": json.Number("5"), "route": "ops"},
			`{"schema":{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"string"}}},"roles":[],"users":["ann"],"route":"ops","ttl":5}`},
		{"not the caller's schema", `{"schema":{"type":"object"}}`, map[string]any{"schema": schema, "ttl": json.Number("5"), "route": ""},
			`{"schema":{"properties":{"a":{"type":"string"},"b":{"type":"string"}},"type":"object"},"roles":[],"users":[],"route":"","ttl":5}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			job := &runner.Job{Execution: &squall.Execution{Parameters: json.RawMessage(tc.given)}, RunnerParams: tc.params}
			out, err := inquiry.Runner{}.Run(t.Context(), job, runner.Discard)
			if err != nil || out.Status != squall.Pending || string(out.Result) != tc.want {
				t.Errorf("got %s %s, %v; want %s", out.Status, out.Result, err, tc.want)
			}
		})
	}
	if _, err := (inquiry.Runner{}).Run(t.Context(), &runner.Job{Execution: &squall.Execution{}, RunnerParams: map[string]any{"users": "ann"}}, runner.Discard); squall.KindOf(err) != squall.Invalid {
		t.Errorf("users that are no list: %v", err)
	}
}
