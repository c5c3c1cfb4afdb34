package workflow

import (
	"errors"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// NoItem is the Item of a report on a task without items.
const NoItem = -1

// Report is the news that an action changed its status.
type Report struct {
	Task   string
	Route  int
	Item   int // NoItem for a task without items
	Status Status
	Result any // of the action; of all items when Item is NoItem and the task has items
	// Accumulated replaces the results of all items that the conductor keeps.
	Accumulated *value.List
	// Child is the execution of the action. Only chains show it.
	Child Child
}

// Child says which execution a report is about, and when it was created and
// changed last (texts as StackStorm writes instants).
type Child struct{ Execution, Created, Updated string }

// RefusalKind says why an action could not be requested.
type RefusalKind uint8

// The kinds of refusals.
const (
	RefusedRun    RefusalKind = iota // its parameters, or it is disabled
	RefusedAction                    // there is no such action
	RefusedCast                      // a value cannot be turned into a parameter's type
)

// Refusal is the news that an action could not be requested. An Orquesta
// workflow fails (st2).
type Refusal struct {
	Task        string
	Route, Item int
	Kind        RefusalKind
	Message     string
	At          string // when, as in Child
}

// result is what the task of a refused action leaves.
func (r Refusal) result() any {
	return value.DictOf("errors", value.NewList(value.DictOf(
		"type", "error", "message", r.Message, "task_id", r.Task, "route", int64(r.Route))))
}

// command is what the engine does to a task itself.
type command uint8

const (
	reported command = iota
	doContinue
	doNoop
	doFail
	doRetry
)

var commands = map[string]command{commandContinue: doContinue, commandNoop: doNoop, commandFail: doFail}

func (cmd command) status() Status {
	switch cmd {
	case doFail:
		return squall.Failed
	case doRetry:
		return Retrying
	}
	return squall.Succeeded
}

// statusAfter is the status of a task after a command.
func (cmd command) statusAfter(cur Status) Status {
	switch {
	case cmd == doRetry && (cur == squall.Succeeded || cur == squall.Failed):
		return Retrying
	case cmd != doRetry && cur == unset:
		return cmd.status()
	}
	return cur
}

// report processes news of an action and gives the task's status after it. An
// error is an exception out of the original engine: the caller takes back
// what was done.
func (c *Conductor) report(r Report) (Status, error) {
	if !known(r.Status) {
		return "", value.Errorf("InvalidStatus", "Status \"%s\" is not valid.", r.Status)
	}
	n := c.graph.byName[r.Task]
	if n == nil {
		return "", value.Errorf("InvalidTask", "Task \"%s\" does not exist.", r.Task)
	}
	e, err := c.update(n, r, reported)
	if err != nil {
		return "", err
	}
	return e.status, nil
}

// update is one step of a task: an entry for it if it begins, its new status,
// its retry, its transitions, and what all that means to the workflow.
func (c *Conductor) update(n *Node, r Report, cmd command) (*entry, error) {
	key := taskKey{n, r.Route}
	staged, e := c.stagedFor(n, r.Route), c.latest[key]
	if staged == nil && e == nil {
		return nil, value.Errorf("InvalidTaskStateEntry", "Task \"%s\" is not staged or has not started yet.", n.Name)
	}
	var err error
	if e == nil || n.command {
		if e, err = c.begin(n, staged); err != nil {
			return nil, err
		}
	}
	if completed(e.status) && starting(r.Status) {
		if e, err = c.begin(n, staged); err != nil {
			return nil, err
		}
	}
	if r.Status != unset && staged != nil && staged.items == nil {
		c.unstage(n, r.Route)
	}
	isItem := r.Item >= 0 && cmd == reported
	if isItem {
		if err := c.reportItem(n, staged, r); err != nil {
			return nil, err
		}
	}
	if r.Status == squall.Failed {
		c.log(&ErrorRow{Message: executionFailed, Task: n.Name, Route: -1, Result: r.Result})
	}
	before := e.status
	after, err := c.nextStatus(n, e, r, cmd)
	if err != nil {
		return nil, err
	}
	c.setEntryStatus(e, after)
	if after == Retrying {
		c.stageRetry(e)
	}
	if completed(after) {
		retry, sc, err := c.complete(n, e, r, isItem)
		if err != nil {
			return nil, err
		}
		if retry {
			return c.update(n, Report{Task: r.Task, Route: r.Route, Item: NoItem, Status: Retrying}, doRetry)
		}
		if after != before {
			return e, c.finish(n, e, sc)
		}
	}
	return e, c.settle(n, e, nil)
}

// begin adds an entry for a task that starts.
func (c *Conductor) begin(n *Node, s *stagedTask) (*entry, error) {
	if s == nil {
		return nil, value.TypeErrorf("'NoneType' object is not subscriptable")
	}
	return c.addEntry(n, s.route, s.ctx, s.prev)
}

func (c *Conductor) addEntry(n *Node, route int, ctx *contextNode, prev []Link) (*entry, error) {
	e := &entry{node: n, route: route, ctx: ctx, prev: prev}
	if n.Retry != nil {
		var err error
		if e.retry, err = c.newRetry(n, ctx); err != nil {
			return nil, err
		}
	}
	c.appendEntry(e)
	return e, nil
}

// newRetry evaluates delay and count of a task's retry.
func (c *Conductor) newRetry(n *Node, ctx *contextNode) (*RetryState, error) {
	r := &RetryState{When: n.Retry.When, Count: n.Retry.Count, Delay: n.Retry.Delay}
	for _, f := range []struct {
		name string
		v    *any
	}{{"delay", &r.Delay}, {"count", &r.Count}} {
		if _, ok := (*f.v).(string); !ok {
			continue
		}
		v, err := c.eval(*f.v, &scope{c: c, base: ctx})
		if err != nil {
			return nil, err
		}
		if _, isBool := v.(bool); !isBool && !value.IsInt(v) {
			return nil, value.Errorf("ValueError", "The retry %s for task \"%s\" is not an integer.", f.name, n.Name)
		}
		*f.v = v
	}
	return r, nil
}

func (c *Conductor) nextStatus(n *Node, e *entry, r Report, cmd command) (Status, error) {
	switch {
	case cmd == doRetry && e.status != squall.Succeeded && e.status != squall.Failed:
		// The original asks for the retry of a canceled task again and again.
		return unset, value.RecursionErrorf("maximum recursion depth exceeded")
	case cmd != reported:
		return cmd.statusAfter(e.status), nil
	case r.Status == unset, r.Status == Retrying:
		return unset, value.Errorf("InvalidEvent", "Event \"action_%s\" is not valid.", word(r.Status))
	case r.Item < 0:
		return nextOnReport(e.status, r.Status), nil
	}
	switch r.Status {
	case squall.Resuming, squall.Pending, squall.Paused, squall.Succeeded, squall.Failed, squall.Timeout, squall.Abandoned, squall.Canceled:
	default:
		return nextOnReport(e.status, r.Status), nil
	}
	s := c.stagedFor(n, r.Route)
	if s == nil || s.items == nil {
		return unset, value.TypeErrorf("'NoneType' object is not subscriptable")
	}
	others := s.items.counts
	others.add(r.Status, -1)
	return nextOnItem(e.status, r.Status, others.active > 0, others.class(len(s.items.cells)-1)), nil
}

func (c *Conductor) stageRetry(e *entry) {
	c.touch(e)
	retry := *e.retry
	retry.Tally++
	e.retry = &retry
	c.unstage(e.node, e.route)
	c.stage(&stagedTask{node: e.node, route: e.route, ctx: e.ctx, prev: e.prev, retry: e.retry, ready: true})
}

// complete tidies up after a task that is over, and tells whether it is tried
// again. The scope is what its transitions are evaluated in.
func (c *Conductor) complete(n *Node, e *entry, r Report, isItem bool) (retry bool, sc *scope, err error) {
	hasItems := n.Task.With != nil
	if hasItems && abended(e.status) {
		s := c.stagedFor(n, r.Route)
		if s == nil {
			return false, nil, value.TypeErrorf("'NoneType' object does not support item assignment")
		}
		c.changeStaged(s, func() { s.completed = true })
	} else {
		c.unstage(n, r.Route)
	}
	sc = c.taskScope(e.ctx, n.Name, e.route)
	switch {
	case !hasItems:
		sc.task.SetStr("result", r.Result)
	case r.Accumulated != nil:
		sc.task.SetStr("result", r.Accumulated)
	case isItem:
		sc.task.SetStr("result", c.items[taskKey{n, r.Route}].results())
	case truthy(r.Result):
		sc.task.SetStr("result", r.Result)
	default:
		sc.task.SetStr("result", value.NewList())
	}
	if !active(c.status) || e.retry == nil {
		return false, sc, nil
	}
	retry, err = c.retries(e, sc)
	return retry, sc, err
}

func (c *Conductor) retries(e *entry, sc *scope) (bool, error) {
	var count int64
	switch n := e.retry.Count.(type) {
	case int64:
		count = n
	case bool:
		if n {
			count = 1
		}
	default:
		return false, value.TypeErrorf("'>=' not supported between instances of 'int' and '%s'", value.TypeName(n))
	}
	if int64(e.retry.Tally) >= count {
		return false, nil
	}
	if e.retry.When == nil {
		return abended(e.status), nil
	}
	v, err := c.eval(e.retry.When, sc)
	if err != nil {
		return false, err
	}
	return value.Truth(v)
}

// isEvaluation reports whether an error is a failed evaluation, which is
// logged; other exceptions leave the engine. A value that cannot be stored
// counts as one: the original fails in other places then, and worse.
func isEvaluation(err error) bool {
	var e *expr.Error
	return errors.As(err, &e) || value.IsClass(err, "TypeError") && strings.HasPrefix(value.MessageOf(err), "cannot pickle ")
}
