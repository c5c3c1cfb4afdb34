package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"squall/internal/runner"
)

// command is what is to be executed.
type command struct {
	path     string   // the program
	argv     []string // with argv[0]
	dir      string   // empty: the server's
	env      []string
	password string   // for sudo, on standard input; empty: none
	marker   string   // environment entry that tells this run's processes
	shell    *command // what to run when path cannot be executed as it is; nil: nothing
}

// shellCommand builds the command of a local-shell-cmd action.
func (r *Runner) shellCommand(job *runner.Job, p *params) (*command, error) {
	c, err := r.base(job, p)
	if err != nil {
		return nil, err
	}
	if words, ok := plain(p.cmd); ok && !r.changesUser(p) && c.dir == "" && !shellChanges(c.env) {
		if path, ok := find(words[0], c.env); ok {
			return r.direct(c, p, path, words, r.workdir, p.cmd), nil
		}
	}
	return r.throughShell(c, p, p.cmd), nil
}

// scriptCommand builds the command of a local-shell-script action.
func (r *Runner) scriptCommand(job *runner.Job, p *params) (*command, error) {
	if job.Action.EntryPoint == "" {
		return nil, runner.Complain("Missing entry_point action metadata attribute")
	}
	if version, _ := job.RunnerParams["content_version"].(string); version != "" {
		// To run another version than asked for would be worse than to fail.
		return nil, fmt.Errorf("content_version %q: running another version of a pack is not supported yet", version)
	}
	c, err := r.base(job, p)
	if err != nil {
		return nil, err
	}
	path := job.Action.EntryPoint
	if !filepath.IsAbs(path) {
		path = filepath.Join(job.PackDir, "actions", path)
	}
	if err := makeExecutable(path); err != nil {
		return nil, errors.New(pythonError(err, path))
	}
	argv := append([]string{path}, runner.ScriptArgs(job, p.kwargOp)...)
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = runner.Quote(arg)
	}
	line := strings.Join(quoted, " ")
	if r.changesUser(p) || shellChanges(c.env) {
		return r.throughShell(c, p, line), nil
	}
	dir := c.dir
	if dir == "" {
		dir = r.workdir
	} else if real, err := filepath.EvalSymlinks(dir); err == nil {
		if dir, err = filepath.Abs(real); err != nil {
			dir = real
		}
	}
	return r.direct(c, p, path, argv, dir, line), nil
}

// base is what all commands have in common.
func (r *Runner) base(job *runner.Job, p *params) (*command, error) {
	c := &command{env: environment(r.environ, p.env, job.Env)}
	if p.cwd != nil {
		if *p.cwd == "" {
			return nil, errors.New(pythonError(syscall.ENOENT, ""))
		}
		c.dir = *p.cwd
	}
	if id, ok := job.Env["SQUALL_EXECUTION_ID"]; ok {
		c.marker = "SQUALL_EXECUTION_ID=" + id
	}
	return c, nil
}

// changesUser reports whether the command must go through sudo.
func (r *Runner) changesUser(p *params) bool {
	if p.sudo {
		// The server is root already and there is no sudo: nothing to change.
		return !(r.root && r.sudo == "")
	}
	return r.asUser != ""
}

// direct makes c a program executed without a shell; where the kernel refuses
// to (a script without "#!"), the shell gets the line after all and says what
// is wrong. dir is where the program will find itself.
func (r *Runner) direct(c *command, p *params, path string, argv []string, dir, line string) *command {
	shell := *c
	c.shell = r.throughShell(&shell, p, line)
	c.path, c.argv = path, argv
	c.env = asFromShell(slices.Clone(c.env), path, dir)
	return c
}

// throughShell runs line in bash, under sudo where the user changes. The
// arguments of sudo are st2's: -E keeps the environment, -H gives the user's
// home, -S takes the password from standard input. The original lets a shell
// put this line together; passing arguments one by one needs no quoting.
func (r *Runner) throughShell(c *command, p *params, line string) *command {
	if !r.changesUser(p) {
		c.path, c.argv = r.bash, []string{filepath.Base(r.bash), "-c", line}
		return c
	}
	c.path, c.argv = r.sudo, []string{"sudo"}
	if c.path == "" {
		c.path = "sudo" // cannot be started: the result says that it is missing
	}
	if p.password != "" {
		c.password = p.password
		c.argv = append(c.argv, "-S")
	}
	c.argv = append(c.argv, "-E")
	if !p.sudo {
		c.argv = append(c.argv, "-H", "-u", r.asUser)
	}
	c.argv = append(c.argv, "--", "bash", "-c", line)
	return c
}

// makeExecutable gives a script the right to be executed if nobody has it:
// four in ten scripts of real packs lack it (st2: chmod +x before each run).
func makeExecutable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o111 == 0 {
		// A failure (a read-only file system, another owner) shows when the
		// script is executed, with the shell's own message.
		_ = os.Chmod(path, mode|0o111)
	}
	return nil
}

// startProblem says in words why a command could not be started when what the
// action was given is to blame.
func startProblem(err error, c *command) (string, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", false
	}
	if c.dir != "" {
		if info, statErr := os.Stat(c.dir); statErr != nil {
			return pythonError(statErr, c.dir), true
		} else if !info.IsDir() {
			return pythonError(syscall.ENOTDIR, c.dir), true
		} else if errno == syscall.EACCES {
			return pythonError(errno, c.dir), true
		}
	}
	switch errno {
	case syscall.E2BIG:
		return pythonError(errno, c.argv[0]), true
	case syscall.EINVAL:
		return "embedded null byte", true // the only argument the system call refuses
	}
	return "", false
}

// pythonError words an error of the system as Python does, which is what users
// of the original search for.
func pythonError(err error, path string) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	return fmt.Sprintf("[Errno %d] %s%s: '%s'", int(errno), strings.ToUpper(text[:1]), text[1:], path)
}
