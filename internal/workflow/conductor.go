package workflow

import (
	"context"
	"fmt"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Host is what a conductor needs from outside. It is the same for every call.
type Host struct {
	// Exprs evaluates the expressions.
	Exprs *expr.Set
	// Env carries the look-ups of expressions: Store, Tasks, User, Options.
	// Its Vars and States are set by the conductor.
	Env expr.Env
	// FreshResults forgets the results of succeeded items when failed ones are
	// rerun, as the host of the recordings does. StackStorm's keeps them.
	FreshResults bool
}

// Start is what a workflow execution begins with.
type Start struct {
	// Input is what the caller gave. Undeclared inputs are dropped.
	Input *value.Dict
	// Context are variables of the parent, under the inputs.
	Context *value.Dict
}

// Conductor decides what comes next in one workflow execution. It belongs to
// one goroutine.
type Conductor struct {
	spec  *Spec
	graph *Graph
	host  Host
	ctx   context.Context // of the call at work; only expressions use it

	revision int64
	status   Status
	output   *value.Dict

	contexts []*contextNode
	routes   [][]string
	seq      []*entry
	latest   map[taskKey]*entry
	items    map[taskKey]*itemList
	joins    map[taskKey]*arrivals // of tasks with many predecessors, as far as asked for
	errors   errorLog

	stagedBy    map[taskKey]*stagedTask
	open        []*stagedTask // may have something to start
	readyStaged int           // records that are ready and not completed
	nextStaged  int64
	counts      counts

	undo undoLog

	// patience is how many more tasks the call at work completes on the spot.
	patience int

	// What changed since the rows were collected last.
	dirtyTasks   []*entry
	dirtyStaged  []*stagedTask
	dirtyItems   []*itemList
	newContexts  []*contextNode
	newRoutes    []int
	storedStaged int64
	storedOutput *value.Dict
	run          []RunAction
	done         []Completion
}

func newConductor(spec *Spec, host Host) (*Conductor, error) {
	g, err := spec.Graph()
	if err != nil {
		return nil, fmt.Errorf("compose workflow: %w", err)
	}
	return &Conductor{spec: spec, graph: g, host: host, ctx: context.Background(), latest: map[taskKey]*entry{},
		items: map[taskKey]*itemList{}, joins: map[taskKey]*arrivals{}, stagedBy: map[taskKey]*stagedTask{}}, nil
}

// New begins a workflow execution: inputs and vars are rendered, and the first
// tasks wait. Nothing runs until it is asked to (Request(squall.Running)). When
// inputs or vars cannot be rendered the workflow is failed from the start, and
// its errors say why. The error is for definitions that inspection refuses.
func New(ctx context.Context, spec *Spec, start Start, host Host) (*Conductor, Changes, error) {
	c, err := newConductor(spec, host)
	if err != nil {
		return nil, Changes{}, err
	}
	c.ctx = ctx
	vars, problems, err := c.firstVars(start)
	if err != nil {
		return nil, Changes{}, fmt.Errorf("begin workflow: %w", err)
	}
	if len(problems) > 0 {
		for _, p := range problems {
			c.logError(p, "", -1, "")
		}
		c.status = squall.Failed
	} else {
		first := firstContext(vars)
		c.contexts = []*contextNode{first}
		c.newContexts = []*contextNode{first}
		c.addRoute(nil)
		for _, n := range c.graph.Roots {
			c.stage(&stagedTask{node: n, ctx: first, ready: true})
		}
	}
	c.save()
	return c, c.collect(unset), nil
}

// Spec is the definition the conductor works on.
func (c *Conductor) Spec() *Spec { return c.spec }

// Status is the state of the workflow, "" before it was asked to run.
func (c *Conductor) Status() Status { return c.status }

// Output is what the workflow returns; nil until it is over, and when nothing
// could be rendered.
func (c *Conductor) Output() *value.Dict { return c.output }

// Revision is the number of the last change.
func (c *Conductor) Revision() int64 { return c.revision }

// firstVars renders inputs, then vars. Both see what was rendered before them.
func (c *Conductor) firstVars(start Start) (*value.Dict, []error, error) {
	parent := start.Context
	if parent == nil {
		parent = value.NewDict(0)
	}
	var problems []error
	keep := func(err error) error {
		if isEvaluation(err) {
			problems = append(problems, err)
			return nil
		}
		return err
	}
	sc := &scope{c: c, top: parent.Clone()}
	decls, err := listOf(c.spec.input)
	if err != nil {
		return nil, nil, err
	}
	for _, decl := range decls {
		name, def := decl, any(nil)
		if _, isDict := decl.(*value.Dict); isDict {
			var ok bool
			if name, def, ok = pair(decl); !ok {
				return nil, nil, value.Errorf("IndexError", "list index out of range")
			}
		}
		v, err := c.evalInput(start.Input, name, def, sc)
		if err == nil {
			err = sc.top.SetChecked(name, v)
		}
		if err != nil {
			if err := keep(err); err != nil {
				return nil, nil, err
			}
		}
	}
	all := mergeDicts(parent, sc.top)
	sc = &scope{c: c, top: all.Clone()}
	rendered := value.NewDict(4)
	err = c.assignments(c.spec.vars, func(name, def any) error {
		v, err := c.evalStored(def, sc)
		if err != nil {
			return keep(err)
		}
		sc.top.Set(name, v)
		rendered.Set(name, v)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return mergeDicts(all, rendered), problems, nil
}

// evalInput gives an input its value. A value from the caller is evaluated
// too, but must not reach secrets.
func (c *Conductor) evalInput(given *value.Dict, name, def any, sc *scope) (any, error) {
	if given != nil {
		if v, ok := given.Get(name); ok {
			v, err := c.host.Exprs.Eval(c.ctx, v, c.dataEnv(sc))
			if err != nil {
				return nil, err
			}
			return storable(v)
		}
	}
	return c.evalStored(def, sc)
}

// dataEnv is the environment for texts that came from outside.
func (c *Conductor) dataEnv(sc *scope) *expr.Env {
	e := c.host.Env
	e.Vars = sc
	return e.ForData()
}

// listOf is what Python iterates over; null and other false values are empty.
func listOf(v any) ([]any, error) {
	if !truthy(v) {
		return nil, nil
	}
	switch x := v.(type) {
	case *value.List:
		return x.Items, nil
	case *value.Dict:
		return x.Keys(), nil
	case string:
		out := []any{}
		for _, r := range x {
			out = append(out, string(r))
		}
		return out, nil
	}
	return nil, value.TypeErrorf("'%s' object is not iterable", value.TypeName(v))
}

// assignments visits a list of one-key dicts.
func (c *Conductor) assignments(list any, each func(name, def any) error) error {
	items, err := listOf(list)
	if err != nil {
		return err
	}
	for _, item := range items {
		d, ok := item.(*value.Dict)
		if !ok {
			return value.Errorf("AttributeError", "'%s' object has no attribute 'items'", value.TypeName(item))
		}
		name, def, ok := pair(d)
		if !ok {
			return value.Errorf("IndexError", "list index out of range")
		}
		if err := each(name, def); err != nil {
			return err
		}
	}
	return nil
}

// requestStatus asks the workflow for a status. It tells tasks with items
// first, which may change how active the workflow is.
func (c *Conductor) requestStatus(s Status) error {
	if !known(s) {
		return value.Errorf("InvalidStatus", "Status \"%s\" is not valid.", s)
	}
	if !requestable(s) {
		return value.Errorf("InvalidEvent", "Event \"workflow_%s\" is not valid.", word(s))
	}
	before := c.status
	if halting(s) {
		c.haltItems(s)
	}
	tasksActive := c.counts.active > 0
	after := nextOnRequest(c.status, s, tasksActive, !tasksActive && c.readyStaged == 0 && c.counts.paused == 0)
	if after != before {
		c.setStatus(after)
		return nil
	}
	switch {
	case s == before,
		s == squall.Paused && before == squall.Pausing,
		s == squall.Canceled && before == squall.Canceling:
		return nil
	}
	return value.Errorf("InvalidWorkflowStatusTransition", "Unable to process event \"workflow_%s\" for workflow in \"%s\" status.", s, word(before))
}

// haltItems brings a pause or cancel to running tasks with items.
func (c *Conductor) haltItems(s Status) {
	busy, idle := squall.Pausing, squall.Paused
	if s == squall.Canceling || s == squall.Canceled {
		busy, idle = squall.Canceling, squall.Canceled
	}
	for key, st := range c.stagedBy {
		e := c.latest[key]
		if st.items == nil || e == nil || e.status != squall.Running || st.items.counts.completed >= len(st.items.cells) {
			continue
		}
		if st.items.counts.active > 0 {
			c.setEntryStatus(e, busy)
		} else {
			c.setEntryStatus(e, idle)
		}
	}
}

// Stalled reports whether the workflow pauses and nothing is under way that could
// end that: what counts as active are tasks whose next items are not started
// while it pauses. That comes of a pause without an order, because of another
// task. st2: it stays so until somebody orders it to resume.
func (c *Conductor) Stalled() bool {
	if c.status != squall.Pausing {
		return false
	}
	waiting := 0
	for key, st := range c.stagedBy {
		if e := c.latest[key]; e != nil && e.status == squall.Running && st.items != nil && st.items.counts.active == 0 {
			waiting++
		}
	}
	return waiting > 0 && waiting == c.counts.active
}
