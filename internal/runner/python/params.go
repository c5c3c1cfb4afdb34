package python

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"squall/internal/runner"
)

// params are the runner parameters of one run.
type params struct {
	version  string // content_version
	debug    bool
	env      map[string]string
	logLevel string
	timeout  *int64 // seconds; nil: none of its own
}

func paramsOf(job *runner.Job) (*params, error) {
	given := job.RunnerParams
	p := &params{logLevel: "DEBUG"}
	p.version, _ = given["content_version"].(string)
	p.debug, _ = given["debug"].(bool)
	if level, ok := given["log_level"].(string); ok && level != "" {
		p.logLevel = level
	}
	p.timeout = seconds(given["timeout"])

	env, _ := given["env"].(map[string]any)
	for name, value := range env {
		if protected(name) {
			continue // st2: silently
		}
		text, ok := value.(string)
		switch {
		case !ok:
			return nil, runner.Complain("expected str, bytes or os.PathLike object, not %s", runner.PythonType(value))
		case name == "" || strings.ContainsAny(name, "=\x00"):
			return nil, runner.Complain("illegal environment variable name %q", name)
		case strings.Contains(text, "\x00"):
			return nil, runner.Complain("embedded null byte in environment variable %q", name)
		}
		if p.env == nil {
			p.env = make(map[string]string, len(env))
		}
		p.env[name] = text
	}
	return p, nil
}

// protected reports whether an action may not set a variable: those that would
// take its own modules away, and those that say which execution it is.
func protected(name string) bool {
	return strings.EqualFold(name, "PYTHONPATH") || strings.HasPrefix(name, "ST2_ACTION_")
}

// seconds reads an integer parameter, however it was decoded.
func seconds(v any) *int64 {
	var n int64
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return nil
		}
		n = int64(f)
	case float64:
		n = int64(v)
	case int:
		n = int64(v)
	case int64:
		n = v
	default:
		return nil
	}
	return &n
}

// arguments writes the arguments of run(): every declared parameter, null when it
// was not given, none of the runner's (st2). Numbers declared as such are floats.
func arguments(job *runner.Job) json.RawMessage {
	var b strings.Builder
	b.WriteByte('{')
	add := func(name string, value string) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(runner.CompactJSON(name))
		b.WriteByte(':')
		b.WriteString(value)
	}
	written := map[string]bool{}
	for _, p := range job.Action.Parameters {
		if _, ofRunner := job.RunnerParams[p.Name]; ofRunner {
			if _, ofAction := job.ActionParams[p.Name]; !ofAction {
				continue
			}
		}
		value := job.Ordered(p.Name)
		if _, given := job.ActionParams[p.Name]; !given {
			value = nil
		}
		written[p.Name] = true
		if n, ok := value.(json.Number); ok && string(p.Type) == `"number"` && !strings.ContainsAny(n.String(), ".eE") {
			add(p.Name, n.String()+".0")
			continue
		}
		add(p.Name, runner.CompactJSON(value))
	}
	for name := range job.ActionParams {
		if !written[name] {
			add(name, runner.CompactJSON(job.Ordered(name)))
		}
	}
	b.WriteByte('}')
	return json.RawMessage(b.String())
}

// numbered writes a number of seconds as people see it.
func numbered(n *int64) string {
	if n == nil {
		return "time"
	}
	return fmt.Sprintf("%s seconds", strconv.FormatInt(*n, 10))
}
