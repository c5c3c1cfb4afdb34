package python

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// environment is a Python to run with.
type environment struct {
	python string    // the interpreter
	dir    string    // of the virtual environment, links resolved; "": the machine's Python
	stamp  time.Time // changes when something is installed into it
}

// environmentOf returns the environment of a pack: its own, or the machine's
// Python for a pack that has none because it requires nothing.
func (r *Runner) environmentOf(pack string) (*environment, error) {
	if r.cfg.Environments != "" && pack != "" {
		dir, err := filepath.EvalSymlinks(filepath.Join(r.cfg.Environments, pack))
		if err == nil {
			env := &environment{python: filepath.Join(dir, "bin", "python"), dir: dir}
			if _, err := os.Stat(env.python); err != nil {
				return nil, fmt.Errorf("the environment of pack %s is broken, install the pack again: %w", pack, err)
			}
			env.stamp = installed(dir)
			return env, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the environment of pack %s: %w", pack, err)
		}
	}
	python, err := r.interpreter()
	if err != nil {
		return nil, err
	}
	return &environment{python: python}, nil
}

// interpreter returns the machine's Python itself: version managers put scripts
// into PATH that look for it at every start. It is asked once; the error is not
// kept, so that Python may be installed while the server runs.
func (r *Runner) interpreter() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.python != "" {
		return r.python, nil
	}
	found, err := exec.LookPath(r.cfg.Python)
	if err != nil {
		return "", fmt.Errorf("there is no Python on this machine (%s); install python3 or set python.path", r.cfg.Python)
	}
	cmd := exec.Command(found, "-c", "import sys; print(sys.executable)")
	cmd.Env = r.environ
	out, err := cmd.Output()
	if exe := strings.TrimSpace(string(out)); err == nil && filepath.IsAbs(exe) {
		found = exe
	}
	r.python = found
	return found, nil
}

// installed is when something was last installed into an environment.
func installed(dir string) time.Time {
	places, _ := filepath.Glob(filepath.Join(dir, "lib", "python*", "site-packages"))
	var last time.Time
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
