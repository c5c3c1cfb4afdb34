package st2cli

import (
	"slices"
	"strings"
)

// The colours of st2.
const (
	red    = "\x1b[91m"
	green  = "\x1b[92m"
	yellow = "\x1b[93m"
	blue   = "\x1b[94m"
	brown  = "\x1b[33m"
	plain  = "\x1b[0m"
)

var colorTerminals = []string{"xterm", "xterm-color", "screen", "vt100", "vt100-color", "xterm-256color"}

// colored wraps a text in a colour. st2 asks the terminal's name only, so the
// colours are in pipes too; NO_COLOR or ST2_COLORIZE switch them off. The plain
// style colours at terminals only.
func (c *call) colored(s, color string) string {
	if c.style == Plain && c.Columns == 0 || !slices.Contains(colorTerminals, strings.ToLower(c.Env("TERM"))) || c.Env("ST2_COLORIZE") != "" || c.Env("NO_COLOR") != "" {
		return s
	}
	return color + s + plain
}

var statusColors = map[string]string{"succeeded": green, "delayed": blue, "failed": red, "timeout": brown, "running": yellow}

// status colours a status, not the time that may stand behind it in parentheses.
func (c *call) status(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	word, rest, timed := strings.Cut(s, "(")
	if timed {
		word = strings.TrimSpace(word)
	}
	color, known := statusColors[word]
	if !known {
		color = yellow
	}
	out := c.colored(word, color)
	if timed {
		out += " (" + rest
	}
	return out
}
