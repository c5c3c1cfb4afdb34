package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/timer"
)

// timerTable is what the loop of timers keeps in memory: schedules that were
// read, by trigger, and how far they are. Only the node that has the lock moves
// them, so this is true until it is refused a move; now and then it is read anew
// nevertheless.
type timerTable struct {
	version int64
	known   map[squall.Ref]*schedule
	rows    []*store.Timer
	readAt  time.Time
}

// timersKept is how long the rows of timers are believed.
const timersKept = 5 * time.Second

// fireLead is how soon before an instant the loop wakes up to be in time.
const fireLead = 200 * time.Microsecond

// timerBatch is how many instants one transaction fires at most.
const timerBatch = 200

// timerLoop fires what is due. Any node could do it: each instant of a timer is a
// row that exists once, and progress is written under a guard. A lock keeps all
// but one from doing work in vain; when its owner is gone, another one goes on
// after LockTTL and makes up for what was missed meanwhile.
func (r *Reactor) timerLoop(ctx context.Context) {
	news, stop := r.st.Wake(store.TopicCatalog)
	defer stop()
	defer r.release(ctx, timerLock)
	var heldUntil time.Time
	r.loop(ctx, "fire timers", news, func() (time.Duration, error) {
		if time.Until(heldUntil) < r.LockTTL/2 {
			began := time.Now()
			held, err := r.mine(ctx, timerLock)
			if err != nil || !held {
				heldUntil, r.timers.rows = time.Time{}, nil
				return 0, err
			}
			heldUntil = began.Add(r.LockTTL)
		}
		next, now, err := r.fireDue(ctx)
		if err != nil || next.IsZero() {
			return 0, err
		}
		return max(time.Nanosecond, next.Sub(now)-fireLead), nil
	})
}

// due is a timer with what it has to do now.
type due struct {
	*schedule
	was    store.Timer
	row    *store.Timer // as it is kept in memory
	decide timer.Due
	held   []*store.Fire // instants that its conditions do not let fire
}

// fireDue fires every timer that is due and returns when the next one is.
func (r *Reactor) fireDue(ctx context.Context) (next, now time.Time, err error) {
	x, err := r.currentNow(ctx)
	if err != nil {
		return next, now, err
	}
	fresh := r.timers.rows == nil || r.timers.version != x.version || time.Since(r.timers.readAt) > timersKept
	rows := r.timers.rows
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		now = tx.Now()
		if fresh {
			rows, err = tx.Timers(ctx)
		}
		return err
	})
	if err != nil {
		return next, now, err
	}
	if fresh {
		if rows, err = r.syncTimers(ctx, x, rows); err != nil {
			return next, now, err
		}
		r.timers.rows, r.timers.readAt = rows, time.Now()
	}
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	var batch []*due
	for _, row := range rows {
		ref, err := squall.ParseRef(row.Ref)
		if err != nil {
			continue
		}
		s := r.timers.known[ref]
		if s == nil || s.err != nil {
			continue
		}
		if !row.Next.IsZero() && row.Next.After(now) {
			soonest(row.Next)
			continue
		}
		if row.Next.IsZero() && !row.Seen.Equal(row.Since) { // never again
			continue
		}
		d := s.due(row, now)
		if err := r.withhold(ctx, x, d, now); err != nil {
			return next, now, err
		}
		soonest(d.decide.Next)
		batch = append(batch, d)
	}
	for part := range slices.Chunk(batch, timerBatch) {
		if err := r.fire(ctx, part, now); err != nil {
			r.timers.rows = nil
			return next, now, err
		}
	}
	return next, now, nil
}

