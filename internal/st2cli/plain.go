package st2cli

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// columnsOf is the plain style's table: capitals, two spaces between columns, one
// line a row; at a terminal what is too wide is cut to what fits.
func (c *call) columnsOf(names []string, rows [][]string) {
	heads := make([]string, len(names))
	for i, n := range names {
		heads[i] = strings.ToUpper(strings.NewReplacer("_", " ", ".", " ").Replace(n))
	}
	for _, row := range rows {
		for i := range row {
			row[i], _, _ = strings.Cut(strings.TrimSpace(row[i]), "\n")
			if row[i] == "" {
				row[i] = "-"
			}
		}
	}
	all := append([][]string{heads}, rows...)
	wide := Widths(all, c.Columns)
	for _, row := range all {
		c.print(Line(row, wide, nil))
	}
}

// narrowest is how far a column may be cut.
const narrowest = 8

// Widths returns the widths of a table's columns, which stand two spaces apart. When
// it does not fit into room (0: there is no end), the widest columns are cut first;
// the first column and those of identifiers never are: people copy them.
func Widths(rows [][]string, room int) []int {
	widths := make([]int, len(rows[0]))
	whole := make([]bool, len(widths))
	for i := range widths {
		whole[i] = true
		for n, row := range rows {
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
			whole[i] = whole[i] && (i == 0 || n == 0 || row[i] == "-" || isID(row[i]))
		}
	}
	if room == 0 {
		return widths
	}
	for _, w := range widths {
		room -= w + 2
	}
	for room += 2; room < 0; room++ { // nothing stands behind the last
		widest := -1
		for i := len(widths) - 1; i >= 0; i-- {
			if !whole[i] && widths[i] > narrowest && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

func isID(text string) bool {
	return len(text) == 24 && strings.Trim(text, "0123456789abcdef") == ""
}

// Line is a row of a table with these widths; style, which may be nil, decorates
// its cells.
func Line(cells []string, widths []int, style func(string) string) string {
	var b strings.Builder
	for i, cell := range cells {
		cell = ansi.Truncate(cell, widths[i], "…")
		if style != nil {
			b.WriteString(style(cell))
		} else {
			b.WriteString(cell)
		}
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)+2))
		}
	}
	return b.String()
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
