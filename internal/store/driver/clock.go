package driver

import (
	"sync"
	"time"
)

// Clock turns the readings of a wall clock that may be set back into instants
// that never decrease. After a step back it goes on from where it was at half
// speed until the wall clock has caught up: time neither stands still, so that
// leases and delays still end, nor stays wrong for good.
type Clock struct {
	mu   sync.Mutex
	last time.Time // the last instant given out
	read time.Time // the local reading, with its monotonic part, that belongs to last
}

// NewClock returns a clock that starts no earlier than floor.
func NewClock(floor, reading time.Time) *Clock {
	return &Clock{last: floor.UTC().Truncate(time.Microsecond), read: reading}
}

// Tick returns the instant for a measurement of the wall clock. reading is the
// local time.Now() of the measurement; only its monotonic part matters.
func (c *Clock) Tick(measured, reading time.Time) time.Time {
	now := measured.Round(0).UTC().Truncate(time.Microsecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.last) {
		elapsed := max(0, reading.Sub(c.read))
		now = c.last.Add((elapsed / 2).Truncate(time.Microsecond))
	}
	c.last, c.read = now, reading
	return now
}
