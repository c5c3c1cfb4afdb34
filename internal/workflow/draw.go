package workflow

import (
	"fmt"
	"strings"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// States colours a drawing: the state of each task, by name. Nil draws the
// definition alone.
type States map[string]Status

// colour is what a state is drawn in: fill and border.
func colour(s Status) (fill, line string) {
	switch {
	case s == squall.Succeeded:
		return "#d7f0dc", "#2e7d32"
	case abended(s):
		return "#fbdcd9", "#c62828"
	case s == squall.Canceled || s == squall.Canceling:
		return "#e4e4e7", "#6b7280"
	case s == squall.Paused || s == squall.Pausing || s == squall.Pending:
		return "#fdf0cc", "#b7791f"
	case s != unset:
		return "#d9e8fb", "#1e5fb4"
	}
	return "#ffffff", "#475569"
}

// caption is the text under a task's name: what it runs, how often.
func (n *Node) caption() string {
	if n.command {
		return ""
	}
	var parts []string
	if action, ok := n.Task.Action.(string); ok && action != "" {
		parts = append(parts, action)
	}
	switch b := n.Barrier.(type) {
	case string:
		parts = append(parts, "join all")
	case int64:
		parts = append(parts, fmt.Sprintf("join %d", b))
	}
	if n.Task.With != nil {
		parts = append(parts, "with items")
	}
	if n.Retry != nil {
		parts = append(parts, "retry")
	}
	return strings.Join(parts, ", ")
}

// condition is the text on an edge: its criterion without delimiters.
func (e *Edge) condition() string {
	if e.When == nil {
		return ""
	}
	text, err := value.Str(nil, e.When)
	if err != nil {
		return ""
	}
	text = strings.TrimSpace(text)
	for _, d := range [][2]string{{"<%", "%>"}, {"{{", "}}"}} {
		if strings.HasPrefix(text, d[0]) && strings.HasSuffix(text, d[1]) && strings.Count(text, d[0]) == 1 {
			text = strings.TrimSpace(text[2 : len(text)-2])
		}
	}
	return text
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// DOT draws the graph in the language of Graphviz.
func (g *Graph) DOT(states States) string {
	var b strings.Builder
	b.WriteString("digraph workflow {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for _, n := range g.Nodes {
		fill, line := colour(states[n.Name])
		label := dotText(n.Name)
		if c := n.caption(); c != "" {
			label += `\n` + dotText(c)
		}
		shape := ""
		if n.command {
			shape = ", shape=oval"
		}
		fmt.Fprintf(&b, "  \"%s\" [label=\"%s\", fillcolor=\"%s\", color=\"%s\"%s];\n", dotText(n.Name), label, fill, line, shape)
	}
	for _, n := range g.Nodes {
		for _, e := range n.Out {
			fmt.Fprintf(&b, "  \"%s\" -> \"%s\"", dotText(n.Name), dotText(e.To.Name))
			if c := e.condition(); c != "" {
				fmt.Fprintf(&b, " [label=\"%s\"]", dotText(shorten(c, 60)))
			}
			b.WriteString(";\n")
		}
	}
	b.WriteString("}\n")
	return b.String()
}

var dotEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func dotText(s string) string { return dotEscaper.Replace(s) }

// Mermaid draws the graph as a Mermaid flowchart, for READMEs and wikis.
func (g *Graph) Mermaid(states States) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	id := map[*Node]string{}
	for i, n := range g.Nodes {
		id[n] = fmt.Sprintf("n%d", i)
		label := mermaidText(n.Name)
		if c := n.caption(); c != "" {
			label += "<br/><small>" + mermaidText(c) + "</small>"
		}
		open, end := `["`, `"]`
		if n.command {
			open, end = `(["`, `"])`
		}
		fmt.Fprintf(&b, "  %s%s%s%s\n", id[n], open, label, end)
	}
	for _, n := range g.Nodes {
		for _, e := range n.Out {
			if c := e.condition(); c != "" {
				fmt.Fprintf(&b, "  %s -->|\"%s\"| %s\n", id[n], mermaidText(shorten(c, 60)), id[e.To])
			} else {
				fmt.Fprintf(&b, "  %s --> %s\n", id[n], id[e.To])
			}
		}
	}
	for _, n := range g.Nodes {
		if s, ok := states[n.Name]; ok {
			fill, line := colour(s)
			fmt.Fprintf(&b, "  style %s fill:%s,stroke:%s\n", id[n], fill, line)
		}
	}
	return b.String()
}

var mermaidEscaper = strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "|", "#124;", "\n", " ")

func mermaidText(s string) string { return mermaidEscaper.Replace(s) }
