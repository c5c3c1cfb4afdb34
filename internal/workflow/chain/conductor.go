package chain

import (
	"context"
	"slices"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
)

// Host is what a conductor needs from outside. It is the same for every call.
type Host struct {
	// Env carries the look-ups of templates: Store, User, Options.
	Env expr.Env
	// Context is the context of the chain's execution, with its execution_id:
	// what templates find under action_context.parent.
	Context *value.Dict
	// Config returns the configuration of the chain's pack, called
	// config_context in templates. Nil: there is none.
	Config func(context.Context) (*value.Dict, error)
}

// Start is what a chain begins with.
type Start struct {
	Parameters *value.Dict // of the action, with defaults
	// HidePublished leaves the published variables out of the result.
	HidePublished bool
	// SkipNotify are tasks whose end is not announced.
	SkipNotify []string
}

// Conductor decides what comes next in one execution of a chain.
type Conductor struct {
	spec *Spec
	host Host
	ctx  context.Context // of the call at work; only templates use it

	revision   int64
	status     workflow.Status
	hide       bool
	skip       []string // of notices
	parameters *value.Dict
	vars       *value.Dict // initial and published variables
	published  *value.Dict
	results    *value.Dict // of the last visit of each task, as templates see it
	visits     []*visit
	contexts   int // rows written
	fault      *fault

	changed map[*visit]bool
	rows    []workflow.ContextRow
	run     []workflow.RunAction
}

// visit is one run of a task.
type visit struct {
	index   int
	node    *Node
	status  workflow.Status
	result  any
	child   workflow.Child
	refused bool // the action was never requested
	settled bool // its variables are published
}

// fault is an error of the chain itself.
type fault struct {
	message, trace string
	alone          bool // the result is the error, and nothing else (st2: an exception nobody expected)
}

func newConductor(spec *Spec, host Host) *Conductor {
	return &Conductor{spec: spec, host: host, ctx: context.Background(), vars: value.NewDict(0), published: value.NewDict(0),
		results: value.NewDict(0), parameters: value.NewDict(0), changed: map[*visit]bool{}}
}

// New begins an execution of a chain. Nothing runs until it is asked to
// (workflow.Request of Running). When the variables cannot be rendered the chain
// is failed from the start.
func New(ctx context.Context, spec *Spec, start Start, host Host) (*Conductor, workflow.Changes) {
	c := newConductor(spec, host)
	c.ctx, c.hide, c.skip = ctx, start.HidePublished, start.SkipNotify
	if start.Parameters != nil {
		c.parameters = start.Parameters
	}
	skip := value.NewList()
	for _, name := range c.skip {
		skip.Items = append(skip.Items, name)
	}
	c.addContext(value.DictOf("parameters", c.parameters, "hide_published", c.hide, "skip_notify", skip))
	vars, err := c.renderVars()
	if err != nil {
		c.fail("Failed initializing ``vars`` in chain.", err)
		return c, c.collect("")
	}
	if size(vars) > 0 {
		c.vars = vars.Clone()
		c.addContext(vars)
	} else {
		c.addContext(nil)
	}
	return c, c.collect("")
}

// Status is the state of the chain, "" before it was asked to run.
func (c *Conductor) Status() workflow.Status { return c.status }

// FindTask finds the newest visit of a task.
func (c *Conductor) FindTask(task string, _ int64) (int64, string, bool) {
	for i := len(c.visits) - 1; i >= 0; i-- {
		if v := c.visits[i]; v.node.Name == task {
			return int64(v.index), string(v.status), true
		}
	}
	return 0, "", false
}

// Notify is what a task says about notices of its end; inherits: it says nothing,
// and what the chain's own execution was asked to announce holds (st2).
func (c *Conductor) Notify(task string) (sections any, inherits bool) {
	if slices.Contains(c.skip, task) {
		return nil, false
	}
	n, ok := c.spec.Node(task)
	if !ok {
		return nil, false
	}
	if own := n.Notify(); own != nil {
		return own, false
	}
	return nil, true
}

// Node finds a task of the definition.
func (c *Conductor) Node(task string) (*Node, bool) { return c.spec.Node(task) }

