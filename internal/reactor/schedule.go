package reactor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/timer"
)

// scheduleType is our own kind of timer, with all that StackStorm's have not.
var scheduleType = squall.Ref{Pack: "std", Name: "schedule"}

// isTimer reports whether triggers of the type are timers.
func isTimer(typ squall.Ref) bool {
	_, known := timer.KindOf(typ.String())
	return known || typ == scheduleType
}

// schedule is a timer's trigger, read.
type schedule struct {
	trigger *squall.Trigger
	since   time.Time
	err     error

	spec    timer.Spec
	catchUp timer.CatchUp
	jitter  time.Duration
	shown   json.RawMessage // what the event says of it

	overlapPolicy timer.Overlap
	depth         int
	deadMan       time.Duration // alarm when no success came so long after an instant; 0: none
	onlyIf        string        // a template; see conditions.go
	after         []string      // rules that have to have succeeded first

	skipped []*store.Fire
}

// scheduleParameters are those of std.schedule.
type scheduleParameters struct {
	Cron  string `json:"cron"`  // five or six fields, @daily, H
	Every string `json:"every"` // "30s", "5m"
	At    string `json:"at"`    // a date
	// Calendar is the parameters of core.st2.CronTimer: all fields have to fit.
	Calendar json.RawMessage     `json:"calendar"`
	Timezone string              `json:"timezone"` // of the time zone database
	From     string              `json:"from"`
	To       string              `json:"to"`
	Jitter   string              `json:"jitter"` // up to so much later
	Key      string              `json:"key"`    // what H and jitter are spread by
	Missed   string              `json:"missed"`
	Window   string              `json:"window"` // how far back missed instants are made up for
	Grace    string              `json:"grace"`
	Overlap  string              `json:"overlap"`
	Depth    int                 `json:"depth"`
	DeadMan  string              `json:"dead_man"`
	Exclude  []exclusionDocument `json:"exclude"`
	OnlyIf   string              `json:"only_if"` // a template that has to hold
	After    []string            `json:"after"`   // rules on timers that have to have succeeded since the time before
}

