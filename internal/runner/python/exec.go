package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"squall/internal/runner"
	"squall/internal/runner/process"
	"squall/internal/runner/warm"
)

// common are the modules that most actions import; a fork server has them loaded.
// The standard library's are there for requests, yaml and the client of the API.
var common = []string{
	"argparse", "ast", "base64", "collections", "copy", "csv", "datetime", "email.parser", "fnmatch", "functools", "getpass", "glob",
	"hashlib", "hmac", "html", "http.client", "http.cookiejar", "io", "itertools", "logging", "logging.handlers", "operator", "pprint", "queue",
	"random", "re", "select", "shlex", "shutil", "socket", "ssl", "string", "subprocess", "tempfile", "textwrap", "threading", "time", "traceback",
	"types", "typing", "urllib.parse", "urllib.request", "uuid", "xml.etree.ElementTree", "zipfile",
	"six", "yaml", "requests",
	"st2common.runners.base_action", "st2actions.runners.pythonrunner", "st2client.client", "st2common.log",
}

// spec says how doc is to be run.
func (r *Runner) spec(p *params, env *environment, doc *document) (*warm.Spec, error) {
	job, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write the job: %w", err)
	}
	python := []string{env.python, "-u", "-X", "utf8"}
	s := &warm.Spec{
		Python: env.python, Stamp: env.stamp, Job: job,
		Server: slices.Concat(python, []string{r.program("forkserver.py")}, common, r.cfg.Preload), ServerEnv: r.environ, Dir: r.workdir, Idle: r.cfg.Idle,
		Alone: append(python, r.program("cold.py")),
	}
	if name := needsStart(p.env); r.cfg.Cold {
		s.Cold = "python.warm is off"
	} else if name != "" {
		s.Cold = "the action sets " + name
	}
	if s.Cold != "" {
		for name, value := range doc.Env {
			s.AloneEnv = append(s.AloneEnv, name+"="+value)
		}
	}
	return s, nil
}

// program is the path of one of the library's programs.
func (r *Runner) program(name string) string {
	return filepath.Join(r.cfg.Lib, "lib", "squall_runner", name)
}

// tellCold logs why an action was not forked, unless nothing ever is.
func (r *Runner) tellCold(job *runner.Job, why string) {
	if why != "" && job.Log != nil && !r.cfg.Cold {
		job.Log.Info("a Python is started for this action alone", "reason", why)
	}
}

// exec runs the action and returns when it has ended and both its streams are
// closed. The error says that it could not be started, or is lost.
func (r *Runner) exec(ctx context.Context, job *runner.Job, _ *params, spec *warm.Spec, out runner.Output) (*ending, error) {
	run, err := r.pool.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	r.tellCold(job, run.Cold)
	end := r.newEnding(out)
	end.Stdout.From, end.Stderr.From = run.Stdout, run.Stderr

	tree := &process.Tree{Leader: run.PID(), Marker: marker(job)}
	killed, settle := end.Drain(ctx, tree, r.cfg.Grace, r.cfg.WaitDelay)
	err = run.Ended(killed)
	settle()
	code, reapErr := run.Reap()
	if end.Stopped {
		return end, nil // how it died does not matter
	}
	end.said(run.Outcome())
	if err = errors.Join(err, reapErr); err != nil && end.kind == 0 {
		return nil, err
	}
	end.Code = code // 0 when only this was lost
	return end, nil
}

func (r *Runner) newEnding(out runner.Output) *ending {
	return &ending{Ending: process.NewEnding(out.Stdout(), out.Stderr(), r.cfg.OutputLimit)}
}

// said takes what the process left as its outcome.
func (e *ending) said(outcome []byte) {
	if len(outcome) > 1 {
		e.kind, e.value = outcome[0], outcome[1:]
	}
}

// marker is the entry of the environment that tells a run's processes; "" without.
func marker(job *runner.Job) string {
	id := job.Env["SQUALL_EXECUTION_ID"]
	if id == "" {
		return ""
	}
	return "SQUALL_EXECUTION_ID=" + id
}
