package python

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/process"
	"squall/internal/runner/warm"
	"squall/internal/squall"
)

// Config says how actions are run. Lib, Environments and PackConfig are needed;
// other zero fields get the defaults named.
type Config struct {
	// Lib is the directory of the library (squall/python.Unpack).
	Lib string
	// Python is the interpreter for packs without an environment of their own: a
	// path or a name in PATH; "python3".
	Python string
	// Environments holds the environments of packs, a directory or link each.
	Environments string
	// Versions is where packs of other versions are laid out; see content_version.
	Versions string
	// PackConfig returns the configuration that actions of a pack see when user
	// runs them, a JSON object; nil when there is none.
	PackConfig func(ctx context.Context, pack, user string) (json.RawMessage, error)
	// PackPaths returns the directories that hold packs; nil: none.
	PackPaths func() []string
	// PackLibs makes the directory lib of a pack importable (st2: enable_common_libs).
	PackLibs bool

	// Keep runs the actions in a process that outlives this one; nil: they end with it.
	Keep *keep.Client
	// KeepFor is how long a repeatable action may run on without a server, before
	// another node may start it again; 0: for ever.
	KeepFor time.Duration

	// Cold switches the fork servers off.
	Cold bool
	// Preload names modules that fork servers import beside the usual ones.
	Preload []string
	// Idle is how long a fork server waits for an action before it ends; 10 minutes.
	Idle time.Duration
	// Memory bounds the address space of an action, in bytes; 0: no bound.
	Memory int64

	// OutputLimit bounds what a result keeps of each stream, in bytes; 0:
	// runner.DefaultOutputLimit.
	OutputLimit int
	Grace       time.Duration // between TERM and KILL; 3 seconds
	WaitDelay   time.Duration // after KILL, for streams that something beyond our reach keeps open; 2 seconds

	Log *slog.Logger // what concerns no single execution; nil: nowhere
}

// Runner runs python-script actions. It may be used by many goroutines; Close
// ends its fork servers, not those of a keeper.
type Runner struct {
	cfg     Config
	environ []string   // what every action inherits
	workdir string     // the server's, and that of every action (st2)
	pool    *warm.Pool // of this process

	mu     sync.Mutex
	python string // the machine's interpreter, once it was asked for
}

var _ runner.Resumer = (*Runner)(nil)

// New returns a runner. It starts nothing yet, and does not look for Python: a
// server without Python runs everything else.
func New(cfg Config) (*Runner, error) {
	if cfg.Python == "" {
		cfg.Python = "python3"
	}
	if cfg.Idle == 0 {
		cfg.Idle = 10 * time.Minute
	}
	if cfg.OutputLimit == 0 {
		cfg.OutputLimit = runner.DefaultOutputLimit
	}
	if cfg.Grace == 0 {
		cfg.Grace = 3 * time.Second
	}
	if cfg.WaitDelay == 0 {
		cfg.WaitDelay = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	pool, err := warm.NewPool(cfg.Log)
	if err != nil {
		return nil, err
	}
	r := &Runner{cfg: cfg, environ: inherited(os.Environ()), pool: pool}
	r.workdir, _ = os.Getwd() // "": it was removed; then it does not matter where actions run
	return r, nil
}

// Close ends the fork servers and, with them, actions that still run, but not what
// a keeper has. Runs that begin later are refused.
func (r *Runner) Close() { r.pool.Close() }

// Run runs the action and waits until it has ended and nobody holds its output
// open any more. An action that fails, raises or exits is an outcome, and so is
// one that cannot begin because of what it was given. The error is for faults of
// the machine: no Python, no memory.
func (r *Runner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	p, err := paramsOf(job)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	if p.timeout != nil {
		// The scheduler has a deadline of its own; this one also holds for 0 and
		// below, which time out at once (st2), and where nobody set one.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(*p.timeout)*time.Second, runner.ErrTimeout)
		defer cancel()
	}
	if ctx.Err() != nil {
		return r.outcome(ctx, p, &ending{Ending: process.Ending{Stopped: true}}), nil
	}
	dir := job.PackDir
	if p.version != "" {
		if dir, err = r.checkOut(ctx, job, p.version); err != nil {
			return runner.Failure("%v", err), nil
		}
	}
	env, err := r.environmentOf(job.Action.Ref.Pack)
	if err != nil {
		return squall.Outcome{}, err
	}
	var config json.RawMessage
	if r.cfg.PackConfig != nil {
		if config, err = r.cfg.PackConfig(ctx, job.Action.Ref.Pack, job.Execution.User); err != nil {
			return runner.Failure("the configuration of pack %s: %s", job.Action.Ref.Pack, squall.MessageOf(err)), nil
		}
	}
	doc, err := r.document(job, p, dir, env, config)
	if err != nil {
		return runner.Failure("%v", err), nil
	}
	spec, err := r.spec(p, env, doc)
	if err != nil {
		return squall.Outcome{}, err
	}
	exec := r.exec
	if r.cfg.Keep != nil {
		exec = r.execKept
	}
	end, err := exec(ctx, job, p, spec, out)
	if err != nil {
		return squall.Outcome{}, fmt.Errorf("run Python: %w", err)
	}
	if env.dir == "" && lacksRequirements(end, job.PackDir) {
		end.Stderr.Note(fmt.Sprintf("Pack %[1]s has a requirements.txt and no environment yet. Make one with: squall run packs.setup_virtualenv packs=%[1]s\n", job.Action.Ref.Pack))
	}
	return r.outcome(ctx, p, end), nil
}

// lacksRequirements reports whether an action failed for want of a module that
// its pack may well require.
func lacksRequirements(end *ending, dir string) bool {
	if end.Code != 1 || !bytes.Contains(end.Stderr.Kept, []byte("ModuleNotFoundError: ")) {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, "requirements.txt"))
	return err == nil && info.Size() > 0
}
