package std_test

import (
	"encoding/json"
	"testing"

	"squall/internal/runner"
	"squall/internal/runner/std"
	"squall/internal/squall"
)

func TestStandardActions(t *testing.T) {
	tests := []struct {
		name   string
		in     map[string]any
		status squall.Status
		want   string // "": refused
	}{
		{"noop", nil, squall.Succeeded, `null`},
		{"echo", map[string]any{"output": []any{json.Number("1"), "two", nil}}, squall.Succeeded, `[1,"two",null]`},
		{"echo", nil, squall.Succeeded, `null`},
		{"fail", nil, squall.Failed, `{"error":"Fail action expected exception."}`},
		{"fail", map[string]any{"error_data": map[string]any{"why": "so"}}, squall.Failed, `{"why":"so"}`},
		{"test_dict", map[string]any{"size": json.Number("2"), "key_prefix": "k", "val": "v"}, squall.Succeeded, `{"k0":"v","k1":"v"}`},
		{"test_dict", map[string]any{"size": json.Number("-1")}, "", ""},
		{"ssh", nil, "", ""},
	}
	for _, tt := range tests {
		job := &runner.Job{Action: &squall.Action{Ref: squall.Ref{Pack: "std", Name: tt.name}}, ActionParams: tt.in}
		got, err := std.Runner{}.Run(t.Context(), job, nil)
		if (err != nil) != (tt.want == "") || got.Status != tt.status || string(got.Result) != tt.want {
			t.Errorf("%s %v: %s %s, %v", tt.name, tt.in, got.Status, got.Result, err)
		}
	}
}
