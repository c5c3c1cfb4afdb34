package local

import "squall/internal/runner"

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
	p.timeout = runner.Seconds(given["timeout"])
	var err error
	p.env, err = runner.EnvOf(given["env"])
	return p, err
}
