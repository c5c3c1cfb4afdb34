package workflow

import (
	"fmt"

	"squall/internal/expr/value"
)

// Past is how far a workflow has come, for people who look at it: its visits of
// tasks and the variables as they were at any of them. It needs no definition.
type Past struct {
	Visits   []TaskRow // by index
	contexts []*contextNode
}

// ReadPast reads the rows of a workflow execution.
func ReadPast(rows Rows) (*Past, error) {
	c := &Conductor{}
	if err := c.restoreContexts(rows); err != nil {
		return nil, fmt.Errorf("read the past of a workflow: %w", err)
	}
	p := &Past{contexts: c.contexts, Visits: make([]TaskRow, len(rows.Tasks))}
	for _, t := range rows.Tasks {
		if t.Index < 0 || t.Index >= len(p.Visits) {
			return nil, fmt.Errorf("visit %d of %d is out of place", t.Index, len(p.Visits))
		}
		p.Visits[t.Index] = t
	}
	return p, nil
}

// Variables are those a context holds; the identifiers of contexts are those of
// TaskRow.Context.
func (p *Past) Variables(context int) (*value.Dict, bool) {
	if context < 0 || context >= len(p.contexts) {
		return nil, false
	}
	return p.contexts[context].dict(), true
}

// Newest are the variables of the context that was made last.
func (p *Past) Newest() *value.Dict {
	if len(p.contexts) == 0 {
		return value.NewDict(0)
	}
	return p.contexts[len(p.contexts)-1].dict()
}

// Published are the names of the variables that the way into a visit set, since
// the visits it came from had begun.
func (p *Past) Published(visit int) (names []string) {
	t := &p.Visits[visit]
	known := map[*contextNode]bool{}
	for _, from := range t.Prev {
		if from.Task >= 0 && from.Task < len(p.Visits) {
			if at := p.Visits[from.Task].Context; at >= 0 && at < len(p.contexts) {
				known[p.contexts[at]] = true
			}
		}
	}
	if len(t.Prev) == 0 || t.Context < 0 || t.Context >= len(p.contexts) {
		return nil
	}
	seen := map[string]bool{}
	var walk func(n *contextNode)
	walk = func(n *contextNode) {
		if n == nil || known[n] || n.parent == nil {
			return
		}
		known[n] = true
		walk(n.parent)
		walk(n.merged)
		if n.merged != nil || n.vars == nil {
			return
		}
		for k := range n.vars.All() {
			if name, ok := k.(string); ok && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	walk(p.contexts[t.Context])
	return names
}
