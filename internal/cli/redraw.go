package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// redrawn is a text at the terminal that is replaced by its next version. Lines
// are cut to the width, for a line that wraps could not be taken back.
type redrawn struct {
	w     io.Writer
	width int
	last  string
	lines int
}

// show replaces what was shown before.
func (r *redrawn) show(text string) {
	if text == r.last {
		return
	}
	var b strings.Builder
	if r.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", r.lines)
	}
	r.lines = 0
	for line := range strings.Lines(text) {
		b.WriteString(ansi.Truncate(strings.TrimRight(line, "\n"), max(r.width-1, 20), "…") + "\n")
		r.lines++
	}
	r.last = text
	_, _ = io.WriteString(r.w, b.String()) // a terminal that is gone needs no picture
}
