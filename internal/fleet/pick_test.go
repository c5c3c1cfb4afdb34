package fleet

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"squall/internal/squall"
	"squall/internal/timer"
)

func TestParsePick(t *testing.T) {
	for spec, want := range map[string]int{"": 0, "all": 0, "one": 1, "3": 3, "20%": 10, "1%": 1, "100%": 50, "60": 60} {
		if got, err := ParsePick(spec, 50); err != nil || got != want {
			t.Errorf("%q of 50: %d, %v, want %d", spec, got, err, want)
		}
	}
	for _, bad := range []string{"0", "0%", "-1", "x", "1.5", "101%"} {
		if got, err := ParsePick(bad, 50); err == nil {
			t.Errorf("%q is taken: %d", bad, got)
		}
	}
}

func names(nodes []*squall.FleetNode) (list []string) {
	for _, n := range nodes {
		list = append(list, n.Name)
	}
	return list
}

func TestOrder(t *testing.T) {
	var nodes []*squall.FleetNode
	for i := range 20 {
		nodes = append(nodes, &squall.FleetNode{Name: fmt.Sprint("w", i)})
	}
	first := func(by Prefer, nodes []*squall.FleetNode, turn string, busy map[string]int) string {
		t.Helper()
		list, err := Order(nodes, by, "nightly", turn, busy)
		if err != nil || len(list) != len(nodes) {
			t.Fatalf("%s: %v, %v", by, names(list), err)
		}
		return list[0].Name
	}
	same, turns := first(PreferSame, nodes, "a", nil), map[string]bool{}
	for turn := range 200 {
		if got := first(PreferSame, nodes, fmt.Sprint(turn), nil); got != same {
			t.Fatalf("same: %s, and %s before", got, same)
		}
		turns[first(PreferAny, nodes, fmt.Sprint(turn), nil)] = true
	}
	if len(turns) < 15 {
		t.Errorf("any: only %v", turns)
	}
	// One that goes moves the choice only when it was the one.
	for i := range nodes {
		rest := append(append([]*squall.FleetNode{}, nodes[:i]...), nodes[i+1:]...)
		if got := first(PreferSame, rest, "", nil); (got != same) != (nodes[i].Name == same) {
			t.Errorf("without %s: %s, and %s before", nodes[i].Name, got, same)
		}
	}
	if got := first(PreferFirst, nodes, "", nil); got != "w0" {
		t.Errorf("first: %s", got)
	}
	busy := map[string]int{}
	for _, n := range nodes {
		busy[n.Name] = 2
	}
	busy["w7"] = 1
	if got := first(PreferIdle, nodes, "", busy); got != "w7" {
		t.Errorf("idle: %s", got)
	}
	if _, err := Order(nodes, "best", "", "", nil); err == nil {
		t.Error("an unknown preference is taken")
	}
}

// TestAtOnceAndSplay is K5: 150 machines, at most 20 at work, spread over a
// minute, three of them dead.
func TestAtOnceAndSplay(t *testing.T) {
	begin := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	r := &squall.Rollout{State: squall.RolloutRunning, MaxFail: "100%", AtOnce: 20, Splay: time.Minute}
	for i := range 150 {
		name := fmt.Sprint("w", i)
		r.Hosts = append(r.Hosts, squall.RolloutHost{Name: name, NotBefore: begin.Add(timer.Jitter("nightly\x00"+name, begin, r.Splay))})
	}
	statuses, ends := map[squall.ID]squall.Status{}, map[squall.ID]time.Time{}
	running, most := 0, 0
	now := begin
	for ; !r.State.Ended(); now = now.Add(250 * time.Millisecond) {
		if now.Sub(begin) > 10*time.Minute {
			t.Fatalf("it does not end: %v", r)
		}
		for id, at := range ends {
			if statuses[id] == squall.Running && !now.Before(at) {
				running--
				statuses[id] = squall.Succeeded
				if id == "3" || id == "77" || id == "149" {
					statuses[id] = squall.Failed
				}
			}
		}
		for _, i := range Next(r, statuses, now).Start {
			h := &r.Hosts[i]
			if h.Execution != "" || now.Before(h.NotBefore) {
				t.Fatalf("%s begins at %s, not before %s, with %q", h.Name, now, h.NotBefore, h.Execution)
			}
			h.Execution, h.Status = squall.ID(fmt.Sprint(i)), squall.Requested
			statuses[h.Execution] = squall.Running
			ends[h.Execution] = now.Add(7 * time.Second)
			running++
			most = max(most, running)
		}
	}
	_, failed, waiting := counts(r)
	if most != 20 || failed != 3 || waiting != 0 || r.State != squall.RolloutFailed {
		t.Errorf("at most %d at once, %d failed, %d never began, %s", most, failed, waiting, r.State)
	}
	if took := now.Sub(begin); took < 50*time.Second {
		t.Errorf("all was over after %s", took)
	}
}

// TestWantedMachines: a rollout that wants some of its machines succeeds on no
// more of them, and without failover runs on no more of them either.
func TestWantedMachines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "machines")
		r := &squall.Rollout{
			State: squall.RolloutRunning, Want: rapid.IntRange(1, n+2).Draw(t, "want"), AtOnce: rapid.IntRange(0, 3).Draw(t, "at once"),
			Failover: rapid.SampledFrom([]squall.Failover{"", squall.FailoverNever, squall.FailoverUntouched, squall.FailoverAlways}).Draw(t, "failover"),
		}
		for i := range n {
			r.Hosts = append(r.Hosts, squall.RolloutHost{Name: fmt.Sprint(i)})
		}
		now, statuses := time.Unix(1_700_000_000, 0), map[squall.ID]squall.Status{}
		touched := 0
		for step := 0; !r.State.Ended(); step++ {
			if step > 1000 {
				t.Fatalf("it does not end: %+v", r)
			}
			for _, i := range Next(r, statuses, now).Start {
				h := &r.Hosts[i]
				if h.Execution != "" {
					t.Fatalf("%s begins twice", h.Name)
				}
				h.Execution, h.Status = squall.ID(h.Name), squall.Requested
				statuses[h.Execution] = squall.Running
			}
			if running, _, _ := counts(r); running > r.Want || r.AtOnce > 0 && running > r.AtOnce {
				t.Fatalf("%d at once, wants %d, at most %d", running, r.Want, r.AtOnce)
			}
			for i := range r.Hosts {
				h := &r.Hosts[i]
				if h.Execution == "" || statuses[h.Execution].Final() || !rapid.Bool().Draw(t, "ends") {
					continue
				}
				statuses[h.Execution] = rapid.SampledFrom([]squall.Status{squall.Succeeded, squall.Failed, squall.Failed, squall.Abandoned}).Draw(t, "how")
				if statuses[h.Execution] == squall.Failed {
					h.Untouched = rapid.Bool().Draw(t, "untouched")
				}
				if !h.Untouched {
					touched++
				}
			}
			now = now.Add(time.Second)
		}
		done := succeeded(r)
		switch {
		case done > r.Want, (r.State == squall.RolloutSucceeded) != (done == r.Want):
			t.Fatalf("%s with %d of %d", r.State, done, r.Want)
		case r.Failover != squall.FailoverAlways && touched > r.Want:
			t.Fatalf("%d machines ran it, %d are wanted, failover %q", touched, r.Want, r.Failover)
		case r.Failover == squall.FailoverAlways && done < min(r.Want, n) && len(statuses) < n:
			t.Fatalf("it gave up after %d of %d machines", len(statuses), n)
		}
	})
}
