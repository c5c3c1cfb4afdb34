package lifecycle

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// goOnAfter is how long a workflow rests that does without actions for longer
// than one step.
const goOnAfter = 250 * time.Millisecond

// writeStep makes a decision true: state, events consumed, children, the
// execution itself, all or nothing, together with what first writes, unless
// that is nil. It returns which other workflows have been told something.
func (s *Service) writeStep(ctx context.Context, d *decision, first func(store.Tx) error) (told []squall.ID, err error) {
	slots := make([]Slot, len(d.children))
	for i, p := range d.children {
		slots[i] = s.reserve(p)
	}
	var children []*squall.Execution
	err = s.st.Update(ctx, func(tx store.Tx) error {
		children, told = nil, nil
		if first != nil {
			if err := first(tx); err != nil {
				return err
			}
		}
		ok, err := tx.ChangeWorkflow(ctx, d.change)
		if err != nil {
			return err
		}
		if !ok {
			return errSuperseded
		}
		if told, err = s.moveFlow(ctx, tx, d); err != nil {
			return err
		}
		for i, p := range d.children {
			if err := s.mustBePresent(ctx, tx, p); err != nil {
				return err
			}
			slot := slots[i]
			if slot != nil {
				held, err := tx.HoldsLease(ctx, slot.Owner())
				if err != nil {
					return err
				}
				if !held {
					slot = nil
				}
			}
			child, err := s.insert(ctx, tx, p, slot)
			if err != nil {
				return err
			}
			children = append(children, child)
			if IsFlow(child.Runner) {
				told = append(told, child.ID)
			}
		}
		if d.goOn {
			// Not at once: a loop of tasks without actions never ends by itself.
			if err := tx.AppendWorkflowEvent(ctx, store.WorkflowEvent{Workflow: d.ex.ID, Kind: store.WorkflowGoOn, Due: tx.Now().Add(goOnAfter)}); err != nil {
				return err
			}
			tx.Wake(store.TopicFlow)
		}
		if d.signal == "" {
			return nil
		}
		below, err := s.signalChildren(ctx, tx, d)
		told = append(told, below...)
		return err
	})
	for i, slot := range slots {
		switch {
		case slot == nil:
		case err == nil && children[i].Status == squall.Running:
			slot.Start(children[i])
		default:
			slot.Release()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("write step: %w", err)
	}
	return told, nil
}

// moveFlow moves the execution of a workflow to where the step leads.
func (s *Service) moveFlow(ctx context.Context, tx store.Tx, d *decision) (told []squall.ID, err error) {
	if d.status == d.ex.Status || d.ex.Status.Final() {
		return nil, nil
	}
	now, from := tx.Now(), d.ex.Status
	m := store.Move{ID: d.ex.ID, From: []squall.Status{from}, Version: d.ex.Version, To: d.status, Result: d.result}
	if d.begun {
		attempt := 1
		m.Attempt, m.StartedAt = &attempt, &now
		m.Log = append(m.Log, squall.Change{Status: squall.Scheduled, At: now})
		from = squall.Running
		m.Log = append(m.Log, squall.Change{Status: squall.Running, At: now})
	}
	if d.ex.Runner == ChainRunner && from == squall.Running && d.status == squall.Paused { // st2: always by way of it
		m.Log = append(m.Log, squall.Change{Status: squall.Pausing, At: now})
		from = squall.Pausing
	}
	if from == squall.Resuming && (d.status == squall.Succeeded || d.status == squall.Failed) { // st2: it runs again before it ends
		m.Log = append(m.Log, squall.Change{Status: squall.Running, At: now})
		from = squall.Running
	}
	for _, st := range between(from, d.status) {
		m.Log = append(m.Log, squall.Change{Status: st, At: now, Reason: d.reasonFor(st)})
	}
	if d.status.Final() {
		m.EndedAt = &now
	}
	ok, err := tx.MoveExecution(ctx, m)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errSuperseded
	}
	if d.begun && d.status == squall.Running {
		return nil, announce(ctx, tx, store.ExecutionUpdated, d.ex.ID, d.status) // its parent knows
	}
	return s.moved(ctx, tx, d.ex, d.status)
}

