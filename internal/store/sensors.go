package store

import (
	"context"
	"time"
)

// SensorHosts is where sensors run and how they are. What decides who may run one
// are locks: these rows only tell people.
type SensorHosts interface {
	// Locks lists the locks that are held whose names begin with prefix, by name.
	Locks(ctx context.Context, prefix string) ([]Lock, error)
	// PutSensorState writes how a sensor is, replacing what was known.
	PutSensorState(ctx context.Context, s *SensorState) error
	// SensorStates lists the states by name.
	SensorStates(ctx context.Context) ([]*SensorState, error)
	// DeleteSensorStates removes the states of sensors not written to since t;
	// returns how many.
	DeleteSensorStates(ctx context.Context, before time.Time) (int, error)
}

// Lock is a named lock that somebody holds.
type Lock struct {
	Name  string
	Owner string
	Until time.Time
}

// SensorState is how a sensor is.
type SensorState struct {
	Name        string // "pack.Class", or "pack.Class:instance"
	Node        string
	PID         int // 0: no process of its own
	State       string
	Since       time.Time // in this state
	Restarts    int64     // since the node took it
	Events      int64     // since the node took it
	LastEventAt time.Time
	CPU         time.Duration // of the process
	RSS         int64         // bytes
	Error       string        // why it ended last
	UpdatedAt   time.Time     // Now when it is zero
}
