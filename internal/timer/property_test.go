package timer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var propertyZones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Moscow", "Asia/Kathmandu",
	"America/St_Johns", "America/Havana", "Africa/Casablanca", "Pacific/Apia", "Europe/Dublin",
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := loadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// model is a field as a plain set, drawn together with an expression for it.
type model struct {
	text string
	set  map[int]bool // nil: any value
}

func (m model) has(v int) bool { return m.set == nil || m.set[v] }

func drawField(t *rapid.T, id fieldID) model {
	f := fields[id]
	lo, hi := int(f.min), int(f.max)
	if id == fieldYear {
		lo, hi = 2005, 2045
	}
	m := model{set: map[int]bool{}}
	var members []string
	for range rapid.IntRange(1, 3).Draw(t, f.name+" members") {
		a := rapid.IntRange(lo, hi).Draw(t, f.name+" first")
		b := rapid.IntRange(a, hi).Draw(t, f.name+" last")
		step := 1
		switch form := rapid.IntRange(0, 3).Draw(t, f.name+" form"); {
		case form == 0:
			b = a
			members = append(members, fmt.Sprint(a))
		case form == 1 || a == b || b == 0:
			members = append(members, fmt.Sprintf("%d-%d", a, b))
		case form == 2:
			step = rapid.IntRange(1, b-a).Draw(t, f.name+" step")
			members = append(members, fmt.Sprintf("%d-%d/%d", a, b, step))
		default:
			a, b = int(f.min), int(f.max)
			step = rapid.IntRange(1, min(b-a, 20)).Draw(t, f.name+" step")
			members = append(members, fmt.Sprintf("*/%d", step))
		}
		for v := a; v <= b; v += step {
			m.set[v] = true
		}
	}
	m.text = strings.Join(members, ",")
	return m
}

// drawCron draws parameters and what they mean, by a matcher that knows
// nothing of the implementation.
func drawCron(t *rapid.T) (map[string]any, func(time.Time) bool) {
	params := map[string]any{}
	var models [fieldCount]model
	least := fieldID(-1)
	for id := range fieldCount {
		if rapid.IntRange(0, 2).Draw(t, "given "+fields[id].name) == 0 {
			models[id] = drawField(t, id)
			params[fields[id].name] = models[id].text
			least = id
		}
	}
	for id := range fieldCount {
		if least >= 0 && id > least && fields[id].without != "*" {
			models[id].set = map[int]bool{int(fields[id].min): true}
		}
	}
	return params, func(at time.Time) bool {
		_, week := at.ISOWeek()
		for id, v := range []int{at.Year(), int(at.Month()), at.Day(), week, (int(at.Weekday()) + 6) % 7, at.Hour(), at.Minute(), at.Second()} {
			if !models[id].has(v) {
				return false
			}
		}
		return true
	}
}

// drawInstant draws half of the instants near a change of the zone's clock.
func drawInstant(t *rapid.T, zone string) time.Time {
	at := rapid.Int64Range(1_100_000_000, 2_200_000_000).Draw(t, "instant")
	if rapid.Bool().Draw(t, "near a change") {
		loc, _ := loadZone(zone)
		if _, end := time.Unix(at, 0).In(loc).ZoneBounds(); !end.IsZero() {
			at = end.Unix() + rapid.Int64Range(-7200, 7200).Draw(t, "distance")
		}
	}
	return time.Unix(at, rapid.SampledFrom([]int64{0, 0, 1, 999_999_999}).Draw(t, "nanoseconds"))
}

// TestCronNextIsTheFirstMatch: Next is later than the instant, its local time
// satisfies every field - or makes up for one in a gap that does -, and no
// second in between does.
func TestCronNextIsTheFirstMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		params, matches := drawCron(t)
		zone := rapid.SampledFrom(propertyZones).Draw(t, "zone")
		params["timezone"] = zone
		doc, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		after := drawInstant(t, zone)
		s, err := Parse(Cron, doc, At{Now: after})
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		loc, _ := loadZone(zone)
		next, ok := s.Next(after)
		if ok {
			if !next.After(after) {
				t.Fatalf("%s after %s: %s is not later", doc, after.In(loc), next)
			}
			if !matches(next.In(loc)) && !madeUp(next, loc, matches) {
				t.Fatalf("%s after %s: %s does not match", doc, after.In(loc), next)
			}
		} else {
			next = after.Add(100 * 366 * 24 * time.Hour)
		}
		// Seconds right after, right before the result, and scattered between.
		from, to := after.Unix()+1, next.Unix()-1
		probe := func(at int64) {
			if at >= from && at <= to && matches(time.Unix(at, 0).In(loc)) {
				t.Fatalf("%s after %s: got %s (%v), but %s matches", doc, after.In(loc), next.In(loc), ok, time.Unix(at, 0).In(loc))
			}
		}
		for i := range int64(4000) {
			probe(from + i)
			probe(to - i)
			probe(from + (to-from)/4000*i)
			probe((from/60 + i) * 60)
			probe((from/3600+i)*3600 - 900*(i%4)) // zones may be off by quarters of an hour
		}
	})
}

