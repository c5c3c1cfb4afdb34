package st2cli

import (
	"math"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"squall/internal/expr/textwrap"
	"squall/internal/expr/value"
)

// boxed draws rows between lines. A column is as wide as its head, or as its
// widest cell up to its limit; cells are wrapped to that.
func boxed(heads []string, limits []int, rows [][]string) string {
	wide := make([]int, len(heads))
	for i, h := range heads {
		wide[i] = ansi.StringWidth(h)
		for _, row := range rows {
			w := 0
			for line := range strings.SplitSeq(row[i], "\n") {
				w = max(w, ansi.StringWidth(line))
			}
			wide[i] = max(wide[i], min(w, limits[i]))
		}
	}
	rule := "+"
	for _, w := range wide {
		rule += strings.Repeat("-", w+2) + "+"
	}
	rule += "\n"
	var b strings.Builder
	for n, row := range append([][]string{heads}, rows...) {
		if n < 2 {
			b.WriteString(rule)
		}
		cells := make([][]string, len(heads))
		height := 1
		for i := range heads {
			cells[i] = wrapCell(row[i], wide[i])
			height = max(height, len(cells[i]))
		}
		for y := range height {
			for i, lines := range cells {
				l := ""
				if y < len(lines) {
					l = lines[y]
				}
				b.WriteString("| " + l + strings.Repeat(" ", max(0, wide[i]-ansi.StringWidth(l))+1))
			}
			b.WriteString("|\n")
		}
	}
	if len(rows) == 0 {
		b.WriteString(rule)
	}
	b.WriteString(rule)
	return b.String()
}

func wrapCell(s string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.ReplaceAll(line, "\t", "        ")
		if ansi.StringWidth(line) > width {
			lines = append(lines, textwrap.Wrap(line, textwrap.Options{Width: width})...)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

// The widths of st2's tables.
const (
	minimalID     = 26 // ids are not broken
	minimalColumn = 5
	statusColumn  = 24 // with colours and the time it took
)

// widths are the widths that were asked for, or give the columns their share of
// the terminal (st2: equal shares; ids and states have what they need, which the
// last column pays for).
func (c *call) widths(columns []string, docs []document, given []int64) []int {
	if len(given) > 0 {
		out := make([]int, len(given))
		for i, w := range given {
			out[i] = int(w)
		}
		return out
	}
	out := make([]int, len(columns))
	if len(columns) == 0 {
		return out
	}
	all := c.columns()
	share := all / len(columns)
	out[0] = share
	if columns[0] == "id" {
		out[0] = minimalID
		for _, d := range docs {
			out[0] = max(out[0], len(text(d, "id")))
		}
		share = int(math.Floor(float64(all-out[0]) / float64(len(columns)))) // there may be no room at all
	}
	debt := 0
	for i, name := range columns[1:] {
		switch {
		case name == "status":
			debt += statusColumn - share
			out[i+1] = statusColumn
		case i+2 == len(columns) && debt != 0:
			out[i+1] = max(share-debt, minimalColumn)
		default:
			out[i+1] = share
		}
	}
	return out
}

// spread makes n widths of those there are: one is for every column, and where
// their number does not fit each is as wide as st2 wants it.
func spread(widths []int, n int) []int {
	if len(widths) == n {
		return widths
	}
	each := 28
	if len(widths) == 1 {
		each = widths[0]
	}
	return slices.Repeat([]int{each}, n)
}

// rows shows documents in columns. all in columns means every member there is.
func (c *call) rows(docs []document, columns []string, show map[string]func(any) any) {
	widths := c.widths(columns, docs, c.numbers("width"))
	if len(columns) == 0 || slices.Contains(columns, "all") {
		columns = nil
		if len(docs) > 0 {
			columns = names(docs[0])
		}
	}
	widths = spread(widths, len(columns))
	table := make([][]string, len(docs))
	for i, d := range docs {
		table[i] = make([]string, len(columns))
		for k, name := range columns {
			table[i][k] = c.cell(d, name, show[name])
		}
	}
	if c.style == Plain {
		c.columnsOf(columns, table)
		return
	}
	t := boxed(columns, widths, table)
	c.tableWidth = strings.IndexByte(t, '\n')
	c.print(strings.TrimSuffix(t, "\n"))
}

// cell is the text of a member in a table.
func (c *call) cell(d document, name string, show func(any) any) string {
	head, _, dotted := strings.Cut(name, ".")
	v, there := d.GetStr(head)
	if dotted {
		if v = member(d, name); v == nil {
			v = ""
		}
	} else if !there {
		v = ""
	}
	if l, ok := v.(*value.List); ok && !dotted {
		if len(l.Items) == 0 {
			v = ""
		} else if _, isText := l.Items[0].(string); isText {
			words := make([]string, len(l.Items))
			for i, item := range l.Items {
				words[i] = str(item)
			}
			v = strings.Join(words, ", ")
		}
	}
	if show != nil {
		v = show(v)
	}
	if v == nil && c.style == Plain {
		return "-"
	}
	return clean(str(v))
}

// properties shows one document, a member a row: order first, then the others by
// name.
func (c *call) properties(d document, attributes, order []string, show map[string]func(any) any) error {
	if len(attributes) == 0 || slices.Contains(attributes, "all") {
		attributes = names(d)
	}
	attributes = inOrder(attributes, order)
	var table [][]string
	for _, name := range attributes {
		v := member(d, name)
		switch x := v.(type) {
		case nil:
			v = ""
		case *value.List:
			if len(x.Items) == 0 {
				v = ""
			}
		case document:
			if x.Len() == 0 {
				v = ""
			}
		}
		if f := show[name]; f != nil {
			v = f(v)
		}
		if c.style == Plain {
			if err := c.property(name, v); err != nil {
				return err
			}
			continue
		}
		switch v.(type) {
		case *value.List, document:
			t, err := value.DumpJSON(nil, v, value.JSONOptions{Pretty: true, Indent: "    "})
			if err != nil {
				return err
			}
			v = t
		}
		table = append(table, []string{name, clean(str(v))})
	}
	if c.style == Boxed {
		c.print(strings.TrimSuffix(boxed([]string{"Property", "Value"}, []int{20, 60}, table), "\n"))
	}
	return nil
}

// inOrder puts the names that order has in front.
func inOrder(attributes, order []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, pass := range [][]string{order, attributes} {
		for _, name := range pass {
			if !seen[name] && slices.Contains(attributes, name) {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}
