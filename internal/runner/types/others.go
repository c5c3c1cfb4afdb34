package types

import (
	"encoding/json"

	"squall/internal/squall"
)

func noop() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "noop",
		Description: "Does nothing and succeeds, whatever it is given.",
	}
}

func announcement() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "announcement",
		Description: "Sends an announcement to everybody who listens to the event stream.",
		Parameters: squall.Schema{
			param("experimental", "boolean", "Must be true: says that the author knows this runner may change.", required, byDefault("false")),
			param("route", "string", "Where listeners find it: words with dots between them.", byDefault(`"general"`), also(`{"maxLength":255,"minLength":1}`)),
		},
	}
}

// httpRequest has only what concerns the client. Method, body, query, timeout
// and uploads are parameters of the action (core.http declares them): st2
// reads them there.
func httpRequest() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "http-request",
		Aliases:     []string{"http-runner"},
		Description: "Sends one HTTP request and parses a JSON answer.",
		Parameters: squall.Schema{
			param("allow_redirects", "boolean", "Follow redirects; for every method, GET included, they are not followed otherwise.", byDefault("false")),
			param("cookies", "object", "Cookies to send."),
			param("headers", "object", "Headers to send; every value is a string."),
			param("http_proxy", "string", "Proxy for http addresses, such as http://proxy.example:3128."),
			param("https_proxy", "string", "Proxy for https addresses, such as http://proxy.example:3128."),
			param("password", "string", "Password for basic authentication.", secret),
			param("url", "string", "Address to send the request to.", required),
			param("username", "string", "User for basic authentication."),
			param("verify_ssl_cert", "boolean", "Check the server's certificate against the system's authorities.", byDefault("true")),
			param("url_hosts_blacklist", "array", "Hosts that must not be asked; any other may.", also(`{"items":{"type":"string"}}`), optional),
			param("url_hosts_whitelist", "array", "The only hosts that may be asked.", also(`{"items":{"type":"string"}}`), optional),
		},
		OutputKey: "body",
		Output: json.RawMessage(`{"type":"object","properties":{` +
			`"status_code":{"type":"integer"},` +
			`"body":{"anyOf":[{"type":"object"},{"type":"string"},{"type":"integer"},{"type":"number"},{"type":"boolean"},{"type":"array"},{"type":"null"}]},` +
			`"parsed":{"type":"boolean"},` +
			`"headers":{"type":"object"}},` +
			`"additionalProperties":false}`),
	}
}

func orquesta() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "orquesta",
		Aliases:     []string{"orchestra"},
		Description: "Runs a workflow.",
		Parameters: squall.Schema{
			param("notify", "array", "Tasks whose end is announced.", byDefault("[]"),
				also(`{"uniqueItems":true,"items":{"type":"string","minLength":1,"pattern":"^\\w+$"}}`)),
		},
		OutputKey: "output",
		Output: json.RawMessage(`{"type":"object","properties":{` +
			`"errors":{"anyOf":[{"type":"object"},{"type":"array"}]},` +
			`"output":{"anyOf":[{"type":"object"},{"type":"string"},{"type":"integer"},{"type":"number"},{"type":"boolean"},{"type":"array"},{"type":"null"}]}},` +
			`"additionalProperties":false}`),
	}
}

func actionChain() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "action-chain",
		Description: "Runs a chain of actions.",
		Parameters: squall.Schema{
			param("display_published", "boolean", "Show the variables of the chain in its result.", byDefault("true")),
			param("skip_notify", "array", "Tasks whose end is not announced.", byDefault("[]")),
		},
		OutputKey: "published",
		Output:    json.RawMessage(`{"type":"object","properties":{"published":{"type":"object"},"tasks":{"type":"array"}},"additionalProperties":false}`),
	}
}

func mistral() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "mistral-v2",
		Description: "Runs a workflow of OpenStack Mistral that converts completely to Orquesta; others have to be converted.",
		Parameters: squall.Schema{
			param("context", "object", "Variables the workflow begins with.", byDefault("{}")),
			param("skip_notify", "array", "Tasks whose end is not announced.", byDefault("[]")),
			param("task", "string", "Task at which a reverse workflow ends."),
			param("workflow", "string", "Workflow to begin with, when the file has several."),
		},
	}
}

func mistralStd() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "mistral-std",
		Description: "Runs the standard actions of OpenStack Mistral that need nothing from outside.",
	}
}
