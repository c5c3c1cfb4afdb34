package sensor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// Options are what a Manager needs. All functions must be there; times have defaults.
type Options struct {
	Store store.Store
	Node  string // the node's name, one of its own in the cluster
	// Emit stores an event. Error kind: Invalid for an event that nobody will
	// ever take; after any other error it is tried again.
	Emit func(ctx context.Context, ev *squall.Event) error
	// Directory returns where a pack lies on this node; false: not here.
	Directory func(pack string) (string, bool)
	// Python returns how to start the sensor wrapper in a pack's environment.
	Python func(ctx context.Context, pack string) (Command, error)
	// Config returns a pack's configuration with secrets in plain text.
	Config func(ctx context.Context, pack string) (json.RawMessage, error)
	Data   Data
	// Natives are the sources that run inside the server, by runner type.
	Natives map[string]Native
	// Partition says which sensors this node may run; it is asked now and then.
	Partition func(ctx context.Context) (Partition, error)
	LogDir    string // for the sensors' own logs; empty: none
	Log       *slog.Logger

	Lease time.Duration // of a sensor's lock; 15 s
	Poll  time.Duration // how often to look; a quarter of Lease
	Pause time.Duration // before the first restart; 1 s
	Grace time.Duration // for a sensor to tidy up; 10 s
}

// Command is a program and what it finds in its environment.
type Command struct {
	Args []string
	Env  []string
	Dir  string
	// LibPaths go to the front of Python's path.
	LibPaths []string
}

// Manager runs the sensors that are this node's.
type Manager struct {
	Options
	units map[string]*unit
	wg    sync.WaitGroup
}

// New returns a Manager that has not begun.
func New(o Options) *Manager {
	if o.Lease <= 0 {
		o.Lease = 15 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = o.Lease / 4
	}
	if o.Pause <= 0 {
		o.Pause = time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	return &Manager{Options: o, units: map[string]*unit{}}
}

// Names of locks. What follows is the node's or the sensor's name.
const (
	hostLock   = "sensor-host:"
	sensorLock = "sensor:"
)

// Run keeps the sensors running until ctx ends, then stops them and gives them
// back, so that another node takes them at once.
func (m *Manager) Run(ctx context.Context) {
	wake, stop := m.Store.Wake(store.TopicCatalog)
	defer stop()
	tick := time.NewTicker(m.Poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := m.look(ctx); err != nil && ctx.Err() == nil {
			m.Log.ErrorContext(ctx, "sensors cannot be looked after", "error", err)
		}
		m.dropExpired()
		select {
		case <-ctx.Done():
		case <-wake:
		case <-tick.C:
		}
	}
	m.giveBack(context.WithoutCancel(ctx))
}

// look compares what runs with what is to run.
func (m *Manager) look(ctx context.Context) error {
	all, err := m.registered(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 && len(m.units) == 0 {
		return nil // a node without sensors writes nothing
	}
	hosts, err := m.hosts(ctx)
	if err != nil {
		return err
	}
	partition, err := m.Partition(ctx)
	if err != nil {
		return fmt.Errorf("read partition of sensors: %w", err)
	}
	for name, u := range m.units {
		sp, wanted := all[name]
		if wanted && sp.same(u.spec) && (partition.pinned() && partition.allows(sp.Ref.String()) || !partition.pinned() && assign(hosts, m.Node, name)) {
			continue
		}
		if err := m.release(ctx, u); err != nil {
			return err
		}
	}
	var list []spec
	for name, sp := range all {
		mine := partition.allows(sp.Ref.String()) && (partition.pinned() || assign(hosts, m.Node, name))
		if _, here := m.Directory(sp.Ref.Pack); !here || !mine {
			continue
		}
		list = append(list, sp)
	}
	return m.hold(ctx, list)
}

// registered lists the sensors that are to run somewhere.
func (m *Manager) registered(ctx context.Context) (map[string]spec, error) {
	all := map[string]spec{}
	err := m.Store.View(ctx, func(tx store.Tx) error {
		list, err := store.Find[squall.Sensor](ctx, tx, store.ContentFilter{Kind: store.Sensors})
		for _, s := range list {
			for _, sp := range specs(s) {
				all[sp.name] = sp
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list sensors: %w", err)
	}
	return all, nil
}

// hosts says that this node runs sensors and lists all that do.
func (m *Manager) hosts(ctx context.Context) (hosts []string, err error) {
	err = m.Store.Update(ctx, func(tx store.Tx) error {
		hosts = nil
		if _, err := tx.TryLock(ctx, hostLock+m.Node, m.Node, m.Lease); err != nil {
			return err
		}
		list, err := tx.Locks(ctx, hostLock)
		for _, l := range list {
			hosts = append(hosts, strings.TrimPrefix(l.Name, hostLock))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list hosts of sensors: %w", err)
	}
	return hosts, nil
}

// hold takes or prolongs the locks of sensors, all in one transaction, and
// starts those that do not run yet.
func (m *Manager) hold(ctx context.Context, list []spec) error {
	if len(list) == 0 {
		return nil
	}
	before := time.Now()
	held := make([]bool, len(list))
	err := m.Store.Update(ctx, func(tx store.Tx) (err error) {
		for i, sp := range list {
			if held[i], err = tx.TryLock(ctx, sensorLock+sp.name, m.Node, m.Lease); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lock sensors: %w", err)
	}
	for i, sp := range list {
		u := m.units[sp.name]
		switch {
		case held[i] && u == nil:
			m.start(ctx, sp, before.Add(m.Lease))
		case held[i]:
			u.prolong(before.Add(m.Lease))
		case u != nil: // somebody else has it
			m.stop(u)
		}
	}
	return nil
}

func (m *Manager) start(ctx context.Context, sp spec, until time.Time) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	u := &unit{m: m, spec: sp, cancel: cancel, done: make(chan struct{}), log: m.Log.With("sensor", sp.name)}
	u.prolong(until)
	m.units[sp.name] = u
	m.wg.Go(func() {
		defer close(u.done)
		u.run(ctx)
	})
}

// dropExpired stops the sensors whose lock could not be prolonged in time.
func (m *Manager) dropExpired() {
	for _, u := range m.units {
		if !u.holds() {
			u.log.Warn("the sensor's lock has run out; it is stopped")
			m.stop(u)
		}
	}
}

// stop ends a sensor and waits for it.
func (m *Manager) stop(u *unit) {
	u.cancel()
	<-u.done
	delete(m.units, u.name)
}

// release stops a sensor that goes elsewhere, or nowhere.
func (m *Manager) release(ctx context.Context, u *unit) error {
	m.stop(u)
	err := m.Store.Update(ctx, func(tx store.Tx) error { return tx.Unlock(ctx, sensorLock+u.name, m.Node) })
	if err != nil {
		return fmt.Errorf("unlock sensor %s: %w", u.name, err)
	}
	return nil
}

func (m *Manager) giveBack(ctx context.Context) {
	for _, u := range m.units {
		u.cancel() // all at once
	}
	m.wg.Wait()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var errs []error
	for _, u := range m.units {
		errs = append(errs, m.release(ctx, u))
	}
	errs = append(errs, m.Store.Update(ctx, func(tx store.Tx) error { return tx.Unlock(ctx, hostLock+m.Node, m.Node) }))
	if err := errors.Join(errs...); err != nil {
		m.Log.WarnContext(ctx, "sensors are not given back; other nodes take them when the locks have run out", "error", err)
	}
}