// Apply processes events, one after the other, and gives all that changed.
// Events that are not possible now are rejected and change nothing; news of an
// action that is over already are passed over.
func (c *Conductor) Apply(ctx context.Context, events ...workflow.Event) workflow.Changes {
	c.ctx = ctx
	before := c.status
	var rejected []workflow.Rejection
	for i, ev := range events {
		var err error
		switch ev := ev.(type) {
		case workflow.Request:
			err = c.request(ev.Status)
		case workflow.Report:
			c.report(ev)
		case workflow.Refusal:
			c.refuse(ev)
		default:
			err = value.Errorf("InvalidEvent", "An action chain cannot run tasks again.")
		}
		if err != nil {
			rejected = append(rejected, workflow.Rejection{Event: i, Err: err})
		}
	}
	ch := c.collect(before)
	ch.Rejected = rejected
	return ch
}

// request processes a wish.
func (c *Conductor) request(to workflow.Status) error {
	v := c.last()
	busy := v != nil && active(v.status)
	switch {
	case to == squall.Running && c.status == "":
		c.status = squall.Running
		c.begin(c.spec.Default)
	case to == squall.Failed && !c.status.Final():
		c.status = squall.Failed
	case (to == squall.Paused || to == squall.Pausing) && (c.status == squall.Running || c.status == squall.Resuming):
		c.status = squall.Paused
		if busy {
			c.status = squall.Pausing
		}
	case (to == squall.Paused || to == squall.Pausing) && (c.status == squall.Pausing || c.status == squall.Paused):
	case to == squall.Resuming && (c.status == squall.Paused || c.status == squall.Pausing):
		c.resume(v)
	case (to == squall.Canceled || to == squall.Canceling) && c.status != "" && !c.status.Final():
		c.status = squall.Canceled
		if busy {
			c.status = squall.Canceling
		}
	default:
		return value.Errorf("InvalidWorkflowStatusTransition", "Unable to process event \"workflow_%s\" for workflow in \"%s\" status.", to, c.status)
	}
	return nil
}

// resume goes on where the chain stood still.
func (c *Conductor) resume(v *visit) {
	c.status = squall.Running
	switch {
	case v == nil:
		c.begin(c.spec.Default)
	case v.status.Final() && v.settled:
		c.follow(v)
	case v.status.Final(): // it was paused itself, and came to its end meanwhile
		c.settle(v)
	}
	// Otherwise its action still runs, or goes on with the same wish.
}

// active reports whether an action will come to an end by itself.
func active(s workflow.Status) bool {
	return !s.Final() && s != squall.Paused && s != squall.Pending
}

func (c *Conductor) last() *visit {
	if len(c.visits) == 0 {
		return nil
	}
	return c.visits[len(c.visits)-1]
}

// report takes in what became of an action.
func (c *Conductor) report(r workflow.Report) {
	if r.Route < 0 || r.Route >= len(c.visits) {
		return
	}
	v := c.visits[r.Route]
	if v.status.Final() {
		return
	}
	stood := v.status == squall.Pending
	v.status = r.Status
	if r.Child.Execution != "" {
		v.child = r.Child
	}
	c.changed[v] = true
	stops := r.Status == squall.Paused || r.Status == squall.Pending
	if !r.Status.Final() && !stops {
		return
	}
	v.result = r.Result
	if stood {
		// st2: who answers late is told apart from what was there before.
		c.answered(v)
	}
	switch {
	case c.status == squall.Paused: // resume looks at it
		return
	case stops && c.status == squall.Canceling:
		c.status = squall.Canceled
		return
	case c.status.Final():
		return
	}
	c.settle(v)
}

// answered makes a late answer visible to templates the way st2 does: under the
// key result, beside what the task had said while it was pending.
func (c *Conductor) answered(v *visit) {
	old, _ := get[*value.Dict](c.results, v.node.Name)
	if old == nil {
		return
	}
	now := old.Clone()
	now.SetStr("result", v.result)
	c.results.SetStr(v.node.Name, now)
}

