package param

import (
	"encoding/json"
	"strings"
	"testing"

	"squall/internal/squall"
)

func TestCheckResult(t *testing.T) {
	const runner = `{"type":"object","properties":{"result":{},"code":{"type":"integer","required":true}},"additionalProperties":false}`
	for _, tc := range []struct{ name, runner, action, result, want string }{
		{"right", runner, `{"type":"object","properties":{"n":{"type":"integer"}}}`, `{"result":{"n":1},"code":0}`, ""},
		{"of the runner", runner, ``, `{"result":1}`, "'code' is a required property"},
		{"more than the runner has", runner, ``, `{"result":1,"code":0,"error":"e"}`, "Additional properties are not allowed ('error' was unexpected)"},
		{"of the action", runner, `{"type":"string"}`, `{"result":5,"code":0}`, "5 is not of type 'string'"},
		{"of patterns", runner, `{"type":"object","patternProperties":{"^x":{},"^a/b":{}},"additionalProperties":false}`, `{"result":{"y":1,"w":1},"code":0}`,
			"'w', 'y' do not match any of the regexes: '^a/b', '^x'"},
		{"patterns further in", runner, `{"type":"object","properties":{"o":{"type":"object","patternProperties":{"^x":{}},"additionalProperties":false}}}`, `{"result":{"o":{"y":1}},"code":0}`,
			"'y' does not match any of the regexes: '^x'"},
		{"a fraction is no integer", runner, `{"type":"array","items":{"type":"integer"}}`, `{"result":[1,2.0],"code":0}`, "2.0 is not of type 'integer'"},
		{"a fraction in the answer of a pattern", runner, `{"type":"object","patternProperties":{"^n":{"type":"integer"}}}`, `{"result":{"n":1e2},"code":0}`, "100.0 is not of type 'integer'"},
		{"no key", `{"type":"object"}`, `{"type":"string"}`, `{"other":1}`, "'result'"},
		{"null under the key", `{"type":"object"}`, `{"type":"string"}`, `{"result":null}`, "None is not of type 'string'"},
		{"nothing of the runner", ``, `{"type":"string"}`, `{"result":5}`, ""},
		{"old form", runner, `{"n":{"type":"integer"}}`, `{"result":{"n":"x"},"code":0}`, ""},
		{"unknown type", runner, `{"type":"nosuch"}`, `{"result":5,"code":0}`, ""},
		{"list of required", runner, `{"type":"object","required":["n"]}`, `{"result":{},"code":0}`, ""},
		{"no object", runner, `"nope"`, `{"result":{},"code":0}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := Compile(&squall.RunnerType{OutputKey: "result", Output: json.RawMessage(tc.runner)}, &squall.Action{Output: json.RawMessage(tc.action)})
			for range 2 { // the second time it is compiled
				err := f.CheckResult(json.RawMessage(tc.result))
				if got, _, _ := strings.Cut(squall.MessageOf(err), "\n\nFailed validating "); err != nil && got != tc.want || (err == nil) != (tc.want == "") {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				if err != nil && !strings.Contains(string(WrongResult(err)), `"message":"Error validating output. See`) {
					t.Errorf("the result becomes %s", WrongResult(err))
				}
			}
		})
	}
}
