package python

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"squall/internal/runner"
)

// document is the job as squall_runner/action.py reads it.
type document struct {
	File       string            `json:"file"`
	Pack       string            `json:"pack"`
	User       string            `json:"user"`
	Parameters json.RawMessage   `json:"parameters"`
	Config     json.RawMessage   `json:"config"`
	LogLevel   string            `json:"log_level"`
	Env        map[string]string `json:"env"`
	Path       []string          `json:"path"`
	Memory     int64             `json:"memory"`
}

// document describes the run of job with the pack's files in dir.
func (r *Runner) document(job *runner.Job, p *params, dir string, env *environment, config json.RawMessage) (*document, error) {
	file := job.Action.EntryPoint
	if file == "" {
		return nil, runner.Complain(`Action "%s" is missing entry_point attribute`, job.Action.Ref)
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, "actions", file)
	}
	path := []string{filepath.Join(dir, "actions", "lib")}
	if r.cfg.PackLibs {
		path = append([]string{filepath.Join(dir, "lib")}, path...)
	}
	return &document{
		File: file, Pack: job.Action.Ref.Pack, User: job.Execution.User,
		Parameters: arguments(job), Config: config,
		LogLevel: p.logLevel, Path: path, Memory: r.cfg.Memory,
		Env: r.environment(job, p, env, path),
	}, nil
}

// environment is the whole environment of an action: what the server has, what
// the action sets, what the runner and the job say; later ones win.
func (r *Runner) environment(job *runner.Job, p *params, env *environment, path []string) map[string]string {
	vars := make(map[string]string, len(r.environ)+len(p.env)+len(job.Env)+8)
	for _, entry := range r.environ {
		name, value, _ := strings.Cut(entry, "=")
		vars[name] = value
	}
	if env.dir != "" {
		vars["PATH"] = filepath.Join(env.dir, "bin") + string(os.PathListSeparator) + vars["PATH"]
	}
	for name, value := range map[string]string{"HOME": "/", "LANG": "C.UTF-8", "ST2_CONFIG_PATH": "/etc/st2/st2.conf"} {
		vars[name] = cmp.Or(vars[name], value)
	}
	for name, value := range p.env {
		vars[name] = value
	}
	for name, value := range job.Env {
		vars[name] = value
	}
	// Programs the action starts with the same Python find what the action finds.
	vars["PYTHONPATH"] = strings.Join(append(slices.Clone(path), filepath.Join(r.cfg.Lib, "lib")), string(os.PathListSeparator))
	debug := "False"
	if p.debug {
		debug = "True"
	}
	vars["ST2_ACTION_DEBUG"] = debug
	if url := job.Env["ST2_ACTION_API_URL"]; url != "" {
		vars["ST2_API_URL"] = url
	}
	if token := job.Env["ST2_ACTION_AUTH_TOKEN"]; token != "" {
		vars["ST2_AUTH_TOKEN"] = token
	}
	if r.cfg.PackPaths != nil {
		vars["SQUALL_PACKS_PATHS"] = strings.Join(r.cfg.PackPaths(), string(os.PathListSeparator))
	}
	return vars
}

// inherited is what actions get of the server's own environment: all but the
// server's settings, which may hold secrets, and what would change Python.
func inherited(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return strings.HasPrefix(entry, "SQUALL_") || strings.HasPrefix(entry, "PYTHON") || strings.HasPrefix(entry, "VIRTUAL_ENV=")
	})
}

// needsStart names a variable of the action's that Python or the loader read
// only when a process starts; "" when there is none.
func needsStart(vars map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if slices.Contains(readAtStart, name) || strings.HasPrefix(name, "LD_") {
			return name
		}
	}
	return ""
}

var readAtStart = []string{
	"MALLOC_ARENA_MAX", "OPENSSL_CONF", "PYTHONASYNCIODEBUG", "PYTHONDEBUG", "PYTHONDEVMODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED",
	"PYTHONHOME", "PYTHONIOENCODING", "PYTHONMALLOC", "PYTHONNOUSERSITE", "PYTHONOPTIMIZE", "PYTHONTRACEMALLOC", "PYTHONUSERBASE",
	"PYTHONVERBOSE", "PYTHONWARNINGS",
}
