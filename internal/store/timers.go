package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Timers is where timers have got to. What a timer is stands in its trigger;
// here is up to which instant it was decided. Only internal/reactor writes.
type Timers interface {
	// AddTimer begins a timer if it is not known; it returns whether it was not.
	AddTimer(ctx context.Context, t *Timer) (bool, error)
	// Timers lists all, by Ref.
	Timers(ctx context.Context) ([]*Timer, error)
	// AdvanceTimer writes Seen, Next and State of a timer whose Seen is still seen.
	// It returns false, and writes nothing, when it is not: another node was faster.
	AdvanceTimer(ctx context.Context, t *Timer, seen time.Time) (bool, error)
	RemoveTimer(ctx context.Context, ref string) error

	// InsertFire records what became of a nominal instant of a timer. It returns
	// false, and writes nothing, when that is recorded already.
	InsertFire(ctx context.Context, f *Fire) (bool, error)
	// Fires lists records of a timer, newest instant first.
	Fires(ctx context.Context, ref string, limit int) ([]*Fire, error)
	// TrimFires removes records of instants before t, at most limit.
	TrimFires(ctx context.Context, before time.Time, limit int) (int, error)
	// OpenRuns lists the executions that fires of the timer started and that are
	// not over, oldest first.
	OpenRuns(ctx context.Context, ref string) ([]*squall.Execution, error)
	// LastSuccess returns when a run that the timer started last ended well; zero: never.
	LastSuccess(ctx context.Context, ref string) (time.Time, error)
}

// Timer is the progress of one timer.
type Timer struct {
	Ref   string    // of its trigger
	Since time.Time // when it began: intervals are counted from here
	Seen  time.Time // all instants up to here are decided
	Next  time.Time // when to look again; zero: never
	State string    // the reactor's own
}

// Fire is what became of one nominal instant.
type Fire struct {
	Ref     string
	Nominal time.Time
	Outcome FireOutcome
	At      time.Time // when it was decided
	Event   squall.ID // empty when it was not fired
	Reason  string    // why not
}

// FireOutcome says what became of an instant.
type FireOutcome string

// The outcomes.
const (
	Fired   FireOutcome = "fired"
	Skipped FireOutcome = "skipped" // the run before was still going, or a condition did not hold
)
