package workflow

import (
	"context"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Event is something that happened to a workflow: a Report, a Refusal, a
// Request or a Rerun.
type Event interface{ event() }

// Request asks for a status: Running to start, Paused, Resuming, Canceled,
// Failed.
type Request struct{ Status Status }

// Rerun runs tasks of a workflow that is over again.
type Rerun struct {
	// Tasks to run; none: every task that failed and had nothing after it.
	Tasks []RerunTask
}

func (Report) event()  {}
func (Refusal) event() {}
func (Request) event() {}
func (Rerun) event()   {}

// Apply processes events, one after the other, each followed by what it makes
// start, and gives all that changed. Tasks it starts are already marked
// running. An exception in the middle of an event (a retry's condition that
// cannot be evaluated) takes the event back and fails the workflow, with the
// exception in its error log; a request that is not possible is rejected and
// changes nothing.
//
// The conductor has moved on when Apply returns: a caller that cannot store
// the changes must drop it and Restore another from the rows. Without events
// Apply goes on where Changes.More said there is more.
func (c *Conductor) Apply(ctx context.Context, events ...Event) Changes {
	c.ctx = ctx
	before := c.status
	c.patience = maxOnTheSpot
	var rejected []Rejection
	reran := false
	if len(events) == 0 {
		c.dispatch()
	}
	for i, ev := range events {
		var err error
		if r, ok := ev.(Refusal); ok {
			_ = c.try(func() error { return c.requestStatus(squall.Failed) }) // it may be over
			c.note()
			c.dispatch()
			ev = Report{Task: r.Task, Route: r.Route, Item: r.Item, Status: squall.Failed, Result: r.result()}
		}
		switch ev := ev.(type) {
		case Report:
			if !c.handled(ev) {
				continue
			}
			_, _ = c.guarded(ev.Task, ev.Route, func() (Status, error) { return c.report(ev) })
			c.note()
		case Request:
			err = c.try(func() error { return c.requestStatus(ev.Status) })
		case Rerun:
			err = c.try(func() error { return c.rerunAny(ev.Tasks) })
			reran = reran || err == nil
		}
		if err != nil {
			rejected = append(rejected, Rejection{i, err})
			continue
		}
		c.note()
		c.dispatch()
	}
	ch := c.collect(before)
	ch.Rejected, ch.reran = rejected, reran
	ch.More = c.patience <= 0
	return ch
}

// rerunAny is a rerun that has something to run. The original accepts others
// too, and the workflow stays resuming for ever.
func (c *Conductor) rerunAny(tasks []RerunTask) error {
	if err := c.rerun(tasks); err != nil {
		return err
	}
	if c.readyStaged == 0 && c.counts.active == 0 {
		return value.Errorf("InvalidTaskRerunRequest", "Unable to rerun workflow because none of its tasks failed.")
	}
	return nil
}

// maxOnTheSpot is how many tasks without action one call completes. A loop of
// such tasks never ends, and what it does must be stored now and then.
const maxOnTheSpot = 1000

// handled reports whether a report concerns a task of this workflow that has
// been started, and not an item that is done; another one is a delivery gone
// astray, or a second one.
func (c *Conductor) handled(r Report) bool {
	n := c.graph.byName[r.Task]
	if n == nil {
		return false
	}
	key := taskKey{n, r.Route}
	s := c.stagedFor(n, r.Route)
	if r.Item < 0 || n.Task.With == nil {
		return c.latest[key] != nil || s != nil
	}
	l := c.items[key]
	if l == nil || r.Item >= len(l.cells) {
		return false
	}
	p := &l.cells[r.Item]
	if s != nil && s.items == nil {
		// The task is to run once more before its items have ended, for which the
		// original has no place: an exception, which fails the workflow.
		return !completed(p.reported)
	}
	return p.list != l.list || !completed(p.reported) || s != nil && l.status(r.Item) == unset
}

// try does something and takes it back when it fails.
func (c *Conductor) try(f func() error) error {
	err := f()
	if err != nil {
		c.rollback()
		return err
	}
	c.save()
	return nil
}

// guarded does a step; an exception takes it back and fails the workflow.
func (c *Conductor) guarded(task string, route int, f func() (Status, error)) (Status, error) {
	var s Status
	err := c.try(func() (err error) {
		s, err = f()
		return err
	})
	if err == nil {
		return s, nil
	}
	fatal := c.try(func() error {
		if err := c.requestStatus(squall.Failed); err != nil {
			return err
		}
		c.logError(err, task, route, "")
		return nil
	})
	if fatal != nil {
		return "", &doubleFault{err, fatal}
	}
	return "", err
}

// doubleFault is an exception while a workflow was failed for an exception.
type doubleFault struct{ first, second error }

func (e *doubleFault) Error() string { return e.first.Error() }
func (e *doubleFault) Unwrap() error { return e.first }

// note renders the output once the workflow is over.
func (c *Conductor) note() {
	if completed(c.status) {
		_, _ = c.guarded("", -1, func() (Status, error) { return "", c.renderOutput() })
	}
}

// dispatch starts what can start, and completes on the spot what needs no
// action, until nothing is left.
func (c *Conductor) dispatch() {
	for c.patience > 0 {
		list, err := c.nextGuarded()
		if err != nil || len(list) == 0 {
			c.note()
			return
		}
		for _, n := range list {
			if c.start(n) != nil {
				c.note()
				return
			}
		}
		c.note()
		for _, n := range list {
			if !n.auto() {
				continue
			}
			c.patience--
			// An exception fails the workflow and ends this task only.
			_, _ = c.guarded(n.Task, n.Route, func() (Status, error) { return c.report(n.autoReport()) })
			c.note()
		}
	}
}

func (c *Conductor) nextGuarded() (list []Next, err error) {
	_, err = c.guarded("", -1, func() (_ Status, err error) {
		list, err = c.next()
		return "", err
	})
	return list, err
}

// auto reports whether a task is completed on the spot: it has no action, or
// no items.
func (n *Next) auto() bool {
	if n.HasItems {
		return n.Items == 0
	}
	return n.staged.node.Task.Action == nil
}

func (n *Next) autoReport() Report {
	return Report{Task: n.Task, Route: n.Route, Item: NoItem, Status: squall.Succeeded}
}

// running are the reports that a task's actions have started.
func (n *Next) running() []Report {
	if !n.HasItems || n.Items == 0 {
		return []Report{{Task: n.Task, Route: n.Route, Item: NoItem, Status: squall.Running}}
	}
	out := make([]Report, len(n.Actions))
	for i, a := range n.Actions {
		out[i] = Report{Task: n.Task, Route: n.Route, Item: a.Item, Status: squall.Running}
	}
	return out
}

// start marks a task's actions running and gives the commands for them.
func (c *Conductor) start(n Next) error {
	if n.HasItems && n.Items > 0 {
		c.beginResults(n.staged.items)
	}
	for _, r := range n.running() {
		if _, err := c.guarded(n.Task, n.Route, func() (Status, error) { return c.report(r) }); err != nil {
			return err
		}
	}
	index := c.latest[taskKey{n.staged.node, n.Route}].index
	if n.auto() {
		c.done = append(c.done, Completion{Task: n.Task, Route: n.Route, Entry: index, Items: n.HasItems})
		return nil
	}
	for i, a := range n.Actions {
		r := RunAction{Task: n.Task, Route: n.Route, Entry: index, Item: a.Item, Action: a.Action, Input: a.Input,
			OnFail: n.staged.runOnFail}
		if i < n.delayed() {
			r.Delay = seconds(n.Delay)
		}
		c.run = append(c.run, r)
	}
	return nil
}

// seconds reads a rendered delay.
func seconds(v any) int64 {
	n, _ := value.AsInt(v)
	if b, ok := v.(bool); ok && b {
		n = 1
	}
	return max(n, 0)
}

// delayed is how many of the actions the delay holds back: of items with
// limited concurrency only the first ones.
func (n *Next) delayed() int {
	if k, ok := value.AsInt(n.Concurrency); ok && n.HasItems {
		return int(max(min(k, 1<<31), 1))
	}
	return len(n.Actions)
}
