package workflow

// Coverage tells which tasks and transitions of a workflow some rehearsals
// went through.
type Coverage struct {
	graph *Graph
	tasks map[string]int
	edges map[*Edge]edgeCount
}

type edgeCount struct{ taken, refused int }

// NewCoverage makes an empty account of a workflow that composes.
func NewCoverage(spec *Spec) (*Coverage, error) {
	g, err := spec.Graph()
	if err != nil {
		return nil, err
	}
	return &Coverage{graph: g, tasks: map[string]int{}, edges: map[*Edge]edgeCount{}}, nil
}

// Add counts what a rehearsal of the workflow visited.
func (c *Coverage) Add(r *Rehearsal) {
	for _, t := range r.Tasks {
		n := c.graph.byName[t.Task]
		if n == nil || t.Status == unset {
			continue
		}
		c.tasks[t.Task]++
		for _, next := range t.Next {
			for _, e := range n.Out {
				if e.ID != next.Transition {
					continue
				}
				count := c.edges[e]
				if next.Taken {
					count.taken++
				} else {
					count.refused++
				}
				c.edges[e] = count
			}
		}
	}
}

// Tasks gives how many tasks there are and those that never started.
func (c *Coverage) Tasks() (total int, missed []string) {
	for _, n := range c.graph.Nodes {
		if n.command {
			continue
		}
		total++
		if c.tasks[n.Name] == 0 {
			missed = append(missed, n.Name)
		}
	}
	return total, missed
}

// Transitions gives how many transitions there are and those that were never
// taken.
func (c *Coverage) Transitions() (total int, missed []*Edge) {
	for _, n := range c.graph.Nodes {
		for _, e := range n.Out {
			total++
			if c.edges[e].taken == 0 {
				missed = append(missed, e)
			}
		}
	}
	return total, missed
}
