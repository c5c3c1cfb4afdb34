package textwrap

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The lines are those of Python 3.11.
func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text string
		o    Options
		want []string
	}{
		{"core.9291a79f-0511-4904-ba6f-594dfbaef127", Options{Width: 23}, []string{"core.9291a79f-0511-", "4904-ba6f-594dfbaef127"}},
		{"2026-11-22T16:15:26.805703Z", Options{Width: 18}, []string{"2026-11-", "22T16:15:26.805703", "Z"}},
		{"a well-known name -- so far", Options{Width: 7}, []string{"a well-", "known", "name --", "so far"}},
		{"a well-known name", Options{Width: 7, SpacesOnly: true, KeepLong: true}, []string{"a", "well-known", "name"}},
		{"abcdefgh-ij", Options{Width: 10, KeepHyphens: true}, []string{"abcdefgh-", "ij"}},
		{"0123456-89abc", Options{Width: 10, KeepHyphens: true}, []string{"0123456-89", "abc"}},
		{"  in front", Options{Width: 5}, []string{"  in", "front"}},
		{"   ", Options{Width: 5}, nil},
		{"", Options{Width: 5}, nil},
	} {
		if diff := cmp.Diff(tt.want, Wrap(tt.text, tt.o)); diff != "" {
			t.Errorf("%q %+v: %s", tt.text, tt.o, diff)
		}
	}
}

// No line is too long, and nothing but white space is lost.
func TestWrapKeepsTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab1 -.\t,é")), 0, 60, -1).Draw(t, "text")
		width := rapid.IntRange(1, 12).Draw(t, "width")
		lines := Wrap(text, Options{Width: width})
		for _, l := range lines {
			if n := len([]rune(l)); n > width {
				t.Fatalf("%q has %d columns, more than %d", l, n, width)
			}
		}
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got, want := bare(strings.Join(lines, "")), bare(text); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}
