package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// redrawn is a text at the terminal that is replaced by its next version. Lines
// are cut to the width and the text to the height, for what has wrapped or
// scrolled away could not be taken back; the last version is shown whole.
type redrawn struct {
	w             io.Writer
	width, height int
	last          string
	lines         int
}

// show replaces what was shown before.
func (r *redrawn) show(text string) {
	if text != r.last {
		r.last = text
		r.replace(text, max(r.height-2, 5))
	}
}

// end replaces it by its last version, whole.
func (r *redrawn) end(text string) { r.replace(text, -1) }

// replace writes over what was there, line by line: clearing it all first would
// flicker, and tmux would keep every version that began at the top of the screen.
func (r *redrawn) replace(text string, most int) {
	var b strings.Builder
	if r.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", r.lines)
	}
	r.lines = 0
	for line := range strings.Lines(text) {
		if r.lines == most {
			fmt.Fprintf(&b, "… %d more lines\x1b[K\n", strings.Count(text, "\n")-most)
			r.lines++
			break
		}
		line = strings.TrimRight(line, "\n")
		if most >= 0 {
			line = ansi.Truncate(line, max(r.width-1, 20), "…")
		}
		b.WriteString(line + "\x1b[K\n")
		r.lines++
	}
	b.WriteString("\x1b[J")
	_, _ = io.WriteString(r.w, b.String()) // a terminal that is gone needs no picture
}
