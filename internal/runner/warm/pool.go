package warm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"squall/internal/runner/process"
)

// Spec is a program to be run in a Python. It can be written as JSON; fields are
// only ever added (see keep.Spec).
type Spec struct {
	Python    string    // the interpreter
	Stamp     time.Time // changes when something is installed into its environment
	Server    []string  // arguments of its fork server, argv[0] included
	ServerEnv []string
	Dir       string        // where both run; "": where this process does
	Idle      time.Duration // after which an idle fork server ends

	Alone    []string // arguments of a Python for this program only
	AloneEnv []string // nil: ServerEnv, which is enough for what need not be cold
	Cold     string   // why it must not be forked; "": it may be

	Job []byte // what the program reads; not empty
}

// Pool holds the fork servers. It may be used by many goroutines; Close ends them.
type Pool struct {
	log  *slog.Logger
	null *os.File // standard input of every program

	mu      sync.Mutex
	servers map[string]*forkServer // by interpreter
	closed  bool
}

// NewPool returns a pool without fork servers: they start when they are needed.
// What concerns no single program goes to log.
func NewPool(log *slog.Logger) (*Pool, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open standard input: %w", err)
	}
	return &Pool{log: log, null: null, servers: map[string]*forkServer{}}, nil
}

// Close ends the fork servers and, with them, what they forked. What starts later
// is refused with ErrClosed.
func (p *Pool) Close() {
	p.mu.Lock()
	servers := p.servers
	p.servers, p.closed = nil, true
	p.mu.Unlock()
	for _, s := range servers {
		s.stop()
	}
	_ = p.null.Close() // it was only read
}

// Servers returns the process numbers of the fork servers that live, by interpreter.
func (p *Pool) Servers() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	pids := map[string]int{}
	for python, s := range p.servers {
		if !s.dead() {
			pids[python] = s.pid
		}
	}
	return pids
}

// Run is a program that was started.
type Run struct {
	process.Running
	Stdout, Stderr *os.File // reading ends; whoever reads closes them
	Cold           string   // why it was not forked; "": it was
	job            *memory
}

// Outcome is what the program left in place of its job, nil when that is nothing
// whole: a letter and a JSON value. Close must follow.
func (r *Run) Outcome() []byte { return r.job.outcome() }

// Close forgets the outcome.
func (r *Run) Close() { r.job.close() }

// Start starts a program: it is forked if that is possible. ctx bounds the start
// only, which may take a while for the first program of an environment.
func (p *Pool) Start(ctx context.Context, spec *Spec) (*Run, error) {
	job, err := newMemory(spec.Job)
	if err != nil {
		return nil, err
	}
	r := &Run{job: job, Cold: spec.Cold}
	var outW, errW *os.File
	if r.Stdout, outW, err = os.Pipe(); err != nil {
		job.close()
		return nil, err
	}
	defer outW.Close()
	if r.Stderr, errW, err = os.Pipe(); err != nil {
		job.close()
		r.Stdout.Close()
		return nil, err
	}
	defer errW.Close()
	if r.Running, r.Cold, err = p.either(ctx, spec, job, []*os.File{job.file, outW, errW}); err != nil {
		job.close()
		_, _ = r.Stdout.Close(), r.Stderr.Close()
		return nil, err
	}
	return r, nil
}

// either forks the program or starts it cold, and says why.
func (p *Pool) either(ctx context.Context, spec *Spec, job *memory, files []*os.File) (process.Running, string, error) {
	why := spec.Cold
	if why == "" {
		run, err := p.fork(ctx, spec, job, files)
		if err == nil {
			return run, "", nil
		}
		if errors.Is(err, ErrClosed) || ctx.Err() != nil {
			return nil, "", err
		}
		why = err.Error()
	}
	env := spec.AloneEnv
	if env == nil {
		env = spec.ServerEnv
	}
	argv := append(spec.Alone[:len(spec.Alone):len(spec.Alone)], job.path())
	child, err := os.StartProcess(spec.Python, argv, &os.ProcAttr{
		Env: env, Dir: spec.Dir, Files: []*os.File{p.null, files[1], files[2], files[0]},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return nil, "", err
	}
	return process.Child{Process: child}, why, nil
}

// fork has the fork server of spec's environment start a process with files: the
// job, stdout, stderr. It starts the fork server where there is none, or an
// outdated one.
func (p *Pool) fork(ctx context.Context, spec *Spec, job *memory, files []*os.File) (*warmRun, error) {
	for {
		s, err := p.server(spec)
		if err != nil {
			return nil, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		run, err := s.fork(job, files)
		if !errors.Is(err, errIdle) {
			return run, err
		}
	}
}

// server returns the fork server of an environment.
func (p *Pool) server(spec *Spec) (*forkServer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if s := p.servers[spec.Python]; s != nil {
		switch {
		case !s.stamp.Equal(spec.Stamp):
			p.log.Info("the environment has changed, its fork server is replaced", "python", spec.Python)
			s.retire() // what it forked goes on
		case !s.dead():
			return s, nil
		case time.Since(s.since) < retryAfter && s.never():
			return nil, s.err
		}
	}
	s := &forkServer{
		stamp: spec.Stamp, log: p.log.With("python", spec.Python),
		ready: make(chan struct{}), gone: make(chan struct{}), runs: map[int]*warmRun{}, after: spec.Idle,
	}
	s.idle = time.AfterFunc(time.Hour, s.expire)
	s.idle.Stop() // it runs from the moment the server is ready
	p.servers[spec.Python] = s
	if err := s.start(spec, p.null); err != nil {
		s.fail(fmt.Errorf("its fork server could not be started: %w", err))
		close(s.gone)
		return nil, s.err
	}
	return s, nil
}
