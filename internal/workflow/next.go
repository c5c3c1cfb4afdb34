package workflow

import (
	"cmp"
	"slices"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Next is a task that may start now, with its actions rendered.
type Next struct {
	Task    string
	Route   int
	Actions []Action
	// Delay is in seconds, as rendered; nil for none.
	Delay any
	// HasItems: Items is how many items there are, Concurrency how many may be
	// active at once (nil: all).
	HasItems    bool
	Items       int
	Concurrency any

	staged *stagedTask
}

// Action is one action of a task.
type Action struct {
	Item   int // NoItem for a task without items
	Action any
	Input  any
}

// Context gives the variables the task starts with.
func (n *Next) Context() *value.Dict { return n.staged.ctx.dict() }

// next lists the tasks that may start now, sorted by name and route. A task
// that cannot be rendered fails the workflow, and nothing is started.
func (c *Conductor) next() ([]Next, error) {
	list := c.openStaged()
	remedies := false
	if c.status == squall.Failed {
		rest := slices.DeleteFunc(slices.Clone(list), func(s *stagedTask) bool { return !s.runOnFail })
		if len(rest) > 0 {
			list, remedies = rest, true
		}
	}
	if !dispatches(c.status) && !remedies {
		return nil, nil
	}
	var out []Next
	failed := false
	for _, s := range list {
		n, start, err := c.render(s)
		if err != nil {
			c.logError(err, s.node.Name, s.route, "")
			failed = true
			continue
		}
		if start {
			out = append(out, n)
		}
	}
	if failed {
		return nil, c.requestStatus(squall.Failed)
	}
	slices.SortFunc(out, func(a, b Next) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Route, b.Route))
	})
	return out, nil
}

// render evaluates what a staged task starts; start is false when there is
// nothing to start now.
func (c *Conductor) render(s *stagedTask) (n Next, start bool, err error) {
	n = Next{Task: s.node.Name, Route: s.route, staged: s}
	task := s.node.Task
	if task.With != nil && c.idle(s) {
		return n, false, nil
	}
	sc := c.taskScope(s.ctx, s.node.Name, s.route)
	if task.With == nil {
		a := Action{Item: NoItem}
		if a.Action, a.Input, err = c.renderAction(task, sc); err != nil {
			return n, false, err
		}
		n.Actions = []Action{a}
	} else if err := c.renderItems(&n, task, sc); err != nil {
		return n, false, err
	}
	if err := c.renderDelay(&n, task, sc); err != nil {
		return n, false, err
	}
	if n.HasItems {
		if err := c.chooseItems(&n, sc); err != nil {
			return n, false, err
		}
	}
	if s.retry != nil {
		if n.Delay = s.retry.Delay; !truthy(n.Delay) {
			n.Delay = int64(0)
		}
	}
	return n, len(n.Actions) > 0 || n.HasItems && n.Items == 0, nil
}

// idle reports whether all items of a staged task have been started.
func (c *Conductor) idle(s *stagedTask) bool {
	return s.items != nil && len(s.items.cells) > 0 && len(s.items.nextItems(len(s.items.cells), 1)) == 0
}

func (c *Conductor) renderAction(task *TaskSpec, sc *scope) (action, input any, err error) {
	if action, err = c.eval(task.Action, sc); err != nil {
		return nil, nil, err
	}
	input, err = c.evalStored(task.Input, sc)
	return action, input, err
}

func (c *Conductor) renderDelay(n *Next, task *TaskSpec, sc *scope) error {
	if !truthy(task.Delay) {
		return nil
	}
	v, err := c.eval(task.Delay, sc)
	if err != nil {
		return err
	}
	if _, isBool := v.(bool); !isBool && !value.IsInt(v) {
		return value.TypeErrorf("The value of task delay is not type of integer.")
	}
	n.Delay = v
	return nil
}

// renderItems evaluates the list of items. When a round of work begins, every
// item is rendered, so that a mistake in any shows before the first starts.
func (c *Conductor) renderItems(n *Next, task *TaskSpec, sc *scope) error {
	n.HasItems = true
	s := n.staged
	l := s.items
	var items []any
	if l != nil && l.itemsFor == s.ctx && len(l.items) > 0 {
		items = l.items
	} else {
		var err error
		if items, err = c.evaluateItems(task.items, sc); err != nil {
			return err
		}
	}
	n.Items = len(items)
	begins := l == nil || len(l.cells) == 0
	if begins {
		for i := range items {
			a, err := c.renderItem(task, sc, items, i)
			if err != nil {
				return err
			}
			n.Actions = append(n.Actions, a)
		}
	}
	var err error
	if n.Concurrency, err = c.eval(task.With.Concurrency, sc); err != nil {
		return err
	}
	if begins {
		c.beginItems(s, len(items))
	}
	s.items.items, s.items.itemsFor = items, s.ctx
	return nil
}

func (c *Conductor) renderItem(task *TaskSpec, sc *scope, items []any, i int) (Action, error) {
	one := *sc
	one.item, one.has = items[i], true
	a := Action{Item: i}
	var err error
	a.Action, a.Input, err = c.renderAction(task, &one)
	return a, err
}

// chooseItems keeps the actions of the items that may start now.
func (c *Conductor) chooseItems(n *Next, sc *scope) error {
	l := n.staged.items
	rendered := n.Actions
	n.Actions = nil
	if isNumber, below := belowOne(n.Concurrency); isNumber && below {
		n.Concurrency = int64(1)
	}
	limit, err := c.free(n.Concurrency, l.counts.active)
	if err != nil {
		return err
	}
	for _, i := range l.nextItems(n.Items, limit) {
		if rendered != nil {
			n.Actions = append(n.Actions, rendered[i])
			continue
		}
		a, err := c.renderItem(n.staged.node.Task, sc, l.items, i)
		if err != nil {
			return err
		}
		n.Actions = append(n.Actions, a)
	}
	return nil
}
