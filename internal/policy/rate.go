package policy

import (
	"encoding/json"
	"slices"
	"time"
)

// These bound what a gate has to remember, and for how long.
const (
	MaxRate = 10_000
	MaxPer  = 24 * time.Hour
)

// Rate lets Limit executions pass in any span of Per.
type Rate struct {
	Limit int
	Per   time.Duration
}

// Admit returns when the next one may pass, which is now or later, given what
// the gate keeps (nil: nobody has passed), and what it is to keep then. The
// instant is taken with it, so the next one is told a later instant when need be.
func (r Rate) Admit(kept []byte, now time.Time) (at time.Time, keep []byte) {
	passed, at := r.next(kept, now)
	passed = append(passed, at.UnixMicro())
	keep, err := json.Marshal(passed)
	if err != nil {
		keep = nil // a list of numbers; cannot happen
	}
	return at, keep
}

// Open reports whether one may pass now.
func (r Rate) Open(kept []byte, now time.Time) bool {
	_, at := r.next(kept, now)
	return !at.After(now)
}

func (r Rate) next(kept []byte, now time.Time) (passed []int64, at time.Time) {
	if json.Unmarshal(kept, &passed) != nil {
		passed = nil
	}
	old := now.Add(-r.Per).UnixMicro()
	passed = slices.DeleteFunc(passed, func(t int64) bool { return t <= old })
	at = now
	if len(passed) >= r.Limit {
		first := time.UnixMicro(passed[len(passed)-r.Limit]).UTC()
		if next := first.Add(r.Per); next.After(at) {
			at = next
		}
	}
	return passed, at
}
