package workflow

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Measures of an SVG drawing, in pixels.
const (
	boxHeight = 44
	boxGap    = 36
	layerGap  = 76
	margin    = 24
	charWidth = 7.2
)

// box is a node in its place.
type box struct {
	node        *Node
	layer       int
	order       float64
	x, y, width float64
}

// SVG draws the graph in layers from top to bottom. It needs no program and no
// fonts, and shows as it is in a browser.
func (g *Graph) SVG(states States) string {
	boxes, width, height := g.layout()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="sans-serif" font-size="12">`+"\n",
		width, height, width, height)
	b.WriteString(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">` +
		`<path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>` + "\n")
	for _, n := range g.Nodes {
		for _, e := range n.Out {
			drawEdge(&b, e, boxes[n], boxes[e.To])
		}
	}
	for _, n := range g.Nodes {
		drawBox(&b, boxes[n], states[n.Name])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// layout puts every node one layer below the lowest of its predecessors (loops
// are cut where they return), and in its layer near them.
func (g *Graph) layout() (boxes map[*Node]*box, width, height float64) {
	boxes = make(map[*Node]*box, len(g.Nodes))
	for _, n := range g.Nodes {
		longest := max(len([]rune(n.Name)), min(len([]rune(n.caption())), 32))
		boxes[n] = &box{node: n, layer: -1, width: max(float64(longest)*charWidth+20, 70)}
	}
	for _, n := range g.forward() {
		b := boxes[n]
		b.layer = max(b.layer, 0)
		for _, e := range n.Out {
			if to := boxes[e.To]; to.layer < b.layer+1 && !g.leadsBack(boxes, e) {
				to.layer = b.layer + 1
			}
		}
	}
	var layers [][]*box
	for _, n := range g.Nodes {
		b := boxes[n]
		b.layer = max(b.layer, 0)
		for len(layers) <= b.layer {
			layers = append(layers, nil)
		}
		layers[b.layer] = append(layers[b.layer], b)
	}
	for i, layer := range layers {
		for _, b := range layer {
			b.order = middle(b, boxes, width/2)
		}
		slices.SortStableFunc(layer, func(a, b *box) int { return cmp.Compare(a.order, b.order) })
		x := float64(margin)
		for _, b := range layer {
			b.x, b.y = x, float64(margin+i*(boxHeight+layerGap))
			x += b.width + boxGap
		}
		width = max(width, x-boxGap+margin)
		height = float64(margin + i*(boxHeight+layerGap) + boxHeight + margin)
	}
	for _, layer := range layers {
		if len(layer) == 0 {
			continue
		}
		last := layer[len(layer)-1]
		shift := (width - margin - last.x - last.width) / 2
		for _, b := range layer {
			b.x += shift
		}
	}
	return boxes, width, height
}

// middle is where the predecessors of a box are, on average.
func middle(b *box, boxes map[*Node]*box, none float64) float64 {
	sum, n := 0.0, 0
	for _, e := range b.node.In {
		if from := boxes[e.From]; from.layer < b.layer {
			sum += from.x + from.width/2
			n++
		}
	}
	if n == 0 {
		return none
	}
	return sum / float64(n)
}

// forward lists the nodes so that all but returning edges point forward:
// the reverse of the order in which a depth-first walk leaves them.
func (g *Graph) forward() []*Node {
	seen := map[*Node]bool{}
	var out []*Node
	type frame struct {
		n    *Node
		next int
	}
	for _, root := range append(slices.Clone(g.Roots), g.Nodes...) {
		if seen[root] {
			continue
		}
		seen[root] = true
		stack := []frame{{n: root}}
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if f.next == len(f.n.Out) {
				out = append(out, f.n)
				stack = stack[:len(stack)-1]
				continue
			}
			to := f.n.Out[f.next].To
			f.next++
			if !seen[to] {
				seen[to] = true
				stack = append(stack, frame{n: to})
			}
		}
	}
	slices.Reverse(out)
	return out
}

// leadsBack reports whether an edge returns to a node that has its layer and
// whose own successors come before.
func (g *Graph) leadsBack(boxes map[*Node]*box, e *Edge) bool {
	return e.To == e.From || e.To.InCycle && e.From.InCycle && boxes[e.To].layer >= 0
}

func drawBox(b *strings.Builder, x *box, s Status) {
	fill, line := colour(s)
	radius := 6
	if x.node.command {
		radius = boxHeight / 2
	}
	title := x.node.Name
	if s != unset {
		title += ": " + string(s)
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="%d" fill="%s" stroke="%s"/>`,
		html.EscapeString(title), x.x, x.y, x.width, boxHeight, radius, fill, line)
	caption := shorten(x.node.caption(), 32)
	y := x.y + boxHeight/2 + 4
	if caption != "" {
		y -= 8
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="10" fill="#475569">%s</text>`,
			x.x+x.width/2, y+16, html.EscapeString(caption))
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-weight="bold">%s</text></g>`+"\n", x.x+x.width/2, y, html.EscapeString(x.node.Name))
}

func drawEdge(b *strings.Builder, e *Edge, from, to *box) {
	x1, y1 := from.x+from.width/2, from.y+boxHeight
	x2, y2 := to.x+to.width/2, to.y
	// Several edges between two tasks run side by side.
	bend := float64(e.Key) * 26
	dash := ""
	var path string
	if to.layer > from.layer {
		path = fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x1, y1, x1+bend, y1+layerGap/2, x2+bend, y2-layerGap/2, x2, y2)
	} else {
		// A return goes around the right side.
		side := max(from.x+from.width, to.x+to.width) + 18 + bend
		x1, y1 = from.x+from.width, from.y+boxHeight/2
		x2, y2 = to.x+to.width, to.y+boxHeight/2
		path = fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x1, y1, side, y1, side, y2, x2, y2)
		dash = ` stroke-dasharray="4 3"`
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="#64748b" marker-end="url(#arrow)"%s/>`, path, dash)
	if c := e.condition(); c != "" {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="10" fill="#64748b">%s</text>`,
			(x1+x2)/2+bend, (y1+y2)/2+bend/2, html.EscapeString(shorten(c, 28)))
	}
	b.WriteByte('\n')
}
