package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/process"
	"squall/internal/squall"
)

// Config says how commands are run. The zero value runs them as the server's
// own user with the defaults named at the fields.
type Config struct {
	// SystemUser is the user commands run as, through sudo, unless an action
	// asks for root (st2: system_user.user). Empty: the server's own user.
	SystemUser string
	// OutputLimit bounds what a result keeps of each stream, in bytes; 0:
	// runner.DefaultOutputLimit.
	OutputLimit int
	// Grace is the time between TERM and KILL; 0: three seconds.
	Grace time.Duration
	// WaitDelay is how long to wait after KILL for streams that something
	// beyond our reach keeps open; 0: two seconds.
	WaitDelay time.Duration
	// Keep runs the commands in a process that outlives this one; nil: they are
	// children of this process and end with it.
	Keep *keep.Client
	// Alone is how long a command of a repeatable action may run on without a
	// server, before another node may start it again; 0: for ever.
	Alone time.Duration
}

// Runner runs local-shell-cmd or local-shell-script actions. It holds nothing
// of a run and may be used by many goroutines.
type Runner struct {
	cfg     Config
	script  bool
	bash    string   // path of bash, or of sh where there is no bash
	sudo    string   // path of sudo; empty: not installed
	asUser  string   // to be reached through sudo; empty: nobody else
	root    bool     // the server runs as root
	environ []string // what every command inherits
	workdir string   // the server's working directory
	null    *os.File // standard input of every command without a password
}

var _ runner.Resumer = (*Runner)(nil)

// NewCmd returns the runner of local-shell-cmd.
func NewCmd(cfg Config) (*Runner, error) { return newRunner(cfg, false) }

// NewScript returns the runner of local-shell-script.
func NewScript(cfg Config) (*Runner, error) { return newRunner(cfg, true) }

func newRunner(cfg Config, script bool) (*Runner, error) {
	if cfg.OutputLimit == 0 {
		cfg.OutputLimit = runner.DefaultOutputLimit
	}
	if cfg.Grace == 0 {
		cfg.Grace = 3 * time.Second
	}
	if cfg.WaitDelay == 0 {
		cfg.WaitDelay = 2 * time.Second
	}
	r := &Runner{cfg: cfg, script: script, root: os.Geteuid() == 0, environ: inherited(os.Environ())}

	var err error
	if r.bash, err = exec.LookPath("bash"); err != nil {
		if r.bash, err = exec.LookPath("sh"); err != nil {
			return nil, fmt.Errorf("find a shell: %w", err)
		}
	}
	r.sudo, _ = exec.LookPath("sudo") // needed only by actions that ask for it
	if cfg.SystemUser != "" {
		current, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("find out who the server runs as: %w", err)
		}
		if current.Username != cfg.SystemUser {
			r.asUser = cfg.SystemUser
		}
	}
	if r.workdir, err = os.Getwd(); err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	if r.null, err = os.Open(os.DevNull); err != nil {
		return nil, fmt.Errorf("open standard input: %w", err)
	}
	return r, nil
}

// Run runs the command or script and waits until it has ended and nobody holds
// its output open any more: what a background child prints still counts (st2).
// A command that fails is an outcome. So is one that cannot be started because
// of what the action was given: a missing directory, an environment that is
// not text. The error is for faults of the machine.
func (r *Runner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	if status := runner.StatusOf(ctx); ctx.Err() != nil && status != squall.Timeout {
		return squall.Outcome{Status: status}, nil
	}
	p, c, err := r.command(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	if p.timeout != nil {
		// The scheduler has a deadline of its own; this one also holds for 0
		// and below, which time out at once (st2), and where nobody set one.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(*p.timeout)*time.Second, runner.ErrTimeout)
		defer cancel()
	}
	if ctx.Err() != nil {
		return r.outcome(ctx, p, &process.Ending{Stopped: true}), nil
	}
	end, err := r.exec(ctx, job, p, c, out)
	if err != nil {
		if problem, ok := startProblem(err, c); ok {
			return runner.Failure("%s", problem), nil
		}
		return squall.Outcome{}, fmt.Errorf("run %s: %w", c.path, err)
	}
	return r.outcome(ctx, p, end), nil
}

// command reads the job.
func (r *Runner) command(job *runner.Job) (p *params, c *command, err error) {
	if p, err = paramsOf(job); err != nil {
		return nil, nil, err
	}
	if r.script {
		c, err = r.scriptCommand(job, p)
	} else {
		c, err = r.shellCommand(job, p)
	}
	return p, c, err
}