// syncTimers makes the rows fit the triggers: new ones begin now, those that no
// rule waits for are removed.
func (r *Reactor) syncTimers(ctx context.Context, x *index, rows []*store.Timer) ([]*store.Timer, error) {
	have := make(map[string]*store.Timer, len(rows))
	for _, row := range rows {
		have[row.Ref] = row
	}
	if r.timers.version != x.version || r.timers.known == nil {
		known := map[squall.Ref]*schedule{}
		for ref, t := range x.triggers {
			if !isTimer(t.Type) || len(t.Parameters) == 0 || !x.listens(ref) {
				continue
			}
			known[ref] = r.timers.known[ref]
			if known[ref] == nil {
				known[ref] = &schedule{trigger: t}
			}
		}
		r.timers.version, r.timers.known = x.version, known
	}
	var fresh []squall.Ref
	for ref := range r.timers.known {
		if have[ref.String()] == nil {
			fresh = append(fresh, ref)
		}
	}
	var gone []string
	for ref := range have {
		parsed, err := squall.ParseRef(ref)
		if err != nil || r.timers.known[parsed] == nil {
			gone = append(gone, ref)
		}
	}
	if len(fresh)+len(gone) > 0 {
		err := r.st.Update(ctx, func(tx store.Tx) error {
			now := tx.Now()
			for _, ref := range fresh {
				row := &store.Timer{Ref: ref.String(), Since: now, Seen: now, Next: now}
				if _, err := tx.AddTimer(ctx, row); err != nil {
					return err
				}
			}
			for _, ref := range gone {
				if err := tx.RemoveTimer(ctx, ref); err != nil {
					return err
				}
			}
			var err error
			rows, err = tx.Timers(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, row := range rows {
		ref, err := squall.ParseRef(row.Ref)
		if err != nil {
			continue
		}
		if s := r.timers.known[ref]; s != nil && !s.since.Equal(row.Since) {
			s.since = row.Since
			if s.err = s.parse(r.Zone); s.err != nil {
				r.Log.Warn("a timer cannot be used", "trigger", row.Ref, "parameters", string(s.trigger.Parameters), "error", s.err)
			}
		}
	}
	return rows, nil
}

// due decides what a timer has to do now.
func (s *schedule) due(row *store.Timer, now time.Time) *due {
	d := &due{schedule: s, was: *row, row: row}
	last := row.Seen
	if row.Seen.Equal(row.Since) { // st2: the first fire may be the very instant of the beginning
		last = row.Since.Add(-1)
	}
	d.decide = s.decide(last, now)
	if d.decide.Seen.Equal(row.Since) {
		d.decide.Seen = row.Since.Add(time.Microsecond)
	}
	return d
}

// fire writes what timers that are due have to do: for each instant its record,
// its event and what rules make of it.
func (r *Reactor) fire(ctx context.Context, batch []*due, now time.Time) error {
	var plans []*plan
	of := map[*plan]*store.Fire{}
	var cancel []squall.ID
	for _, d := range batch {
		steps, stop, err := r.overlap(ctx, d)
		if err != nil {
			return err
		}
		cancel = append(cancel, stop...)
		for i, nominal := range d.decide.Fire {
			f := &store.Fire{Ref: d.trigger.Ref.String(), Nominal: nominal.UTC(), Outcome: store.Fired, At: now}
			p := &plan{trusted: true}
			if steps[i] == timer.Skip {
				f.Outcome, f.Reason = store.Skipped, "The run before is still going"
				d.skipped = append(d.skipped, f)
				continue
			}
			payload, err := json.Marshal(map[string]any{"executed_at": pythonTime(now, now), "schedule": json.RawMessage(d.shown)})
			if err != nil {
				return fmt.Errorf("payload of timer %s: %w", f.Ref, err)
			}
			p.event = &squall.Event{
				ID: r.IDs.Next(now), Trigger: d.trigger.Ref, Payload: payload, OccurredAt: nominal.UTC(),
				Key: "timer:" + f.Ref + ":" + fmt.Sprint(nominal.UnixMicro()) + ":" + fmt.Sprint(d.since.UnixMicro()),
			}
			f.Event = p.event.ID
			if d.overlapPolicy == timer.OverlapQueue {
				p.serial = f.Ref
			}
			of[p] = f
			plans = append(plans, p)
		}
	}
	err := r.react(ctx, plans, func(tx store.Tx) error {
		for _, d := range batch {
			row := d.was
			row.Seen, row.Next = d.decide.Seen, d.decide.Next
			ok, err := tx.AdvanceTimer(ctx, &row, d.was.Seen)
			if err != nil {
				return err
			}
			if !ok {
				return errFaster
			}
			for _, f := range slices.Concat(d.held, d.skipped) {
				if _, err := tx.InsertFire(ctx, f); err != nil {
					return err
				}
			}
		}
		for _, p := range plans {
			f := of[p]
			f.Event = p.event.ID
			fresh, err := tx.InsertFire(ctx, f)
			if err != nil {
				return err
			}
			if !fresh {
				return errFaster
			}
		}
		return nil
	})
	switch {
	case squall.KindOf(err) == squall.Conflict && err == errFaster: //nolint:errorlint // it is ours and comes unwrapped
		r.timers.rows = nil // all of it is decided anew with the next look
		return nil
	case err != nil && squall.KindOf(err) == squall.Invalid && len(batch) > 1:
		for _, d := range batch { // one of them spoils it: each for itself
			if err := r.fire(ctx, []*due{d}, now); err != nil {
				r.Log.Error("a timer cannot fire", "trigger", d.trigger.Ref.String(), "error", err)
			}
		}
		return nil
	case err != nil:
		return err
	}
	for _, d := range batch {
		d.row.Seen, d.row.Next = d.decide.Seen, d.decide.Next
		r.Hooks.Skipped(len(d.held) + len(d.skipped))
	}
	for _, p := range plans {
		r.Hooks.Fired(now.Sub(p.event.OccurredAt))
	}
	for _, id := range cancel {
		if _, err := r.svc.Cancel(ctx, id, r.User); err != nil {
			r.Log.Warn("a run that its timer replaces cannot be canceled", "execution_id", id, "error", err)
		}
	}
	return nil
}

// errFaster says that another node has decided about the timer.
var errFaster = squall.Errorf(squall.Conflict, "another node was faster")

// overlap decides about the instants of a timer whose runs may still be going.
// cancel are runs that the new ones replace.
func (r *Reactor) overlap(ctx context.Context, d *due) (steps []timer.Step, cancel []squall.ID, err error) {
	d.skipped = nil
	steps = make([]timer.Step, len(d.decide.Fire))
	for i := range steps {
		steps[i] = timer.Start
	}
	if d.overlapPolicy == "" || d.overlapPolicy == timer.OverlapAllow || len(steps) == 0 {
		return steps, nil, nil
	}
	var open []*squall.Execution
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		open, err = tx.OpenRuns(ctx, d.trigger.Ref.String())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	running, queued := 0, 0
	for _, ex := range open {
		if ex.Status == squall.Delayed {
			queued++
		} else {
			running++
		}
	}
	for i := range steps {
		steps[i] = d.overlapPolicy.Decide(running, queued, d.depth)
		switch steps[i] {
		case timer.Start:
			running++
		case timer.Queue:
			queued++ // it is requested, and waits at the timer's gate
		case timer.Replace:
			for _, ex := range open {
				cancel = append(cancel, ex.ID)
			}
			open, running = nil, 1
		case timer.Skip:
		}
	}
	return steps, cancel, nil
}

// TimerView is a timer as people see it.
type TimerView struct {
	Trigger *squall.Trigger
	Since   time.Time
	Last    time.Time // the newest instant that was decided
	Next    []time.Time
	Fault   string // why it is never due
}

// Timers lists the timers that rules wait for, with their next n instants.
func (r *Reactor) Timers(ctx context.Context, n int) ([]*TimerView, error) {
	x, err := r.currentNow(ctx)
	if err != nil {
		return nil, err
	}
	rows := map[string]*store.Timer{}
	var now time.Time
	err = r.st.View(ctx, func(tx store.Tx) error {
		now = tx.Now()
		list, err := tx.Timers(ctx)
		for _, row := range list {
			rows[row.Ref] = row
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var views []*TimerView
	for _, ref := range slices.SortedFunc(maps.Keys(x.triggers), func(a, b squall.Ref) int { return compareText(a.String(), b.String()) }) {
		t := x.triggers[ref]
		if !isTimer(t.Type) || len(t.Parameters) == 0 {
			continue
		}
		v := &TimerView{Trigger: t, Since: now, Last: time.Time{}}
		if row := rows[ref.String()]; row != nil {
			v.Since, v.Last = row.Since, row.Seen
		}
		s := &schedule{trigger: t, since: v.Since}
		if err := s.parse(r.Zone); err != nil {
			v.Fault = err.Error()
		} else {
			v.Next = s.upcoming(now, n)
		}
		views = append(views, v)
	}
	return views, nil
}
