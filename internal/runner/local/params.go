package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"squall/internal/runner"
)

// params are the runner parameters of one run.
type params struct {
	cmd      string
	cwd      *string // nil: the server's; "" is an error as in st2
	env      map[string]string
	kwargOp  string
	sudo     bool
	password string
	timeout  *int64 // seconds; nil: none of its own
}

func paramsOf(job *runner.Job) (*params, error) {
	given := job.RunnerParams
	p := &params{kwargOp: "--"}
	p.cmd, _ = given["cmd"].(string)
	if cwd, ok := given["cwd"].(string); ok {
		p.cwd = &cwd
	}
	if op, ok := given["kwarg_op"].(string); ok {
		p.kwargOp = op
	}
	p.sudo, _ = given["sudo"].(bool)
	p.password, _ = given["sudo_password"].(string)
	p.timeout = seconds(given["timeout"])

	env, _ := given["env"].(map[string]any)
	if len(env) > 0 {
		p.env = make(map[string]string, len(env))
	}
	for name, value := range env {
		text, ok := value.(string)
		if !ok {
			return nil, runner.Complain("expected str, bytes or os.PathLike object, not %s: environment variable %q must be a string", runner.PythonType(value), name)
		}
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return nil, fmt.Errorf("illegal environment variable name %q", name)
		}
		if strings.Contains(text, "\x00") {
			return nil, errors.New("embedded null byte in environment variable " + strconv.Quote(name))
		}
		p.env[name] = text
	}
	return p, nil
}

// seconds reads an integer parameter, however it was decoded.
func seconds(v any) *int64 {
	var n int64
	switch v := v.(type) {
	case json.Number:
		i, err := v.Int64()
		if err != nil {
			f, err := v.Float64()
			if err != nil {
				return nil
			}
			i = int64(f)
		}
		n = i
	case float64:
		n = int64(v)
	case int:
		n = int64(v)
	case int64:
		n = v
	default:
		return nil
	}
	const most = 1 << 33 // a duration of nanoseconds holds no more
	n = min(n, most)
	return &n
}
