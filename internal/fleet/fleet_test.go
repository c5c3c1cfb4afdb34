package fleet

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/squall"
)

func someNodes() (nodes []*squall.FleetNode) {
	add := func(name string, tags string, attrs ...string) {
		n := &squall.FleetNode{Name: name, Tags: strings.Fields(tags), Attrs: map[string]string{}}
		for _, a := range attrs {
			k, v, _ := strings.Cut(a, "=")
			n.Attrs[k] = v
		}
		nodes = append(nodes, n)
	}
	for i := 1; i <= 12; i++ {
		tags := "web"
		if i%4 == 0 {
			tags += " drained"
		}
		add(fmt.Sprintf("web%d", i), tags, fmt.Sprintf("rack=%d", i%3), fmt.Sprintf("ram=%d", 8*i))
	}
	add("st01", "storage", "os=debian12", "ram=512")
	add("st02", "storage drained", "os=debian11")
	add("storage", "")
	return nodes
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"web & !drained":            "web1 web2 web3 web5 web6 web7 web9 web10 web11",
		"@storage[0:10]":            "st01 st02",
		"storage":                   "st01 st02 storage",
		"@storage":                  "st01 st02",
		"web3":                      "web3",
		"web[2-4]":                  "web2 web3 web4",
		"st[01-02]":                 "st01 st02",
		"st[1-2]":                   "",
		"web*[-2:]":                 "web11 web12",
		"web[3]":                    "web4",
		"web[99]":                   "",
		"web[0:2], st01":            "st01 web1 web2",
		"rack=1 & ram>16":           "web4 web7 web10",
		"ram>=88":                   "st01 web11 web12",
		"ram<9":                     "web1",
		"os!=debian11 & @storage":   "st01",
		"os=debian*":                "st01 st02",
		"(rack=0 | rack=1)[2:4]":    "web4 web6",
		"!web":                      "st01 st02 storage",
		"! ! st01":                  "st01",
		"*[0]":                      "st01",
		"nothing":                   "",
		"web & st01 | storage":      "st01 st02 storage",
		"web1,web1":                 "web1",
		"web[1-3] & !web2 & rack=0": "web3",
	} {
		target, err := ParseTarget(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, n := range target.Select(someNodes()) {
			got = append(got, n.Name)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for text, column := range map[string]int{"": 1, "web &": 6, "(web": 5, "web)": 4, "@": 2, "web[x]": 5, "web[1": 4, "rack=": 6, "a b": 3, "&": 1, "web[1:2:3]": 5} {
		_, err := ParseTarget(text)
		var wrong *SyntaxError
		if !errors.As(err, &wrong) || wrong.Column != column {
			t.Errorf("%q: %v, want a mistake in column %d", text, err, column)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"web & !drained", "@storage[0:10]", "(a|b)[1]", "ram>=3", "x[1-2]", "[", "!("} {
		f.Add(seed)
	}
	nodes := someNodes()
	f.Fuzz(func(t *testing.T, text string) {
		if target, err := ParseTarget(text); err == nil {
			target.Select(nodes)
		}
	})
}

func TestBatches(t *testing.T) {
	for _, c := range []struct {
		spec string
		n    int
		want string // sizes
	}{
		{"", 4, "4"},
		{"1, 5, 20%", 20, "1 5 4 4 4 2"},
		{"1", 3, "1 1 1"},
		{"10%", 5, "1 1 1 1 1"},
		{"50%", 5, "2 2 1"},
		{"100%", 7, "7"},
		{"3,100%", 7, "3 4"},
	} {
		batchOf, err := ParseBatches(c.spec, c.n)
		if err != nil {
			t.Errorf("%q: %v", c.spec, err)
			continue
		}
		sizes := map[int]int{}
		for _, b := range batchOf {
			sizes[b]++
		}
		got := make([]string, len(sizes))
		for b, size := range sizes {
			got[b] = fmt.Sprint(size)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q of %d: %v, want %s", c.spec, c.n, got, c.want)
		}
	}
	for _, bad := range []string{"0", "x", "-1", "101%", "1,,2", "1.5", "0%"} {
		if _, err := ParseBatches(bad, 10); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestNextIsSafe: whatever the machines do, and in which order, no more than a
// batch begins before the one before has ended, no machine begins twice, it stops
// as soon as too many have failed, and it comes to an end.
func TestNextIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(t, "machines")
		spec := rapid.SampledFrom([]string{"", "1", "1,5,20%", "30%", "2,3"}).Draw(t, "batches")
		r := &squall.Rollout{
			State: squall.RolloutRunning, Batches: spec, Canary: rapid.Bool().Draw(t, "canary"),
			MaxFail: rapid.SampledFrom([]string{"", "2", "25%", "100%"}).Draw(t, "max_fail"), Pause: time.Minute,
		}
		batchOf, err := ParseBatches(spec, n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			r.Hosts = append(r.Hosts, squall.RolloutHost{Name: fmt.Sprint(i), Batch: batchOf[i]})
		}
		most, _ := ParseMaxFail(r.MaxFail, n)
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		statuses := map[squall.ID]squall.Status{}
		begun, resumed := map[int]bool{}, 0
		for step := 0; !r.State.Ended(); step++ {
			if step > 1000 {
				t.Fatalf("it does not end: %+v", r)
			}
			s := Next(r, statuses, now)
			_, failed, _ := counts(r)
			if failed > most && len(s.Start) > 0 {
				t.Fatalf("%d failed, %d may, and it begins with more", failed, most)
			}
			for _, i := range s.Start {
				if begun[i] {
					t.Fatalf("machine %d begins twice", i)
				}
				for _, h := range r.Hosts {
					if h.Batch < r.Hosts[i].Batch && !h.Status.Final() {
						t.Fatalf("machine %d begins while %s of an earlier batch has not ended", i, h.Name)
					}
				}
				begun[i] = true
				r.Hosts[i].Execution, r.Hosts[i].Status = squall.ID(fmt.Sprint(i)), squall.Requested
				statuses[r.Hosts[i].Execution] = squall.Running
			}
			if r.State == squall.RolloutPaused {
				if !Resume(r, false, now) {
					t.Fatal("a paused one cannot be resumed")
				}
				resumed++
			}
			// Some of what runs ends.
			for i := range r.Hosts {
				if id := r.Hosts[i].Execution; id != "" && !statuses[id].Final() && rapid.Bool().Draw(t, "ends") {
					statuses[id] = rapid.SampledFrom([]squall.Status{squall.Succeeded, squall.Succeeded, squall.Succeeded, squall.Failed, squall.Timeout}).Draw(t, "how")
				}
			}
			now = now.Add(40 * time.Second)
		}
		_, failed, waiting := counts(r)
		switch {
		case r.State == squall.RolloutSucceeded && (failed > 0 || waiting > 0),
			r.State == squall.RolloutFailed && (failed == 0 || failed > most || waiting > 0),
			r.State == squall.RolloutStopped && failed <= most:
			t.Fatalf("%s with %d failed of at most %d and %d not begun", r.State, failed, most, waiting)
		}
		if resumed > 1 {
			t.Fatalf("paused %d times for one canary", resumed)
		}
	})
}

func TestResume(t *testing.T) {
	now := time.Now()
	host := func(batch int, id squall.ID, s squall.Status) squall.RolloutHost {
		return squall.RolloutHost{Batch: batch, Execution: id, Status: s}
	}
	stopped := func() *squall.Rollout {
		return &squall.Rollout{State: squall.RolloutStopped, Batch: 0, Hosts: []squall.RolloutHost{
			host(0, "a", squall.Succeeded), host(0, "b", squall.Failed), host(1, "", ""), host(1, "", "")}}
	}
	r := stopped()
	if !Resume(r, false, now) {
		t.Fatal("not resumed")
	}
	if s := Next(r, nil, now); fmt.Sprint(s.Start) != "[2 3]" {
		t.Errorf("goes on with %v, want the next batch", s.Start)
	}
	r = stopped()
	if !Resume(r, true, now) {
		t.Fatal("not resumed")
	}
	if s := Next(r, nil, now); fmt.Sprint(s.Start) != "[1]" {
		t.Errorf("begins again with %v, want what failed", s.Start)
	}
	done := &squall.Rollout{State: squall.RolloutSucceeded, Hosts: []squall.RolloutHost{host(0, "a", squall.Succeeded)}}
	if Resume(done, true, now) {
		t.Error("what has succeeded is resumed")
	}
}

func TestGroups(t *testing.T) {
	got := GroupAnswers([]Answer{{"w10", "a"}, {"w2", "b"}, {"w1", "a"}, {"w3", "c"}})
	want := []Group{{[]string{"w1", "w10"}, "a"}, {[]string{"w2"}, "b"}, {[]string{"w3"}, "c"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