// settle publishes what a task leaves, and goes on.
func (c *Conductor) settle(v *visit) {
	var failed error
	if !v.settled {
		c.results.SetStr(v.node.Name, v.result)
		failed = c.publish(v)
		v.settled = v.status != squall.Paused // one that goes on publishes again
		c.changed[v] = true
	}
	if v.status == squall.Paused || v.status == squall.Pending {
		if failed != nil {
			c.crash(failed)
			return
		}
		c.status = squall.Paused
		return
	}
	next, status, err := c.after(v)
	switch {
	case err != nil:
		// It takes the place of whatever went wrong before (st2).
		c.status = squall.Failed
		c.fail("Failed to get next node \""+v.node.Name+"\".", err)
	case failed != nil:
		c.crash(failed)
	case c.status == squall.Canceling:
		c.status = squall.Canceled
	case c.status == squall.Pausing:
		c.status = squall.Paused
	default:
		c.goOn(next, status)
	}
}

// follow goes on after a task that was settled before.
func (c *Conductor) follow(v *visit) {
	next, status, err := c.after(v)
	if err != nil {
		c.status = squall.Failed
		c.fail("Failed to get next node \""+v.node.Name+"\".", err)
		return
	}
	c.goOn(next, status)
}

func (c *Conductor) goOn(next *Node, status workflow.Status) {
	if next == nil {
		c.status = status
		return
	}
	c.start(next)
}

// after decides what comes after a task: a node, or the end in that status.
func (c *Conductor) after(v *visit) (next *Node, end workflow.Status, err error) {
	to := ""
	switch v.status {
	case squall.Succeeded:
		to, end = v.node.OnSuccess, squall.Succeeded
	case squall.Canceled:
		return nil, squall.Canceled, nil
	case squall.Timeout:
		to, end = v.node.OnFailure, squall.Timeout
	default:
		to, end = v.node.OnFailure, squall.Failed
	}
	if to == "" {
		return nil, end, nil
	}
	next, ok := c.spec.Node(to)
	if !ok {
		return nil, end, value.Errorf("st2common.exceptions.actionrunner.ActionRunnerException", "Unable to find node with name \"%s\".", to)
	}
	return next, end, nil
}

// begin starts the first task. A name that no task has (a template) is a chain
// without tasks, which ends well (st2).
func (c *Conductor) begin(name string) {
	n, ok := c.spec.Node(name)
	if !ok {
		c.status = squall.Succeeded
		return
	}
	c.start(n)
}

// start asks for the action of a task.
func (c *Conductor) start(n *Node) {
	input, err := c.renderParameters(n)
	if err != nil {
		c.status = squall.Failed
		if err.known {
			c.fail("Failed to run task \""+n.Name+"\". Parameter rendering failed.", err)
		} else {
			c.crash(err)
		}
		return
	}
	v := &visit{index: len(c.visits), node: n, status: squall.Requested}
	c.visits = append(c.visits, v)
	c.changed[v] = true
	run := workflow.RunAction{Task: n.Name, Route: v.index, Entry: v.index, Item: workflow.NoItem, Action: n.Ref}
	if input != nil {
		run.Input = input
	}
	c.run = append(c.run, run)
}

// refuse takes in that an action could not be requested.
func (c *Conductor) refuse(r workflow.Refusal) {
	if r.Route < 0 || r.Route >= len(c.visits) || c.visits[r.Route].status.Final() {
		return
	}
	v := c.visits[r.Route]
	if r.Kind != workflow.RefusedRun {
		c.visits = c.visits[:v.index] // it was never begun; what a crash left of its row is written over
		delete(c.changed, v)
		c.status = squall.Failed
		if r.Kind == workflow.RefusedCast {
			c.crash(value.ValueErrorf("%s", r.Message))
			return
		}
		c.fail("Failed to run task \""+v.node.Name+"\". Action with reference \""+v.node.Ref+"\" doesn't exist.",
			value.Errorf("st2common.exceptions.action.InvalidActionReferencedException", "Task :: %s - Action with ref %s not registered.", v.node.Name, v.node.Ref))
		return
	}
	f := newFault("Failed running task \""+v.node.Name+"\".", value.ValueErrorf("%s", r.Message))
	v.status, v.refused, v.settled = squall.Failed, true, true
	v.child = workflow.Child{Created: r.At, Updated: r.At}
	v.result = value.DictOf("error", f.message, "traceback", f.trace)
	c.results.SetStr(v.node.Name, v.result)
	c.changed[v] = true
	switch c.status {
	case squall.Canceling:
		c.status = squall.Canceled
	case squall.Pausing:
		c.status = squall.Paused
	case squall.Running:
		c.follow(v)
	}
}