// madeUp reports whether t is as long after the beginning of a gap as a
// matching time that the gap swallowed.
func madeUp(t time.Time, loc *time.Location, matches func(time.Time) bool) bool {
	begin, _ := t.In(loc).ZoneBounds()
	if begin.IsZero() {
		return false
	}
	_, before := begin.Add(-1).In(loc).Zone()
	_, offset := t.In(loc).Zone()
	gap := time.Duration(offset-before) * time.Second
	return gap > 0 && t.Sub(begin) < gap && matches(t.In(time.FixedZone("", before)))
}

// TestLastIsTheLastNext compares Last with stepping.
func TestLastIsTheLastNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		params, _ := drawCron(t)
		delete(params, "second") // at most one a minute
		params["minute"] = "7,23"
		zone := rapid.SampledFrom(propertyZones).Draw(t, "zone")
		params["timezone"] = zone
		doc, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		since := drawInstant(t, zone)
		until := since.Add(time.Duration(rapid.Int64Range(0, int64(30*24*time.Hour)).Draw(t, "span")))
		s, err := Parse(Cron, doc, At{Now: since})
		if err != nil {
			t.Fatal(err)
		}
		var want time.Time
		for at, ok := s.Next(since.Add(-1)); ok && !at.After(until); at, ok = s.Next(at) {
			want = at
		}
		got, ok := s.Last(since, until)
		if ok != !want.IsZero() || ok && !got.Equal(want) {
			t.Fatalf("%s in [%s, %s]: got %s (%v), want %s", doc, since, until, got, ok, want)
		}
	})
}

// TestIntervalsAreExact: every fire is a whole number of steps after the first
// and Next of any instant is the least such time after it.
func TestIntervalsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(propertyZones).Draw(t, "zone")
		start := drawInstant(t, zone)
		delta := rapid.Int64Range(0, 5000).Draw(t, "delta")
		unit := rapid.SampledFrom([]string{"weeks", "days", "hours", "minutes", "seconds"}).Draw(t, "unit")
		doc := fmt.Appendf(nil, `{"unit":%q,"delta":%d,"timezone":%q}`, unit, delta, zone)
		s, err := Parse(Interval, doc, At{Now: start})
		if err != nil {
			t.Fatal(err)
		}
		step := max(delta*unitSeconds[unit], 1)
		first, ok := s.Next(start.Add(-1))
		if !ok || first.Before(start) || first.Unix()-start.Unix() > step+2*3600 {
			t.Fatalf("%s from %s: first %s", doc, start, first)
		}
		after := start.Add(time.Duration(rapid.Int64Range(0, int64(200*365*24*time.Hour)).Draw(t, "later")))
		next, ok := s.Next(after)
		if !ok || !next.After(after) || (next.Unix()-first.Unix())%step != 0 || next.Nanosecond() != first.Nanosecond() {
			t.Fatalf("%s from %s: after %s comes %s", doc, start, after, next)
		}
		if before := later(next, -step); before.After(after) && !before.Before(first) {
			t.Fatalf("%s from %s: after %s comes %s, but %s is earlier", doc, start, after, next, before)
		}
	})
}

// TestDecisionsLoseNothing: MissedAll, asked at any instants, fires exactly
// what the schedule has, in order.
func TestDecisionsLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := drawInstant(t, "Europe/Berlin")
		s, err := Parse(Cron, []byte(`{"minute":"*/7","timezone":"Europe/Berlin"}`), At{Now: start})
		if err != nil {
			t.Fatal(err)
		}
		c := CatchUp{Policy: MissedAll, Max: rapid.IntRange(1, 20).Draw(t, "max")}
		seen, now := start, start
		var got, want []time.Time
		for range rapid.IntRange(1, 30).Draw(t, "decisions") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Hour)).Draw(t, "pause")))
			d := c.Decide(s, seen, now)
			if len(d.Fire) > c.Max {
				t.Fatalf("%d at once", len(d.Fire))
			}
			if d.Seen.Before(seen) {
				t.Fatalf("seen goes back from %s to %s", seen, d.Seen)
			}
			got, seen = append(got, d.Fire...), d.Seen
		}
		for at, ok := s.Next(start); ok && !at.After(seen); at, ok = s.Next(at) {
			want = append(want, at)
		}
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("fired %v, want %v", got, want)
		}
	})
}

// vixie says whether cron runs a line in a whole minute of a zone, given what its
// fields say of a time of day. It is the reference: slow, and read off the manual.
func vixie(loc *time.Location, fixed bool, shows func(time.Time) bool) func(unix int64) bool {
	return func(unix int64) bool {
		at := time.Unix(unix, 0).In(loc)
		begin, _ := at.ZoneBounds()
		if !fixed || begin.IsZero() {
			return shows(at)
		}
		_, before := begin.Add(-1).In(loc).Zone()
		_, offset := at.Zone()
		gap, since := int64(offset-before), unix-begin.Unix()
		switch {
		case gap < 0 && since < -gap: // the clock showed this before
			return false
		case gap > 0 && since == 0:
			for left := int64(0); left < gap; left += 60 {
				if shows(time.Unix(unix+left, 0).In(time.FixedZone("", before))) {
					return true
				}
			}
		}
		return shows(at)
	}
}

