package types

import (
	"encoding/json"

	"squall/internal/squall"
)

func pythonScript() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "python-script",
		Aliases:     []string{"run-python"},
		Description: "Runs an action class written in Python, in the pack's own environment.",
		Parameters: squall.Schema{
			param("content_version", "string", "Commit, tag or branch of the pack to take the action from.", optional),
			param("debug", "boolean", "Log what the runner does in detail.", byDefault("false"), optional),
			param("env", "object", "Environment variables for the action; every value is a string."),
			param("log_level", "string", "Lowest level of the action's log that is kept.", byDefault(`"DEBUG"`), also(`{"enum":["AUDIT","CRITICAL","ERROR","WARNING","INFO","DEBUG"]}`)),
			param("timeout", "integer", "Seconds after which the action and all it started are killed.", byDefault("600")),
		},
		OutputKey: "result",
		Output: json.RawMessage(`{"type":"object","properties":{` +
			`"result":{"anyOf":[{"type":"object"},{"type":"string"},{"type":"integer"},{"type":"number"},{"type":"boolean"},{"type":"array"},{"type":"null"}]},` +
			`"stderr":{"type":"string","required":true},` +
			`"stdout":{"type":"string","required":true},` +
			`"exit_code":{"type":"integer","required":true}},` +
			`"additionalProperties":false}`),
	}
}