// NotBegun stands in the log of a workflow that failed before it was one: its
// definition or what its tasks name is wrong.
const NotBegun = "it did not begin"

// reasonFor is what the log says beside a state that the step passes.
func (d *decision) reasonFor(st squall.Status) string {
	if st == squall.Resuming || d.reason == NotBegun {
		return d.reason
	}
	return ""
}

// between lists the states on the shortest way from one state to another, the
// last one included: a step of the conductor may pass several at once.
func between(from, to squall.Status) []squall.Status {
	if from == to {
		return nil
	}
	cameFrom := map[squall.Status]squall.Status{from: from}
	for queue := []squall.Status{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range squall.Statuses {
			if _, seen := cameFrom[next]; seen || !queue[0].CanMoveTo(next) || next == squall.Requested {
				continue
			}
			cameFrom[next] = queue[0]
			queue = append(queue, next)
		}
	}
	if _, reached := cameFrom[to]; !reached {
		return []squall.Status{to}
	}
	var way []squall.Status
	for st := to; st != from; st = cameFrom[st] {
		way = append([]squall.Status{st}, way...)
	}
	return way
}

// moved is what follows every move of an execution: others are told, and so is
// the workflow it belongs to, when that cares.
func (s *Service) moved(ctx context.Context, tx store.Tx, ex *squall.Execution, to squall.Status) (told []squall.ID, err error) {
	if err := announce(ctx, tx, store.ExecutionUpdated, ex.ID, to); err != nil {
		return nil, err
	}
	if to.Final() {
		if err := s.left(ctx, tx, ex, to); err != nil {
			return nil, err
		}
	}
	if ex.Parent == nil || !tellsParent(to) {
		return nil, nil
	}
	parent, err := tx.TellParent(ctx, ex.ID, to)
	if err != nil || parent == "" {
		return nil, err
	}
	return []squall.ID{parent}, nil
}

// tellsParent reports whether a workflow wants to know that a child is in this
// state: it is over, waits, or goes on again.
func tellsParent(to squall.Status) bool {
	switch to {
	case squall.Pending, squall.Pausing, squall.Paused, squall.Resuming, squall.Running:
		return true
	default:
		return to.Final()
	}
}

// signalChildren carries a wish down: to stop to all children that are not
// over, to pause and go on to those that are workflows.
func (s *Service) signalChildren(ctx context.Context, tx store.Tx, d *decision) (told []squall.ID, err error) {
	f := store.ExecutionFilter{Parent: d.ex.ID, Ascending: true, Limit: 500}
	onlyFlows := true
	switch d.signal {
	case squall.Canceled:
		f.Statuses = []squall.Status{squall.Requested, squall.Delayed, squall.Running, squall.Pending, squall.Pausing, squall.Paused, squall.Resuming}
		onlyFlows = d.flow != nil && !d.flow.c.cancels()
	case squall.Paused:
		f.Statuses = []squall.Status{squall.Running, squall.Resuming}
	case squall.Resuming:
		f.Statuses = []squall.Status{squall.Paused}
	default:
		return nil, nil
	}
	if !onlyFlows {
		return s.signalEach(ctx, tx, d, f)
	}
	for _, f.Runner = range flowRunners { // one at a time: a workflow may have thousands of other children
		more, err := s.signalEach(ctx, tx, d, f)
		if err != nil {
			return nil, err
		}
		told = append(told, more...)
	}
	return told, nil
}

func (s *Service) signalEach(ctx context.Context, tx store.Tx, d *decision, f store.ExecutionFilter) (told []squall.ID, err error) {
	for {
		children, err := tx.FindExecutions(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, child := range children {
			st, err := signalStep(child, d.signal, d.by)
			if err != nil {
				continue //nolint:nilerr // it refuses: it ends by itself
			}
			more, _, err := s.signal(ctx, tx, child, st, d.signal, d.by)
			if err != nil {
				return nil, err
			}
			told = append(told, more...)
		}
		if len(children) < f.Limit {
			return told, nil
		}
		f.After = children[len(children)-1].ID
	}
}
