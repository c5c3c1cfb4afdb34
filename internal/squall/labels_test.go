package squall

import (
	"slices"
	"strings"
	"testing"
)

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		queue  string
		labels map[string]string
		want   string
	}{
		{"", nil, ""},
		{"fast", nil, "fast"},
		{"", map[string]string{"zone": "dmz", "gpu": "yes"}, "gpu=yes,zone=dmz"},
		{"zone=dmz", map[string]string{"zone": "dmz", "a": "b"}, "a=b,zone=dmz"},
		{"fast", map[string]string{"zone": "dmz"}, "fast,zone=dmz"},
	} {
		if got := QueueFor(c.queue, c.labels); got != c.want {
			t.Errorf("%q %v: %q, want %q", c.queue, c.labels, got, c.want)
		}
	}
	got := QueuesOf([]string{"zone=dmz", "fast", "gpu=yes", "fast"})
	slices.Sort(got)
	want := "fast|fast,gpu=yes|fast,gpu=yes,zone=dmz|fast,zone=dmz|gpu=yes|gpu=yes,zone=dmz|zone=dmz"
	if strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
	if n := len(QueuesOf(strings.Split("a b c d e f g h i j k", " "))); n != 255 {
		t.Errorf("%d queues", n)
	}
}
