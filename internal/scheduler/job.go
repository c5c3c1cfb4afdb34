package scheduler

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// job puts together what the runner gets. An error says why the execution
// cannot be run, for the person who looks at its result; what the database
// could not deliver was tried again until the lease or the run ended.
func (s *Scheduler) job(ctx context.Context, ex *squall.Execution) (*runner.Job, *lifecycle.Definition, error) {
	if s.runners[ex.Runner] == nil {
		return nil, nil, squall.Errorf(squall.Invalid, "this node has no runner %q", ex.Runner)
	}
	if err := s.svc.CheckRunner(ctx, ex.Runner); err != nil {
		return nil, nil, err
	}
	var def *lifecycle.Definition
	err := retry(ctx, func() (err error) {
		def, err = s.svc.Definition(ctx, ex.ActionVersion)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return nil, nil, squall.Errorf(squall.NotFound, "the action %s is gone", ex.Action)
	}
	if err != nil {
		return nil, nil, err
	}
	opened, runnerParams, actionParams, err := s.parameters(ctx, def, ex)
	if err != nil {
		return nil, nil, err
	}
	job := &runner.Job{
		Execution: opened, Action: def.Action, RunnerParams: runnerParams, ActionParams: actionParams,
		Log: runLog(s.cfg.Log, ex),
	}
	if s.isInstant(ex.Runner) {
		return job, def, nil
	}
	if err := retry(ctx, func() (err error) {
		job.PackDir, err = s.packs.dir(ctx, ex.Action.Pack)
		return err
	}); err != nil {
		return nil, nil, err
	}
	job.Env = environment(ex, s.cfg.APIURL)
	if s.cfg.IssueToken != nil {
		var token string
		if err := retry(ctx, func() (err error) {
			token, err = s.cfg.IssueToken(ctx, ex)
			return err
		}); err != nil {
			return nil, nil, err
		}
		job.Env["ST2_ACTION_AUTH_TOKEN"] = token
		job.Env["SQUALL_TOKEN"] = token
	}
	return job, def, nil
}

// parameters returns the values the run starts with, and the execution with
// its parameters in plain text. ex itself stays as it is stored.
func (s *Scheduler) parameters(ctx context.Context, def *lifecycle.Definition, ex *squall.Execution) (opened *squall.Execution, runnerParams, actionParams map[string]any, err error) {
	opened = ex
	if def.Form.Secret() {
		c := *ex
		if c.Parameters, err = s.svc.OpenParameters(def, ex.Parameters); err != nil {
			return nil, nil, nil, err
		}
		opened = &c
	}
	err = retry(ctx, func() (err error) {
		runnerParams, actionParams, err = s.svc.Start(ctx, def, ex, opened.Parameters)
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	return opened, runnerParams, actionParams, lifecycle.FetchSecrets(ctx, def, s.cfg.FetchSecret, runnerParams, actionParams)
}

// environment is what every action finds about itself; the ST2 names are for
// actions written for StackStorm.
func environment(ex *squall.Execution, apiURL string) map[string]string {
	env := map[string]string{
		"SQUALL_EXECUTION_ID":     string(ex.ID),
		"SQUALL_ATTEMPT":          strconv.Itoa(ex.Attempt),
		"SQUALL_IDEMPOTENCY_KEY":  ex.IdempotencyKey(),
		"ST2_ACTION_DEBUG":        "False",
		"ST2_ACTION_PACK_NAME":    ex.Action.Pack,
		"ST2_ACTION_EXECUTION_ID": string(ex.ID),
	}
	if apiURL != "" {
		env["SQUALL_API_URL"] = apiURL
		env["ST2_ACTION_API_URL"] = strings.TrimRight(apiURL, "/") + "/v1" // st2: with the version
	}
	return env
}

// retry calls fn until the database answers or ctx ends.
func retry(ctx context.Context, fn func() error) error {
	var pause backoff
	for {
		err := fn()
		if squall.KindOf(err) != squall.Unavailable || ctx.Err() != nil {
			return err
		}
		pause.wait(ctx)
	}
}

// packDirs knows where packs lie. It asks the database again after a few
// seconds, for a pack may be installed anew somewhere else.
type packDirs struct {
	st store.Store
	mu sync.Mutex
	at time.Time
	by map[string]string
}

const packDirLife = 5 * time.Second

// dir returns the pack's directory, empty when it has none or is gone.
func (p *packDirs) dir(ctx context.Context, pack string) (string, error) {
	p.mu.Lock()
	if time.Since(p.at) > packDirLife {
		p.by, p.at = map[string]string{}, time.Now()
	}
	dir, ok := p.by[pack]
	p.mu.Unlock()
	if ok {
		return dir, nil
	}
	err := p.st.View(ctx, func(tx store.Tx) error {
		found, err := tx.Pack(ctx, pack)
		if squall.KindOf(err) == squall.NotFound {
			return nil
		}
		if err == nil {
			dir = found.Path
		}
		return err
	})
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[pack] = dir
	return dir, nil
}
