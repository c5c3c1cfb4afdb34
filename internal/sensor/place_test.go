package sensor

import (
	"fmt"
	"testing"
)

func TestAssignIsExactAndMovesLittle(t *testing.T) {
	hosts := []string{"n1", "n2", "n3", "n4"}
	count := map[string]int{}
	for i := range 1000 {
		name := fmt.Sprintf("pack%d.Sensor", i)
		owner := ""
		for _, h := range hosts {
			if assign(hosts, h, name) {
				if owner != "" {
					t.Fatalf("%s is on %s and on %s", name, owner, h)
				}
				owner = h
			}
		}
		if owner == "" {
			t.Fatalf("%s is nowhere", name)
		}
		count[owner]++
		if owner != "n4" && !assign(hosts[:3], owner, name) {
			t.Errorf("%s moves away from %s although only n4 has gone", name, owner)
		}
	}
	for _, h := range hosts {
		if count[h] < 200 || count[h] > 300 {
			t.Errorf("%s has %d of 1000", h, count[h])
		}
	}
}

// The hashes are what StackStorm's hash partitioner computes.
func TestHashRanges(t *testing.T) {
	all, err := HashRanges("MIN..MAX")
	if err != nil || !all.allows("examples.SampleSensor") || !all.pinned() {
		t.Fatalf("MIN..MAX: %v", err)
	}
	low, err := HashRanges("0..2147483648")
	if err != nil {
		t.Fatal(err)
	}
	high, err := HashRanges(" 2147483648..max | 5..9")
	if err != nil {
		t.Fatal(err)
	}
	lows := 0
	for i := range 100 {
		name := fmt.Sprintf("p%d.S", i)
		if low.allows(name) == high.allows(name) {
			t.Errorf("%s is in both halves or in none", name)
		}
		if low.allows(name) {
			lows++
		}
	}
	if lows < 20 || lows > 80 {
		t.Errorf("%d of 100 are in the lower half", lows)
	}
	for _, bad := range []string{"", "1", "9..5", "a..b", "1..2|"} {
		if _, err := HashRanges(bad); err == nil {
			t.Errorf("%q is taken for a range", bad)
		}
	}
}

func TestHash(t *testing.T) {
	for ref, want := range map[string]int64{"examples.SampleSensor": 4026535470, "linux.FileWatchSensor": 1562168054, "p.a": 2750300424} {
		if got := hash(ref); got != want {
			t.Errorf("hash(%q) = %d, want %d", ref, got, want)
		}
	}
}

func TestOnly(t *testing.T) {
	p := Only([]string{"a.B"})
	if !p.allows("a.B") || p.allows("a.C") || !p.pinned() {
		t.Error("a list allows what it names and nothing else")
	}
	if none := Only(nil); none.allows("a.B") || !none.pinned() {
		t.Error("an empty list allows nothing")
	}
}
