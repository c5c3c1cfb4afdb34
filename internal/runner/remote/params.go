package remote

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
)

// plan is what one job is to do on each of its hosts.
type plan struct {
	hosts   []host
	command ssh.Command
	login   *ssh.Login
	user    string
	bastion string
	timeout *int64        // seconds for each host; nil: none
	total   time.Duration // for all; 0: none
	detach  bool          // the commands go on without us

	// Of a script: what is copied, and where to.
	script string // on this machine; empty: a command
	lib    string // directory that goes with it; may not exist
	dir    string // on the host, made and deleted by us
	// Those of attempts that were cut off; deleted with dir.
	earlier []string
}

// host is one entry of the parameter "hosts".
type host struct {
	name string // key of the result
	host string
	port int
}

func (r *Runner) plan(job *runner.Job) (*plan, error) {
	given := job.RunnerParams
	text := func(name string) string { s, _ := given[name].(string); return s }
	p := &plan{user: text("username"), bastion: text("bastion_host"), timeout: runner.Seconds(given["timeout"])}
	if n := runner.Seconds(given["total_timeout"]); n != nil && *n > 0 {
		p.total = time.Duration(*n) * time.Second
	}
	port := 0
	if n := runner.Seconds(given["port"]); n != nil {
		port = int(*n)
	}
	var err error
	if p.hosts, err = hostsOf(text("hosts"), port); err != nil {
		return nil, err
	}
	if len(p.hosts) == 0 {
		return nil, runner.Complain("No hosts specified to run action for action %s.", job.Execution.ID)
	}
	if p.login, err = ssh.NewLogin(text("password"), text("private_key"), text("passphrase")); err != nil {
		return nil, err
	}
	p.detach, _ = given["detach"].(bool)
	p.command.Sudo, _ = given["sudo"].(bool)
	p.command.Password = text("sudo_password")
	if strings.ContainsAny(p.command.Password, "\n\x00") {
		return nil, errors.New("the password for sudo must be one line")
	}
	if p.command.Env, err = runner.EnvOf(given["env"]); err != nil {
		return nil, err
	}
	if p.command.Env == nil {
		p.command.Env = map[string]string{}
	}
	for name := range p.command.Env {
		if !variable(name) {
			return nil, fmt.Errorf("illegal environment variable name %q", name)
		}
	}
	for name, value := range job.Env {
		p.command.Env[name] = value // st2: those of the service win
	}
	if id, ok := job.Env["SQUALL_EXECUTION_ID"]; ok {
		p.command.Mark = "SQUALL_EXECUTION_ID=" + id
	}
	return p, r.line(job, p, given["cwd"])
}

// line builds the command line. st2: a command's directory is part of the line as
// it is, so "~" works; a script's is quoted.
func (r *Runner) line(job *runner.Job, p *plan, cwd any) error {
	dir, changes := cwd.(string)
	entry := job.Action.EntryPoint
	if !r.script {
		if entry != "" {
			return runner.Complain(`Action "%s" specified "entry_point" attribute. Perhaps wanted to use "remote-shell-script" runner?`, job.Action.Ref.Name)
		}
		cmd, _ := job.RunnerParams["cmd"].(string)
		p.command.Line = cmd
		if strings.TrimSpace(cmd) == "" {
			p.command.Line = ":" // st2: nothing to do is a success
		}
		if changes {
			p.command.Line = "cd " + dir + " && " + p.command.Line
		}
		return nil
	}
	if entry == "" {
		return runner.Complain(`Action "%s" is missing "entry_point" attribute. Perhaps wanted to use "remote-shell-script" runner?`, job.Action.Ref.Name)
	}
	p.script = entry
	if !filepath.IsAbs(entry) {
		p.script = filepath.Join(job.PackDir, "actions", entry)
	}
	p.lib = filepath.Join(filepath.Dir(p.script), "lib")
	base, _ := job.RunnerParams["dir"].(string)
	if base == "" {
		base = "/tmp"
	}
	// st2's name. What an attempt before this one could not take away may lie there,
	// and still run.
	p.dir = path.Join(base, string(job.Execution.ID))
	for n := 2; n <= job.Execution.Attempt; n++ {
		p.earlier = append(p.earlier, p.dir)
		p.dir = path.Join(base, string(job.Execution.ID)+"-"+strconv.Itoa(n))
	}
	op := "--"
	if given, ok := job.RunnerParams["kwarg_op"].(string); ok {
		op = given
	}
	words := []string{runner.Quote(path.Join(p.dir, filepath.Base(p.script)))}
	for _, arg := range runner.ScriptArgs(job, op) {
		words = append(words, runner.Quote(arg))
	}
	p.command.Line = strings.Join(words, " ")
	if changes {
		p.command.Line = "cd " + runner.Quote(dir) + " && " + p.command.Line
	}
	return nil
}

// variable reports whether a shell can export a variable of that name.
func variable(name string) bool {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// hostsOf reads the list of hosts: names with commas between them, each with a
// port of its own or the given one. Each host is there once. In the result it has
// its name alone (st2), with the port only where two differ in nothing else.
func hostsOf(text string, port int) ([]host, error) {
	var list []host
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		h, own, err := ssh.SplitHost(name)
		if err != nil {
			return nil, fmt.Errorf("hosts: %w", err)
		}
		if own == 0 {
			own = port
		}
		entry := host{name: h, host: h, port: own}
		if slices.ContainsFunc(list, func(o host) bool { return o.host == h && o.port == own }) {
			continue
		}
		if slices.ContainsFunc(list, func(o host) bool { return o.name == h }) {
			entry.name = name
		}
		list = append(list, entry)
	}
	return list, nil
}
