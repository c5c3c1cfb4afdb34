package squall

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"runner_type", "entry_point", "id"}
	for _, c := range []struct {
		word  string
		slips int
		want  string
	}{
		{"runer_type", 2, "runner_type"},
		{"entrypoint", 1, "entry_point"},
		{"entry_pont", 2, "entry_point"},
		{"rumner_tipe", 1, ""},
		{"rumner_tipe", 2, "runner_type"},
		{"xy", 2, ""}, // as many slips as the word has letters
		{"", 3, ""},
	} {
		if got := Nearest(c.word, known, c.slips); got != c.want {
			t.Errorf("Nearest(%q, %d) = %q, want %q", c.word, c.slips, got, c.want)
		}
	}
}
