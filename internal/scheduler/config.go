package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// Config is how a node works. Zero fields get the defaults named.
type Config struct {
	// Node describes this process; Name is required and unique in the cluster.
	Node store.Node
	// Slots is how many executions run at once; 16.
	Slots int
	// Queues are served beside the empty one.
	Queues []string
	// Labels are what the node has, as "zone=dmz": it also serves executions that
	// ask for some of them. OnlyLabels: it serves no others.
	Labels     []string
	OnlyLabels bool
	// LabelLimits bound how many executions that ask for a label run here at once.
	LabelLimits map[string]int
	// Instant names runners that only compute for a moment: their runs take no
	// slot; noop and announcement.
	Instant []string

	LeaseTTL  time.Duration // 20s
	Heartbeat time.Duration // how often the lease is renewed; a quarter of LeaseTTL
	Poll      time.Duration // how often to look without a wake-up; 1s

	// SoftStop is how long an orderly stop waits for running executions before
	// it cancels them; 30s.
	SoftStop time.Duration
	// KillWait is how long after that, or after the loss of the lease, it waits
	// for runners to return; 15s. A runner that takes longer is reported.
	KillWait time.Duration

	OutputLimit int64         // bytes of output kept of one run; 10 MiB
	OutputEvery time.Duration // how long output is gathered before it is stored; 100ms

	RescueEvery time.Duration // how often to look for executions of dead nodes; half of LeaseTTL
	SweepEvery  time.Duration // how often old rows are deleted; 10min
	Retention   lifecycle.Retention

	// APIURL is the address that actions find in their environment.
	APIURL string
	// IssueToken, when set, makes the token that an action finds in its environment.
	IssueToken func(ctx context.Context, ex *squall.Execution) (string, error)

	// FetchSecret gets the external secrets that secret parameters name; nil: there are none.
	FetchSecret lifecycle.Fetch

	// Keep knows the runs that outlive this process, of the runners that are
	// runner.Resumer; nil: there are none. KeepFor is how long others leave their
	// executions alone when the node is gone, so that it can take them over, those
	// excepted that are Attached; 5min.
	Keep    runner.Keep
	KeepFor time.Duration

	Hooks  Hooks
	Tracer trace.Tracer
	Log    *slog.Logger
}

// Hooks are told what happens, for metrics. Nil fields are not called. They
// must not block.
type Hooks struct {
	Claimed   func(n int)                                                      // executions taken, by claim or at the request
	Active    func(delta int)                                                  // +1 at the start of a run, -1 at its end
	Ended     func(runner string, status squall.Status, runTime time.Duration) // an outcome was stored
	OutputCut func(bytes int64)                                                // output dropped because of OutputLimit
	LeaseLost func()
	Stuck     func(runner string) // a runner has not returned KillWait after it was told to end
}

func (c *Config) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.LeaseTTL, 20*time.Second)
	def(&c.Heartbeat, c.LeaseTTL/4)
	def(&c.Poll, time.Second)
	def(&c.SoftStop, 30*time.Second)
	def(&c.KillWait, 15*time.Second)
	def(&c.KeepFor, 5*time.Minute)
	def(&c.OutputEvery, 100*time.Millisecond)
	def(&c.RescueEvery, c.LeaseTTL/2)
	def(&c.SweepEvery, 10*time.Minute)
	if c.Slots <= 0 {
		c.Slots = 16
	}
	if c.OutputLimit <= 0 {
		c.OutputLimit = 10 << 20
	}
	if c.Instant == nil {
		c.Instant = []string{"noop", "announcement"}
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("squall")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Node.Slots, c.Node.Queues = c.Slots, append(slices.Clone(c.Queues), c.Labels...)
	if c.Hooks.Claimed == nil {
		c.Hooks.Claimed = func(int) {}
	}
	if c.Hooks.Active == nil {
		c.Hooks.Active = func(int) {}
	}
	if c.Hooks.Ended == nil {
		c.Hooks.Ended = func(string, squall.Status, time.Duration) {}
	}
	if c.Hooks.OutputCut == nil {
		c.Hooks.OutputCut = func(int64) {}
	}
	if c.Hooks.LeaseLost == nil {
		c.Hooks.LeaseLost = func() {}
	}
	if c.Hooks.Stuck == nil {
		c.Hooks.Stuck = func(string) {}
	}
}

// Validate reports everything wrong with c at once. Fields left zero are right.
func (c Config) Validate() error {
	var errs []error
	if c.Node.Name == "" {
		errs = append(errs, errors.New("the node needs a name"))
	}
	c.setDefaults()
	if n := len(c.Queues) + len(c.Labels); n > squall.MostLabels {
		errs = append(errs, fmt.Errorf("the node has %d labels and queues, at most %d are possible", n, squall.MostLabels))
	}
	if c.OnlyLabels && len(c.Labels)+len(c.Queues) == 0 {
		errs = append(errs, errors.New("a node that serves only its labels must have some"))
	}
	if c.Heartbeat > c.LeaseTTL/2 {
		errs = append(errs, fmt.Errorf("the heartbeat (%s) must be at most half of the lease's life (%s), so that it may be late", c.Heartbeat, c.LeaseTTL))
	}
	return errors.Join(errs...)
}
