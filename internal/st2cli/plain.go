package st2cli

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// columnsOf is the plain style's table: capitals, two spaces between columns, one
// line a row; at a terminal the last column is cut to what fits.
func (c *call) columnsOf(names []string, rows [][]string) {
	wide := make([]int, len(names))
	heads := make([]string, len(names))
	for i, n := range names {
		heads[i] = strings.ToUpper(strings.NewReplacer("_", " ", ".", " ").Replace(n))
		wide[i] = len(heads[i])
	}
	for _, row := range rows {
		for i := range row {
			row[i], _, _ = strings.Cut(strings.TrimSpace(row[i]), "\n")
			if row[i] == "" {
				row[i] = "-"
			}
			wide[i] = max(wide[i], ansi.StringWidth(row[i]))
		}
	}
	last := len(names) - 1
	room := 0
	if c.Columns > 0 {
		room = c.Columns
		for i := range last {
			room -= wide[i] + 2
		}
		room = max(room, 8)
	}
	for _, row := range append([][]string{heads}, rows...) {
		var b strings.Builder
		for i, cell := range row {
			if i == last {
				if room > 0 {
					cell = ansi.Truncate(cell, room, "…")
				}
				b.WriteString(cell)
				continue
			}
			b.WriteString(cell + strings.Repeat(" ", wide[i]-ansi.StringWidth(cell)+2))
		}
		c.print(b.String())
	}
}

// property is one member in the plain style.
func (c *call) property(name string, v any) error {
	switch v.(type) {
	case *value.List, document:
		t, err := pyyaml.SafeDump(nil, v, pyyaml.DumpOptions{AllowUnicode: true})
		if err != nil {
			return err
		}
		c.print(name + ":")
		for line := range strings.Lines(t) {
			fmt.Fprint(c.Stdout, "  "+line)
		}
		return nil
	}
	t := strings.TrimRight(str(v), "\n")
	if t == "" {
		t = "-"
	}
	c.print(fmt.Sprintf("%-18s %s", name+":", strings.ReplaceAll(t, "\n", "\n  ")))
	return nil
}
