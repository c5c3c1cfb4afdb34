package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

func itoa(n int) string { return strconv.Itoa(n) }

// RerunTask names a task to run again.
type RerunTask struct {
	Task  string
	Route int
	// ResetItems starts all items again, not only those that failed.
	ResetItems bool
}

// candidate is a task that will run again.
type candidate struct {
	task  *entry
	reset bool
}

// rerun prepares a workflow that is over to run tasks again: those given, or
// every terminal task that failed.
func (c *Conductor) rerun(tasks []RerunTask) error {
	if !completed(c.status) {
		return value.Errorf("WorkflowIsActiveAndNotRerunableError", "Unable to rerun workflow because it is not in a completed state.")
	}
	list, err := c.candidates(tasks)
	if err != nil {
		return err
	}
	after := c.successors()
	for _, cand := range list {
		if err := c.rerunTask(cand, after); err != nil {
			return err
		}
	}
	for _, e := range c.seq {
		if e.term && slices.Contains(e.next, 1) {
			c.setTerminal(e, false)
		}
	}
	old := c.output
	c.onUndo(func() { c.output = old })
	c.output = nil
	c.setStatus(squall.Resuming)
	return nil
}

func (c *Conductor) candidates(tasks []RerunTask) ([]candidate, error) {
	asked := map[taskKey]RerunTask{}
	var unknown []string
	for _, t := range tasks {
		n := c.graph.byName[t.Task]
		key := taskKey{n, t.Route}
		if n == nil || c.latest[key] == nil {
			name := fmt.Sprintf("%s|%d", t.Task, t.Route)
			if !slices.Contains(unknown, name) {
				unknown = append(unknown, name)
			}
			continue
		}
		asked[key] = t
	}
	if len(unknown) > 0 {
		return nil, value.Errorf("InvalidTaskRerunRequest",
			"Unable to rerun task|route(s) because it doesn't exist or isn't rerunnable: %s", strings.Join(unknown, ", "))
	}
	var out []candidate
	if len(asked) == 0 {
		seen := map[taskKey]bool{}
		for _, e := range c.seq {
			key := taskKey{e.node, e.route}
			if e.term && abended(e.status) && !seen[key] {
				seen[key] = true
				out = append(out, candidate{task: c.latest[key]})
			}
		}
	} else {
		for _, key := range c.collapse(asked) {
			out = append(out, candidate{c.latest[key], asked[key].ResetItems})
		}
	}
	slices.SortFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.task.node.Name, b.task.node.Name), cmp.Compare(a.task.route, b.task.route))
	})
	return out, nil
}

// successors are the entries that came directly from a task on a route.
func (c *Conductor) successors() map[taskKey][]*entry {
	out := map[taskKey][]*entry{}
	for _, e := range c.seq {
		for _, l := range e.prev {
			p := c.seq[l.Task]
			key := taskKey{p.node, p.route}
			out[key] = append(out[key], e)
		}
	}
	return out
}

// collapse drops, of several requested tasks, those whose successors another
// request covers. The original compares every pair and keeps a task when there
// is any other that does not contain it.
func (c *Conductor) collapse(asked map[taskKey]RerunTask) []taskKey {
	var out []taskKey
	if len(asked) == 1 {
		for key := range asked {
			out = append(out, key)
		}
		return out
	}
	after := c.successors()
	covers := map[taskKey]map[int]bool{}
	for key := range asked {
		set := map[int]bool{c.latest[key].index: true}
		for _, e := range after[key] {
			set[e.index] = true
		}
		covers[key] = set
	}
	within := func(a, b map[int]bool) bool {
		for i := range a {
			if !b[i] {
				return false
			}
		}
		return true
	}
	for key := range asked {
		for _, other := range covers {
			if !within(covers[key], other) {
				out = append(out, key)
				break
			}
		}
	}
	return out
}

// stageItems brings back a task whose items were canceled, so that those that
// have not ended well run again; nil when its items had not begun. The original
// has forgotten them and throws an exception.
func (c *Conductor) stageItems(e *entry) *stagedTask {
	l := c.items[taskKey{e.node, e.route}]
	if c.host.FreshResults || l == nil || e.status != squall.Canceled {
		return nil
	}
	// Items of a task that is not staged are not counted when they are restored.
	old := l.counts
	c.onUndo(func() { l.counts = old })
	l.counts = itemCounts{}
	for i := range l.cells {
		l.counts.add(l.status(i), 1)
	}
	for i := range l.cells {
		if st := l.status(i); st != unset && st != squall.Succeeded {
			c.setCell(l, i, true, func(p *cell) { p.status = unset })
		}
	}
	s := &stagedTask{node: e.node, route: e.route, ctx: e.ctx, prev: e.prev, ready: true, items: l, round: l.round}
	c.stage(s)
	return s
}

func (c *Conductor) rerunTask(cand candidate, after map[taskKey][]*entry) error {
	e := cand.task
	key := taskKey{e.node, e.route}
	c.setTerminal(e, false)
	s := c.stagedFor(e.node, e.route)
	if s != nil {
		c.changeStaged(s, func() { s.completed = false })
	}
	c.forgetErrors(e.node.Name)
	if e.node.Task.With != nil {
		if s == nil {
			if s = c.stageItems(e); s == nil {
				return value.Errorf("AttributeError", "'NoneType' object has no attribute 'get'")
			}
		}
		c.resetItems(s, cand.reset)
		c.changeStaged(s, func() {})
	} else {
		if _, err := c.addEntry(e.node, e.route, e.ctx, e.prev); err != nil {
			return err
		}
		c.stage(&stagedTask{node: e.node, route: e.route, ctx: e.ctx, prev: e.prev, ready: true})
	}
	if latest := c.latest[key]; latest != nil {
		c.setTerminal(latest, false)
	}
	for _, next := range after[key] {
		c.setTerminal(next, false)
	}
	return nil
}
