package sensor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// States of a sensor, as people see them.
const (
	starting = "starting"
	running  = "running"
	waiting  = "waiting" // ended, and will be started again
	stopped  = "stopped"
)

// maxPause bounds the pause before a restart; healthy is how long a sensor runs
// to begin again with the shortest.
const (
	maxPause = time.Minute
	healthy  = time.Minute
)

// reportEvery is how often the state is written although nothing has changed.
const reportEvery = 15 * time.Second

// unit is one sensor on this node.
type unit struct {
	spec
	m      *Manager
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
	until  atomic.Int64 // end of the lock, nanoseconds since 1970

	mu    sync.Mutex
	state store.SensorState
}

func (u *unit) prolong(until time.Time) { u.until.Store(until.UnixNano()) }
func (u *unit) holds() bool             { return time.Now().UnixNano() < u.until.Load() }

// source is a sensor at work; run returns when it has ended or ctx has.
type source interface {
	run(ctx context.Context, u *unit) error
}

// run starts the sensor again and again until ctx ends.
func (u *unit) run(ctx context.Context) {
	u.state = store.SensorState{Name: u.name, Node: u.m.Node}
	reports, stop := context.WithCancel(ctx)
	defer stop()
	go u.report(reports)
	defer u.turn(context.WithoutCancel(ctx), stopped, nil)

	pause := u.m.Pause
	for {
		u.turn(ctx, starting, nil)
		began := time.Now()
		err := u.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it has ended by itself")
		}
		if time.Since(began) >= healthy {
			pause = u.m.Pause
		}
		u.log.WarnContext(ctx, "sensor ended; it will be started again", "error", err, "in", pause)
		u.turn(ctx, waiting, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
		u.mu.Lock()
		u.state.Restarts++
		u.mu.Unlock()
	}
}

func (u *unit) once(ctx context.Context) error {
	src, err := u.source(ctx)
	if err != nil {
		return err
	}
	return src.run(ctx, u)
}

// source makes what the sensor's runner type asks for.
func (u *unit) source(ctx context.Context) (source, error) {
	dir, here := u.m.Directory(u.Ref.Pack)
	if !here {
		return nil, squall.Errorf(squall.Unavailable, "the pack %s is not on this node", u.Ref.Pack)
	}
	config, err := u.m.Config(ctx, u.Ref.Pack)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if config, err = merged(config, u.config); err != nil {
		return nil, err
	}
	switch native := u.m.Natives[u.RunnerType]; {
	case native != nil:
		return &inside{native: native, config: config}, nil
	case u.RunnerType == squall.ProgramSensor:
		return newProgram(u, dir, config)
	case u.RunnerType == squall.PythonSensor:
		return newWrapper(ctx, u, dir, config)
	default:
		return nil, squall.Errorf(squall.Invalid, "there is no sensor runner %q", u.RunnerType)
	}
}

// emit stores an event. Without the lock it stores nothing: the sensor is
// another node's by now.
func (u *unit) emit(ctx context.Context, ev *squall.Event) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		if !u.holds() {
			return squall.Errorf(squall.Conflict, "the sensor %s is not this node's any more", u.name)
		}
		err := u.m.Emit(ctx, ev)
		switch {
		case err == nil:
			u.mu.Lock()
			u.state.Events++
			u.state.LastEventAt = time.Now()
			u.mu.Unlock()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case squall.KindOf(err) != squall.Unavailable:
			return err
		}
		u.log.WarnContext(ctx, "an event waits to be stored", "trigger", ev.Trigger.String(), "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// turn notes a new state. process tells it of a new process.
func (u *unit) turn(ctx context.Context, state string, why error) {
	u.mu.Lock()
	u.state.State, u.state.Since = state, time.Now()
	if state != running {
		u.state.PID, u.state.CPU, u.state.RSS = 0, 0, 0
	}
	if why != nil {
		u.state.Error = why.Error()
	}
	u.mu.Unlock()
	u.write(ctx)
}

// process notes that the sensor is up, and as which process; 0: none of its own.
func (u *unit) process(ctx context.Context, pid int) {
	u.mu.Lock()
	u.state.PID = pid
	u.mu.Unlock()
	u.turn(ctx, running, nil)
}

// report writes the state now and then, with what the process uses.
func (u *unit) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for first := time.After(time.Second); ; first = nil {
		select {
		case <-ctx.Done():
			return
		case <-first: // what it used to begin with
		case <-tick.C:
		}
		u.mu.Lock()
		if u.state.PID != 0 {
			u.state.CPU, u.state.RSS = usage(u.state.PID)
		}
		u.mu.Unlock()
		u.write(ctx)
	}
}

func (u *unit) write(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	u.mu.Lock()
	state := u.state
	u.mu.Unlock()
	err := u.m.Store.Update(ctx, func(tx store.Tx) error { return tx.PutSensorState(ctx, &state) })
	if err != nil && ctx.Err() == nil {
		u.log.WarnContext(ctx, "the sensor's state could not be written", "error", err)
	}
}

// reported is what a line of a program, or a native source, says.
type reported struct {
	Trigger string          `json:"trigger"`
	Payload json.RawMessage `json:"payload"`
	Key     string          `json:"key"`
	Trace   string          `json:"trace_tag"`
	At      time.Time       `json:"occurred_at"`
}

// event makes an event of what was reported. Without a trigger it is the
// sensor's only one.
func (u *unit) event(r reported) (*squall.Event, error) {
	ev := &squall.Event{Payload: r.Payload, Key: r.Key, TraceTag: r.Trace, OccurredAt: r.At}
	if ev.OccurredAt.IsZero() {
		ev.OccurredAt = time.Now().UTC()
	}
	if ev.Key != "" {
		ev.Key = u.name + " " + ev.Key // keys are the sensor's own
	}
	if r.Trigger == "" {
		if len(u.TriggerTypes) != 1 {
			return nil, squall.Errorf(squall.Invalid, "the sensor has %d trigger types: say which one with \"trigger\"", len(u.TriggerTypes))
		}
		ev.Trigger = u.TriggerTypes[0]
		return ev, nil
	}
	var err error
	if ev.Trigger, err = squall.ParseRef(r.Trigger); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%q is no reference of a trigger", r.Trigger)
	}
	return ev, nil
}
