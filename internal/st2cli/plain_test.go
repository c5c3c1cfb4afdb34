package st2cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWidths(t *testing.T) {
	t.Parallel()
	row := func(widths ...int) (cells []string) {
		for _, w := range widths {
			cells = append(cells, strings.Repeat("x", w))
		}
		return cells
	}
	const id = "6b03a5d206598e1afa0329fe"
	for _, c := range []struct {
		room int
		row  []string
		want []int
	}{
		{0, row(24, 90, 40), []int{24, 90, 40}},
		{60, row(24, 9, 10), []int{24, 9, 10}},
		{60, row(24, 9, 40), []int{24, 9, 23}},
		{60, row(24, 9, 40, 30), []int{24, 9, 11, 10}},
		{20, row(24, 30, 5), []int{24, 8, 5}},
		{60, []string{"a.b", id, strings.Repeat("x", 40)}, []int{3, 24, 29}},
	} {
		heads := make([]string, len(c.row))
		if got := Widths([][]string{heads, c.row}, c.room); !cmp.Equal(got, c.want) {
			t.Errorf("%q in %d: %v, want %v", c.row, c.room, got, c.want)
		}
	}
	if got := Line([]string{"abc", "überlang", "z"}, []int{4, 5, 1}, nil); got != "abc   über…  z" {
		t.Errorf("%q", got)
	}
}
