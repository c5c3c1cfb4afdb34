package runner_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/runner"
	"squall/internal/squall"
)

func TestScriptArgs(t *testing.T) {
	at := func(i int) *int { return &i }
	typ := func(name string) json.RawMessage { return json.RawMessage(`"` + name + `"`) }
	schema := squall.Schema{
		{Name: "last", Type: typ("string"), Position: at(1)},
		{Name: "first", Type: typ("integer"), Position: at(0)},
		{Name: "flag", Type: typ("boolean")},
		{Name: "ratio", Type: typ("number")},
		{Name: "list", Type: typ("array")},
		{Name: "constant", Type: typ("string"), Default: json.RawMessage(`"c"`)},
		{Name: "templated", Type: typ("string"), Default: json.RawMessage(`"{{ first }}"`)},
		{Name: "trailing", Type: typ("string"), Default: json.RawMessage(`"t"`)},
	}
	all := func(over map[string]any) map[string]any {
		params := map[string]any{
			"last": nil, "first": nil, "flag": nil, "ratio": nil, "list": nil,
			"constant": "c", "templated": "x", "trailing": "t",
		}
		for name, value := range over {
			params[name] = value
		}
		return params
	}
	for name, c := range map[string]struct {
		given  string
		params map[string]any
		op     string
		want   []string
	}{
		"nothing given: all positions, constants before templates": {
			"{}", all(nil), "--", []string{"--constant=c", "--trailing=t", "--templated=x", "", ""},
		},
		"the request's order": {
			`{"list":["b",1,null],"ratio":2,"trailing":"z","first":7}`,
			all(map[string]any{"list": []any{"b", json.Number("1"), nil}, "ratio": json.Number("2"), "trailing": "z", "first": json.Number("7")}),
			"-", []string{"-list=['b', 1, None]", "-ratio=2.0", "-trailing=z", "-constant=c", "-templated=x", "7", ""},
		},
		"flags, and what is left out": {
			`{"flag":true,"trailing":""}`, all(map[string]any{"flag": true, "trailing": "", "constant": nil, "templated": ""}),
			"", []string{"flag", "", ""},
		},
		"false is no flag; an integer 0 is empty at a position": {
			`{"flag":false,"first":0,"last":"a b"}`,
			all(map[string]any{"flag": false, "first": json.Number("0"), "last": "a b"}),
			"--", []string{"--constant=c", "--trailing=t", "--templated=x", "", "a b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := &runner.Job{
				Execution:    &squall.Execution{Parameters: json.RawMessage(c.given)},
				Action:       &squall.Action{Parameters: schema},
				ActionParams: c.params,
			}
			if diff := cmp.Diff(c.want, runner.ScriptArgs(j, c.op)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPositionalText(t *testing.T) {
	for _, c := range []struct {
		typ   string
		value any
		want  string
	}{
		{"string", nil, ""}, {"string", "a", "a"},
		{"number", json.Number("0"), "0.0"}, {"number", json.Number("1.5"), "1.5"},
		{"integer", json.Number("0"), ""}, {"integer", json.Number("-3"), "-3"},
		{"boolean", true, "1"}, {"boolean", false, "0"}, {"boolean", nil, ""},
		{"array", []any{}, ""}, {"array", []any{json.Number("1"), "x y", nil, true, []any{"a"}}, "1,x y,None,True,['a']"},
		{"object", runner.Object{}, ""}, {"object", runner.Object{{Name: "k", Value: "é<"}}, `{"k":"é<"}`},
		{"null", "x", ""},
		{"", false, ""}, {"", true, "True"}, {"", "s", "s"},
	} {
		if got := runner.PositionalText(c.typ, c.value); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.typ, c.value, got, c.want)
		}
	}
}
