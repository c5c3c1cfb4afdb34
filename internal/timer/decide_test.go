package timer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExclusions(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	start := instant(t, "2024-03-28T12:00:00Z") // a Thursday
	for _, c := range []struct {
		name, doc string
		ex        Exclusion
		want      []string
	}{
		{"nothing", `{"hour":12}`, Exclusion{}, []string{"2024-03-29T12:00:00+01:00"}},
		{"holidays", `{"hour":12}`, Exclusion{Zone: berlin, Days: []Day{{2024, 3, 29}, {0, 4, 1}}},
			[]string{"2024-03-30T12:00:00+01:00", "2024-03-31T12:00:00+02:00", "2024-04-02T12:00:00+02:00"}},
		{"weekend", `{"hour":12}`, Exclusion{Zone: berlin, Weekdays: []time.Weekday{time.Saturday, time.Sunday}},
			[]string{"2024-03-29T12:00:00+01:00", "2024-04-01T12:00:00+02:00"}},
		{"nights", `{"minute":0}`, Exclusion{Zone: berlin, Start: 14 * time.Hour, End: 6 * time.Hour},
			[]string{"2024-03-29T06:00:00+01:00", "2024-03-29T07:00:00+01:00"}},
		{"Friday night, over midnight", `{"hour":"*/6"}`, Exclusion{Zone: berlin, Weekdays: []time.Weekday{time.Friday}, Start: 18 * time.Hour, End: 12 * time.Hour},
			[]string{"2024-03-28T18:00:00+01:00", "2024-03-29T00:00:00+01:00", "2024-03-29T06:00:00+01:00", "2024-03-29T12:00:00+01:00", "2024-03-30T12:00:00+01:00"}},
		{"window", `{"second":0}`, Exclusion{From: start, To: instant(t, "2024-06-01T00:00:00Z")}, []string{"2024-06-01T02:00:00+02:00"}},
		{"for ever", `{"second":0}`, Exclusion{From: start}, []string{"none"}},
		{"always", `{"minute":0}`, Exclusion{Start: time.Hour, End: time.Hour}, []string{"none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := c.doc[:len(c.doc)-1] + `,"timezone":"Europe/Berlin"}`
			s := mustParse(t, Cron, doc, start).Except(c.ex)
			if d := cmp.Diff(c.want, fires(s, start, len(c.want))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestExceptDoesNotChangeTheOriginal(t *testing.T) {
	start := instant(t, "2024-03-28T12:00:00Z")
	s := mustParse(t, Cron, `{"hour":12}`, start).Except(Exclusion{Days: []Day{{2024, 3, 29}}})
	a := s.Except(Exclusion{Days: []Day{{2024, 3, 30}}})
	b := s.Except(Exclusion{Days: []Day{{2024, 3, 31}}})
	got := [][]string{fires(s, start, 1), fires(a, start, 1), fires(b, start, 1)}
	want := [][]string{{"2024-03-30T12:00:00Z"}, {"2024-03-31T12:00:00Z"}, {"2024-03-30T12:00:00Z"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCatchUp(t *testing.T) {
	s := mustParse(t, Cron, `{"minute":"*/10"}`, time.Time{})
	last, now := instant(t, "2024-01-01T10:00:00Z"), instant(t, "2024-01-01T10:35:00Z")
	for _, c := range []struct {
		name string
		c    CatchUp
		want []string
		seen string
		next string
	}{
		{"skip", CatchUp{}, nil, "10:35", "10:40"},
		{"skip, but in time", CatchUp{Grace: 5 * time.Minute}, []string{"10:30"}, "10:35", "10:40"},
		{"last", CatchUp{Policy: MissedLast}, []string{"10:30"}, "10:35", "10:40"},
		{"last, but one is in time", CatchUp{Policy: MissedLast, Grace: 10 * time.Minute}, []string{"10:30"}, "10:35", "10:40"},
		{"last, window too small", CatchUp{Policy: MissedLast, Window: 4 * time.Minute}, nil, "10:35", "10:40"},
		{"all", CatchUp{Policy: MissedAll}, []string{"10:10", "10:20", "10:30"}, "10:35", "10:40"},
		{"all within a window", CatchUp{Policy: MissedAll, Window: 15 * time.Minute}, []string{"10:20", "10:30"}, "10:35", "10:40"},
		{"all, two at a time", CatchUp{Policy: MissedAll, Max: 2}, []string{"10:10", "10:20"}, "10:20", "10:30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.c.Decide(s, last, now)
			var got []string
			for _, at := range d.Fire {
				got = append(got, at.Format("15:04"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if d.Seen.UTC().Format("15:04") != c.seen || d.Next.Format("15:04") != c.next {
				t.Errorf("seen %s, next %s", d.Seen, d.Next)
			}
		})
	}
	// Years of missed seconds cost nothing when only the last one counts.
	every := mustParse(t, Cron, `{}`, time.Time{})
	d := CatchUp{Policy: MissedLast}.Decide(every, last.AddDate(-20, 0, 0), now)
	if len(d.Fire) != 1 || !d.Fire[0].Equal(now) {
		t.Errorf("%v", d.Fire)
	}
	// Nothing is fired twice, and nothing from the future.
	if d := (CatchUp{Policy: MissedAll, Grace: time.Hour}).Decide(s, now, now); d.Fire != nil || !d.Seen.Equal(now) {
		t.Errorf("%+v", d)
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		o               Overlap
		running, queued int
		want            Step
	}{
		{OverlapForbid, 0, 0, Start}, {OverlapForbid, 1, 0, Skip}, {OverlapAllow, 3, 0, Start}, {"", 3, 0, Start},
		{OverlapReplace, 1, 0, Replace}, {OverlapQueue, 1, 0, Queue}, {OverlapQueue, 1, 2, Skip}, {OverlapQueue, 0, 1, Queue},
	} {
		if got := c.o.Decide(c.running, c.queued, 2); got != c.want {
			t.Errorf("%q with %d running, %d queued: got %d, want %d", c.o, c.running, c.queued, got, c.want)
		}
	}
}
