package workflow

import (
	"context"
	"errors"
	"fmt"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Case is a mocked run: what the actions report, and what people ask for on
// the way. docs/workflows.md describes its file format.
type Case struct {
	Name     string
	Input    *value.Dict
	Context  *value.Dict
	Actions  []Mock
	Controls []Control
	// LIFO takes the newest running action first instead of the oldest.
	LIFO bool
}

// Mock says how actions end. The first whose every given key matches counts;
// an action no mock matches succeeds with null.
type Mock struct {
	Task  string // "*" and "" match all
	Item  *int
	Route *int
	Visit *int // the how-manieth start of this task and item, from 1
	// Reports are what the action reports, in order.
	Reports []MockReport
}

// MockReport is one report of a mocked action.
type MockReport struct {
	Status Status
	Result any
}

// Control is a request on the way: after a number of reports, or when nothing
// is running any more.
type Control struct {
	After int
	Idle  bool
	// Name is pause, cancel, resume, running, fail, pausing, canceling or rerun.
	Name  string
	Tasks []RerunTask // of a rerun

	written any // the tasks as the file has them
}

var controls = map[string]Status{
	"pause": squall.Paused, "cancel": squall.Canceled, "resume": squall.Resuming, "running": squall.Running,
	"fail": squall.Failed, "pausing": squall.Pausing, "canceling": squall.Canceling,
}

// Step is an entry of a rehearsal's trace. Kind tells which fields count.
type Step struct {
	Kind       string // workflow, dispatch, report, request, exception
	Status     Status // of the workflow, or reported
	Task       string
	Route      int
	Item       int // NoItem for none
	Action     any
	Input      any
	Delay      any  // as rendered; nil for none
	Empty      bool // an items task without items
	Auto       bool // completed on the spot
	TaskStatus Status
	HasTask    bool // TaskStatus is known
	Request    string
	Tasks      []RerunTask
	Err        error

	written any
}

// Rehearsal is the outcome of a mocked run.
type Rehearsal struct {
	Trace  []Step
	Status Status
	Output *value.Dict
	Errors []ErrorRow
	Tasks  []TaskRow
	Routes [][]string
	// Terminal are the variables at the end without those of the parent; nil
	// when it is not over.
	Terminal *value.Dict
	// Rows are the final state.
	Rows Rows
}

// maxSteps ends a rehearsal of a loop without end.
const maxSteps = 100_000

// Rehearse runs a case without running anything: results come from the case,
// delays are recorded and not slept. After every step the state is saved and
// restored from its rows. The error is for a definition that does not compose,
// a case that does not make sense, or a run without end.
func Rehearse(ctx context.Context, spec *Spec, cs *Case, host Host) (*Rehearsal, error) {
	r := &rehearsal{ctx: ctx, cs: cs, spec: spec, host: host, visits: map[visitKey]int{}, used: make([]bool, len(cs.Controls))}
	c, ch, err := New(ctx, spec, Start{Input: cs.Input, Context: cs.Context}, host)
	if err != nil {
		return nil, err
	}
	r.c = c
	ch.Into(&r.rows)
	if err := r.play(); err != nil {
		return nil, err
	}
	out := &Rehearsal{Trace: r.trace, Status: r.c.status, Output: r.c.output, Errors: r.c.Errors(), Rows: r.rows, Tasks: r.rows.Tasks,
		Routes: r.c.routes, Terminal: without(r.c.TerminalContext(), cs.Context)}
	return out, nil
}

// without leaves the keys of b out of a.
func without(a, b *value.Dict) *value.Dict {
	if a == nil || b == nil {
		return a
	}
	out := a.Clone()
	for k := range b.All() {
		out.Delete(k)
	}
	return out
}

type visitKey struct {
	task string
	item int
}

type execution struct {
	task        string
	route, item int
	reports     []MockReport
}

type rehearsal struct {
	ctx    context.Context
	cs     *Case
	spec   *Spec
	host   Host
	c      *Conductor
	rows   Rows
	queue  []execution
	visits map[visitKey]int
	used   []bool
	done   int
	notes  int
	traced Status
	trace  []Step
	broken error // the rows could not be restored
	stop   bool  // failing the workflow for an exception failed
}

func (r *rehearsal) play() error {
	if r.c.status == squall.Failed {
		r.add(Step{Kind: "workflow", Status: squall.Failed})
		return nil
	}
	if err := r.c.try(func() error { return r.c.requestStatus(squall.Running) }); err != nil {
		return err
	}
	r.note()
	r.dispatch()
	if err := r.fire(0); err != nil {
		return err
	}
	for !r.stop && r.broken == nil {
		if err := r.endless(); err != nil {
			return err
		}
		if len(r.queue) == 0 {
			idle, err := r.idle()
			if err != nil {
				return err
			}
			if idle {
				continue
			}
			break
		}
		r.advance()
		r.dispatch()
		r.done++
		if err := r.fire(r.done); err != nil {
			return err
		}
	}
	return r.broken
}

// endless is the error of a run without end, or of a canceled call.
func (r *rehearsal) endless() error {
	if len(r.trace) > maxSteps {
		return fmt.Errorf("the run does not end after %d steps", maxSteps)
	}
	return r.ctx.Err()
}

func (r *rehearsal) add(s Step) { r.trace = append(r.trace, s) }

// advance processes the next report of an action.
func (r *rehearsal) advance() {
	at := 0
	if r.cs.LIFO {
		at = len(r.queue) - 1
	}
	ex := r.queue[at]
	r.queue = append(r.queue[:at:at], r.queue[at+1:]...)
	rep := ex.reports[0]
	ex.reports = ex.reports[1:]
	if len(ex.reports) > 0 {
		if r.cs.LIFO {
			r.queue = append([]execution{ex}, r.queue...)
		} else {
			r.queue = append(r.queue, ex)
		}
	}
	r.report(Report{Task: ex.task, Route: ex.route, Item: ex.item, Status: rep.Status, Result: rep.Result}, false)
}

func (r *rehearsal) report(rep Report, auto bool) {
	s, err := r.c.guarded(rep.Task, rep.Route, func() (Status, error) { return r.c.report(rep) })
	step := Step{Kind: "report", Task: rep.Task, Route: rep.Route, Item: rep.Item, Status: rep.Status, Auto: auto}
	if err != nil {
		r.add(step)
		r.exception(err)
		r.note()
		return
	}
	step.TaskStatus, step.HasTask = s, true
	r.add(step)
	r.note()
}

func (r *rehearsal) exception(err error) {
	if d, ok := errors.AsType[*doubleFault](err); ok {
		r.add(Step{Kind: "exception", Err: d.first})
		r.add(Step{Kind: "exception", Err: d.second})
		r.stop = true
		return
	}
	r.add(Step{Kind: "exception", Err: err})
}

// note renders the output when the workflow is over, traces its status when
// that is new, and saves and restores the state.
func (r *rehearsal) note() {
	if completed(r.c.status) {
		if _, err := r.c.guarded("", -1, func() (Status, error) { return "", r.c.renderOutput() }); err != nil {
			r.exception(err)
		}
	}
	if r.c.status != r.traced {
		r.traced = r.c.status
		r.add(Step{Kind: "workflow", Status: r.traced})
	}
	ch := r.c.collect(r.traced)
	ch.Into(&r.rows)
	// Restoring costs as much as there is; long runs do it less often.
	if r.notes++; r.notes > 1000 && r.notes%(r.notes/200) != 0 {
		return
	}
	c, err := Restore(r.spec, r.rows, r.host)
	if err != nil {
		r.broken, r.stop = err, true
		return
	}
	c.ctx = r.ctx
	r.c = c
}

func (r *rehearsal) dispatch() {
	for !r.stop {
		if r.broken = r.endless(); r.broken != nil {
			return
		}
		list, err := r.c.nextGuarded()
		if err != nil {
			r.exception(err)
			r.note()
			return
		}
		if len(list) == 0 {
			r.note()
			return
		}
		for _, n := range list {
			if !r.start(n) {
				return
			}
		}
		r.note()
		for _, n := range list {
			if n.auto() {
				r.report(n.autoReport(), true)
				continue
			}
			for _, a := range n.Actions {
				r.queue = append(r.queue, execution{n.Task, n.Route, a.Item, r.outcome(n.Task, n.Route, a.Item)})
			}
		}
	}
}

// start marks the actions of a task running.
func (r *rehearsal) start(n Next) bool {
	if err := r.c.start(n); err != nil {
		r.exception(err)
		r.note()
		return false
	}
	if n.HasItems && n.Items == 0 {
		r.add(Step{Kind: "dispatch", Task: n.Task, Route: n.Route, Item: NoItem, Empty: true, Delay: n.Delay})
	}
	for _, a := range n.Actions {
		r.add(Step{Kind: "dispatch", Task: n.Task, Route: n.Route, Item: a.Item, Action: a.Action, Input: a.Input,
			Delay: n.Delay})
	}
	return true
}

// outcome chooses what an action will report.
func (r *rehearsal) outcome(task string, route, item int) []MockReport {
	key := visitKey{task, item}
	r.visits[key]++
	visit := r.visits[key]
	for _, m := range r.cs.Actions {
		if m.matches(task, route, item, visit) {
			return m.Reports
		}
	}
	return []MockReport{{Status: squall.Succeeded}}
}

func (m *Mock) matches(task string, route, item, visit int) bool {
	is := func(want *int, have int) bool { return want == nil || *want == have }
	return (m.Task == "" || m.Task == "*" || m.Task == task) && is(m.Item, item) && is(m.Route, route) && is(m.Visit, visit)
}

func (r *rehearsal) fire(n int) error {
	for i, ctl := range r.cs.Controls {
		if !ctl.Idle && ctl.After == n && !r.used[i] && !r.stop {
			r.used[i] = true
			if err := r.control(ctl); err != nil {
				return err
			}
		}
	}
	return nil
}

// idle does the first control that waits for quiet.
func (r *rehearsal) idle() (bool, error) {
	for i, ctl := range r.cs.Controls {
		if ctl.Idle && !r.used[i] {
			r.used[i] = true
			return true, r.control(ctl)
		}
	}
	return false, nil
}

func (r *rehearsal) control(ctl Control) error {
	step := Step{Kind: "request", Request: ctl.Name, Tasks: ctl.Tasks, written: ctl.written}
	if ctl.Name == "rerun" {
		step.Err = r.c.try(func() error { return r.c.rerun(ctl.Tasks) })
	} else {
		s, ok := controls[ctl.Name]
		if !ok {
			return fmt.Errorf("unknown control %q", ctl.Name)
		}
		step.Err = r.c.try(func() error { return r.c.requestStatus(s) })
	}
	r.add(step)
	r.note()
	r.dispatch()
	return nil
}
