package fleet

import (
	"fmt"
	"time"

	"squall/internal/squall"
)

// Step is what is to be done next for a rollout.
type Step struct {
	Changed bool
	Start   []int // machines, by their index, to begin with
	Finish  []int // machines that have ended since the last step
}

// Next moves r on by what is known of its executions (by id; those that are not
// there have not ended) and returns what is to be done. It changes r and nothing
// else. Machines that run are never touched: a rollout that stops lets them end.
func Next(r *squall.Rollout, statuses map[squall.ID]squall.Status, now time.Time) Step {
	var s Step
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.Status == "" || h.Status.Final() {
			continue
		}
		if status := statuses[h.Execution]; status != "" && status != h.Status {
			h.Status, s.Changed = status, true
			if status.Final() {
				s.Finish = append(s.Finish, i)
			}
		}
	}
	running, failed, waiting := counts(r)
	room := len(r.Hosts)
	if r.Want > 0 {
		room = wanted(r) - running
		waiting = min(waiting, max(0, room))
	}
	switch {
	case r.State.Ended():
		return s
	case r.State == squall.RolloutRunning && r.Want == 0 && stops(r, failed):
		s.end(r, squall.RolloutStopped, fmt.Sprintf("%d of %d machines failed", failed, len(r.Hosts)), now)
		return s
	case waiting+running == 0:
		state, reason := squall.RolloutSucceeded, ""
		switch succeeded := succeeded(r); {
		case r.Want > 0 && succeeded < r.Want:
			state, reason = squall.RolloutFailed, fmt.Sprintf("%d of %d wanted machines succeeded, %d failed", succeeded, r.Want, failed)
		case r.Want == 0 && failed > 0:
			state, reason = squall.RolloutFailed, fmt.Sprintf("%d of %d machines failed", failed, len(r.Hosts))
		}
		s.end(r, state, reason, now)
		return s
	case r.State == squall.RolloutPaused:
		return s
	}
	if batchDone(r) && waiting > 0 {
		r.Batch++
		s.Changed = true
		if r.Canary && r.Batch == 1 {
			r.State, r.Reason = squall.RolloutPaused, "the canary is done: resume to go on"
			return s
		}
		r.NextAt = now.Add(r.Pause)
	}
	if now.Before(r.NextAt) {
		return s
	}
	if r.AtOnce > 0 {
		room = min(room, r.AtOnce-running)
	}
	for i := range r.Hosts {
		if h := &r.Hosts[i]; len(s.Start) < room && h.Batch <= r.Batch && h.Status == "" && !now.Before(h.NotBefore) {
			s.Start = append(s.Start, i)
		}
	}
	return s
}

// wanted tells how many machines may still be at work or begin, for the rollout to
// succeed on r.Want: those that failed for good have had their turn.
func wanted(r *squall.Rollout) int {
	n := r.Want
	for _, h := range r.Hosts {
		if !h.Status.Final() {
			continue
		}
		replaced := h.Status != squall.Succeeded && (r.Failover == squall.FailoverAlways || r.Failover == squall.FailoverUntouched && h.Untouched)
		if !replaced {
			n--
		}
	}
	return n
}

func succeeded(r *squall.Rollout) (n int) {
	for _, h := range r.Hosts {
		if h.Status == squall.Succeeded {
			n++
		}
	}
	return n
}

func (s *Step) end(r *squall.Rollout, state squall.RolloutState, reason string, now time.Time) {
	r.State, r.Reason, r.EndedAt, s.Changed = state, reason, now, true
}

// counts tells how many machines are at work, have failed, and have not begun.
func counts(r *squall.Rollout) (running, failed, waiting int) {
	for _, h := range r.Hosts {
		switch {
		case h.Status == "":
			waiting++
		case !h.Status.Final():
			running++
		case h.Status != squall.Succeeded:
			failed++
		}
	}
	return running, failed, waiting
}

// stops reports whether more have failed than may.
func stops(r *squall.Rollout, failed int) bool {
	most, err := ParseMaxFail(r.MaxFail, len(r.Hosts))
	return err != nil || failed > most
}

// batchDone reports whether all machines of the batch at work have ended.
func batchDone(r *squall.Rollout) bool {
	for _, h := range r.Hosts {
		if h.Batch <= r.Batch && !h.Status.Final() {
			return false
		}
	}
	return true
}

// Resume lets a rollout that was paused, stopped or canceled go on where it
// stopped. again also repeats what failed. It returns false when there is nothing
// to go on with.
func Resume(r *squall.Rollout, again bool, now time.Time) bool {
	if r.State == squall.RolloutRunning || r.Want > 0 && succeeded(r) >= r.Want {
		return false
	}
	open := false
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if again && h.Status.Final() && h.Status != squall.Succeeded {
			h.Execution, h.Status, h.Error = "", "", ""
		}
		open = open || !h.Status.Final()
	}
	if !open {
		return false
	}
	if r.State == squall.RolloutStopped && !again {
		// It would stop again at once: those that failed have been seen.
		for i := range r.Hosts {
			if h := &r.Hosts[i]; h.Status.Final() && h.Status != squall.Succeeded {
				r.MaxFail = allowOne(r)
				break
			}
		}
	}
	r.State, r.Reason, r.NextAt, r.EndedAt = squall.RolloutRunning, "", now, time.Time{}
	return true
}

// allowOne is the limit at which what has failed so far does not stop it.
func allowOne(r *squall.Rollout) string {
	_, failed, _ := counts(r)
	return fmt.Sprint(failed)
}