// exclusionDocument is a time without runs, or in which a rule holds back.
type exclusionDocument struct {
	Name     string   `json:"name"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Days     []string `json:"days"`     // "2026-12-25" or "12-25"
	Weekdays []string `json:"weekdays"` // "sat"
	Start    string   `json:"start"`    // "22:00"
	End      string   `json:"end"`
}

// defaultGrace is how late an instant may be and still count as in time: what a
// failover of nodes takes.
const defaultGrace = 30 * time.Second

// parse reads the trigger's parameters. Times that a timer without policies of
// its own misses for longer than defaultGrace are gone (st2).
func (s *schedule) parse(zone *time.Location) (err error) {
	s.catchUp = timer.CatchUp{Grace: defaultGrace, Max: 100}
	at := timer.At{Now: s.since, Zone: zone}
	if kind, ok := timer.KindOf(s.trigger.Type.String()); ok {
		s.shown = json.RawMessage("null") // st2: it looks for a parameter that no timer has
		s.spec, err = timer.Parse(kind, s.trigger.Parameters, at)
		return err
	}
	s.shown = s.trigger.Parameters
	dec := json.NewDecoder(strings.NewReader(string(s.trigger.Parameters)))
	dec.DisallowUnknownFields()
	var p scheduleParameters
	if err := dec.Decode(&p); err != nil {
		return fmt.Errorf("parameters of the schedule: %w", err)
	}
	return s.read(&p, at)
}

func (s *schedule) read(p *scheduleParameters, at timer.At) (err error) {
	if p.Timezone != "" {
		if at.Zone, err = time.LoadLocation(p.Timezone); err != nil {
			return fmt.Errorf("timezone: %w", err)
		}
	}
	key := cmp.Or(p.Key, s.trigger.Ref.Name)
	switch given := [4]bool{p.Cron != "", p.Every != "", p.At != "", len(p.Calendar) > 0}; given {
	case [4]bool{true, false, false, false}:
		s.spec, err = timer.ParseCrontab(p.Cron, key, at)
	case [4]bool{false, true, false, false}:
		var every time.Duration
		if every, err = time.ParseDuration(p.Every); err != nil {
			err = fmt.Errorf("every: %q is not a duration such as 30s, 5m or 12h", p.Every)
		} else if every < time.Second || every%time.Second != 0 {
			err = fmt.Errorf("every %s: it must be whole seconds", p.Every)
		}
		if err == nil {
			s.spec, err = timer.Parse(timer.Interval, fmt.Appendf(nil, `{"unit":"seconds","delta":%d}`, int64(every/time.Second)), at)
		}
	case [4]bool{false, false, false, true}:
		s.spec, err = timer.Parse(timer.Cron, p.Calendar, at)
	case [4]bool{false, false, true, false}:
		doc, _ := json.Marshal(map[string]string{"date": p.At}) //nolint:errchkjson // a text
		if s.spec, err = timer.Parse(timer.Date, doc, at); err != nil {
			err = fmt.Errorf("at: %w", err)
		}
	default:
		err = fmt.Errorf("a schedule needs one of cron, every, at and calendar")
	}
	if err != nil {
		return err
	}
	return s.readPolicies(p, at)
}

func (s *schedule) readPolicies(p *scheduleParameters, at timer.At) error {
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"jitter", p.Jitter, &s.jitter}, {"window", p.Window, &s.catchUp.Window}, {"grace", p.Grace, &s.catchUp.Grace}, {"dead_man", p.DeadMan, &s.deadMan}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 {
			return fmt.Errorf("%s: %q is not a duration such as 30s, 5m or 12h", d.name, d.text)
		}
		*d.into = v
	}
	if s.jitter >= 24*time.Hour {
		return fmt.Errorf("jitter: %s is not less than a day", s.jitter)
	}
	s.onlyIf, s.after = p.OnlyIf, p.After
	s.catchUp.Policy, s.overlapPolicy, s.depth = timer.Missed(p.Missed), timer.Overlap(p.Overlap), p.Depth
	switch s.catchUp.Policy {
	case "", timer.MissedSkip, timer.MissedLast, timer.MissedAll:
	default:
		return fmt.Errorf("missed: %q is none of skip, last, all", p.Missed)
	}
	switch s.overlapPolicy {
	case "", timer.OverlapAllow, timer.OverlapForbid, timer.OverlapReplace, timer.OverlapQueue:
	default:
		return fmt.Errorf("overlap: %q is none of allow, forbid, replace, queue", p.Overlap)
	}
	from, to, err := span(p.From, p.To, at)
	if err != nil {
		return err
	}
	s.spec = s.spec.Between(from, to)
	excluded, err := exclusions(p.Exclude, at)
	s.spec = s.spec.Except(excluded...)
	return err
}

// exclusions reads a list of them.
func exclusions(docs []exclusionDocument, at timer.At) (list []timer.Exclusion, err error) {
	for _, ex := range docs {
		e := timer.Exclusion{Name: ex.Name, Zone: at.Zone}
		if e.From, e.To, err = span(ex.From, ex.To, at); err != nil {
			return nil, err
		}
		if e.Start, e.End, err = hours(ex.Start, ex.End); err != nil {
			return nil, err
		}
		for _, text := range ex.Days {
			day, err := dayOf(text)
			if err != nil {
				return nil, err
			}
			e.Days = append(e.Days, day)
		}
		for _, text := range ex.Weekdays {
			day, ok := weekdays[strings.ToLower(text)]
			if !ok {
				return nil, fmt.Errorf("exclude: %q is no weekday such as sat", text)
			}
			e.Weekdays = append(e.Weekdays, day)
		}
		list = append(list, e)
	}
	return list, nil
}

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

func span(from, to string, at timer.At) (a, b time.Time, err error) {
	zone := at.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, t := range []struct {
		text string
		into *time.Time
	}{{from, &a}, {to, &b}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = timer.ParseDate(t.text, at.Now.In(zone), zone); err != nil {
			return a, b, err
		}
	}
	return a, b, nil
}

func hours(start, end string) (a, b time.Duration, err error) {
	for _, t := range []struct {
		text string
		into *time.Duration
	}{{start, &a}, {end, &b}} {
		if t.text == "" {
			continue
		}
		clock, err := time.Parse("15:04", t.text)
		if err != nil {
			return a, b, fmt.Errorf("exclude: %q is no time of day such as 22:00", t.text)
		}
		*t.into = time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute
	}
	return a, b, nil
}

func dayOf(text string) (timer.Day, error) {
	if t, err := time.Parse("2006-01-02", text); err == nil {
		return timer.Day{Year: t.Year(), Month: t.Month(), Day: t.Day()}, nil
	}
	t, err := time.Parse("2006-01-02", "2000-"+text)
	if err != nil {
		return timer.Day{}, fmt.Errorf("exclude: %q is no day such as 2026-12-25 or 12-25", text)
	}
	return timer.Day{Month: t.Month(), Day: t.Day()}, nil
}

// delay is how much later than its instant a timer fires.
func (s *schedule) delay(nominal time.Time) time.Duration {
	return timer.Jitter(s.trigger.Ref.Name, nominal, s.jitter)
}

// decide is what the timer has to fire at now, all before last being decided.
//
// With jitter an instant is due when its delay is over, so instants up to a
// jitter back are looked at again; those whose delay was over at the last look
// are left out.
func (s *schedule) decide(last, now time.Time) timer.Due {
	if s.jitter <= 0 {
		return s.catchUp.Decide(s.spec, last, now)
	}
	c := s.catchUp
	c.Max = 10_000
	c.Grace += s.jitter
	if c.Window > 0 {
		c.Window += s.jitter
	}
	d := c.Decide(s.spec, last.Add(-s.jitter), now)
	fire := d.Fire[:0]
	d.Next = time.Time{}
	soonest := func(t time.Time) {
		if d.Next.IsZero() || t.Before(d.Next) {
			d.Next = t
		}
	}
	for _, t := range d.Fire {
		switch due := t.Add(s.delay(t)); {
		case due.After(now):
			soonest(due)
		case due.After(last):
			fire = append(fire, t)
		}
	}
	// The instants ahead, as far as their delays can change their order.
	for t, ok := s.spec.Next(now); ok; t, ok = s.spec.Next(t) {
		soonest(t.Add(s.delay(t)))
		if t.After(d.Next) || t.Sub(now) > s.jitter+24*time.Hour && !d.Next.IsZero() {
			break
		}
	}
	d.Fire, d.Seen = fire, now
	return d
}

// upcoming returns the next n instants at which the timer fires.
func (s *schedule) upcoming(now time.Time, n int) []time.Time {
	var list []time.Time
	for t, ok := s.spec.Next(now.Add(-1)); ok && len(list) < n; t, ok = s.spec.Next(t) {
		list = append(list, t.Add(s.delay(t)))
	}
	return list
}

func compareText(a, b string) int { return cmp.Compare(a, b) }