// TestChangesOfTheClock is K3: every change of the clock of three zones in twenty
// years, Moscow's farewell to summer time in 2011 and to winter time in 2014
// included, three days before and after it.
func TestChangesOfTheClock(t *testing.T) {
	t.Parallel()
	const days = 3 * 24 * 3600
	for zone, least := range map[string]int{"Europe/Moscow": 8, "Europe/Berlin": 39, "America/New_York": 39} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		at, until := time.Date(2007, 1, 1, 0, 0, 0, 0, loc), time.Date(2027, 1, 1, 0, 0, 0, 0, loc)
		for {
			_, end := at.ZoneBounds()
			if end.IsZero() || end.After(until) {
				break
			}
			at = end
			changes++
			for line, c := range map[string]struct {
				fixed bool
				shows func(time.Time) bool
			}{
				"30 2 * * *":   {true, func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 }},
				"15 1,3 * * *": {true, func(w time.Time) bool { return (w.Hour() == 1 || w.Hour() == 3) && w.Minute() == 15 }},
				"0 0-5 * * 0":  {true, func(w time.Time) bool { return w.Hour() <= 5 && w.Minute() == 0 && w.Weekday() == time.Sunday }},
				"*/20 * * * *": {false, func(w time.Time) bool { return w.Minute()%20 == 0 }},
				"10 */2 * * *": {false, func(w time.Time) bool { return w.Hour()%2 == 0 && w.Minute() == 10 }},
			} {
				due := vixie(loc, c.fixed, c.shows)
				from := end.Unix() - days
				s, err := ParseCrontab(line, "", At{Now: time.Unix(from, 0), Zone: loc})
				if err != nil {
					t.Fatal(err)
				}
				next, ok := s.Next(time.Unix(from, 0))
				for unix := from + 60; unix < from+2*days; unix += 60 {
					if is := ok && next.Unix() == unix; is != due(unix) {
						t.Fatalf("%s in %s at %s: fires %v, want %v; the clock changes at %s", line, zone, time.Unix(unix, 0).In(loc), is, due(unix), end)
					}
					if ok && next.Unix() == unix {
						next, ok = s.Next(next)
					}
				}
			}
		}
		if changes < least {
			t.Errorf("%s: only %d changes of the clock", zone, changes)
		}
	}
}

// TestCrontabNextIsTheFirstMatch is the same for lines of a crontab: a matcher
// that tries the clock minute by minute agrees, changes of the clock included.
func TestCrontabNextIsTheFirstMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(propertyZones).Draw(t, "zone")
		loc, _ := loadZone(zone)
		var parts []string
		var sets []map[int]bool
		for _, f := range crontabFields {
			lo, hi := f.min, f.max
			if f.name == "hour" { // when clocks are changed
				hi = 4
			}
			step := rapid.IntRange(1, 20).Draw(t, f.name+" step")
			restrict := rapid.IntRange(0, 3).Draw(t, f.name+" has a range")
			if f.name != "minute" && f.name != "hour" && restrict != 0 {
				step, restrict = 1, 3 // most days match, or few examples meet a change of the clock
			}
			text := fmt.Sprintf("*/%d", step)
			if restrict < 3 {
				lo = rapid.IntRange(lo, hi).Draw(t, f.name+" first")
				hi = rapid.IntRange(lo, hi).Draw(t, f.name+" last")
				text = fmt.Sprintf("%d-%d/%d", lo, hi, step)
			} else {
				hi = f.max
			}
			set := map[int]bool{}
			for v := lo; v <= hi; v += step {
				set[v] = true
			}
			parts, sets = append(parts, text), append(sets, set)
		}
		star := func(i int) bool { return strings.HasPrefix(parts[i], "*") }
		fixed := !star(0) && !star(1)
		shows := func(at time.Time) bool { // in the zone it carries
			weekday := int(at.Weekday())
			byDate, byWeekday := sets[2][at.Day()], sets[4][weekday] || weekday == 0 && sets[4][7]
			days := byDate || byWeekday
			if star(2) || star(4) {
				days = byDate && byWeekday
			}
			return sets[0][at.Minute()] && sets[1][at.Hour()] && days && sets[3][int(at.Month())]
		}
		due := vixie(loc, fixed, shows)
		line, after := strings.Join(parts, " "), drawInstant(t, zone)
		s, err := ParseCrontab(line, "", At{Now: after, Zone: loc})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		next, ok := s.Next(after)
		const span = 3 * 24 * 3600
		for unix := (after.Unix()/60 + 1) * 60; unix < after.Unix()+span; unix += 60 {
			if !due(unix) {
				continue
			}
			if !ok || next.Unix() != unix {
				t.Fatalf("%s in %s after %s: got %s (%v), want %s", line, zone, after.In(loc), next, ok, time.Unix(unix, 0).In(loc))
			}
			return
		}
		if ok && next.Unix() < after.Unix()+span {
			t.Fatalf("%s in %s after %s: got %s, want nothing for three days", line, zone, after.In(loc), next)
		}
	})
}
