package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"squall/internal/auth"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// inbox is what a step is decided on.
type inbox struct {
	ex      *squall.Execution
	stored  *store.Workflow // nil: it has not begun
	rows    []store.WorkflowRow
	events  []store.WorkflowEvent
	results map[squall.ID]*squall.Execution // with their results, opened
	secret  bool                            // something that was read was sealed
	now     time.Time
}

// decision is what a step writes.
type decision struct {
	ex       *squall.Execution
	change   store.WorkflowChange
	flow     *flow
	lossy    bool
	children []*prepared
	status   squall.Status   // of the execution after the step
	result   json.RawMessage // with a final status
	begun    bool            // the execution starts with this step
	reason   string          // of the move, for the log
	signal   squall.Status   // what the children are asked for: canceled, paused, resuming; "" for nothing
	by       string          // who asks for it
	goOn     bool            // the conductor has more to do
	now      time.Time
}

// step reads, decides and writes once. more says that events were left.
func (s *Service) step(ctx context.Context, id squall.ID) (more bool, told []squall.ID, err error) {
	fl := s.flows.take(id)
	in, err := s.readInbox(ctx, id, fl)
	if err != nil {
		return false, nil, err
	}
	if len(in.events) == 0 {
		if fl != nil && in.stored != nil && in.stored.Revision == fl.revision {
			s.flows.keep(fl)
		}
		return false, nil, nil
	}
	d, err := s.decide(ctx, in, fl)
	if err != nil {
		return false, nil, err
	}
	if told, err = s.writeStep(ctx, d, nil); err != nil {
		return false, nil, err
	}
	s.keepFlow(d)
	return len(in.events) == eventBatch, told, nil
}

// keepFlow keeps the conductor for the next step, after this one was written.
func (s *Service) keepFlow(d *decision) {
	if d.flow == nil || d.lossy || d.status.Final() {
		return
	}
	ex := *d.ex
	if ex.Status != d.status {
		ex.Status = d.status
		ex.Version++
	}
	d.flow.ex = &ex
	s.flows.keep(d.flow)
}

// readInbox reads the events of a workflow and, unless fl is its newest state,
// the rows.
func (s *Service) readInbox(ctx context.Context, id squall.ID, fl *flow) (in *inbox, err error) {
	err = s.st.View(ctx, func(tx store.Tx) error {
		in = &inbox{results: map[squall.ID]*squall.Execution{}, now: tx.Now()}
		var err error
		if in.events, err = tx.WorkflowEvents(ctx, id, eventBatch); err != nil {
			return err
		}
		if in.stored, err = tx.Workflow(ctx, id); err != nil && squall.KindOf(err) != squall.NotFound {
			return err
		}
		if len(in.events) == 0 {
			return nil
		}
		if in.ex, err = tx.Execution(ctx, id, store.WithParameters); err != nil {
			return err
		}
		if in.stored != nil && (fl == nil || fl.revision != in.stored.Revision) {
			if in.rows, err = tx.WorkflowRows(ctx, id); err != nil {
				return err
			}
			if in.secret, err = s.openWorkflow(in.stored, in.rows); err != nil {
				return err
			}
		}
		var ended []squall.ID
		for _, ev := range in.events {
			if ev.Kind == store.WorkflowChild && (ev.Status.Final() || ev.Status == squall.Paused || ev.Status == squall.Pending) {
				ended = append(ended, ev.Child)
			}
		}
		if len(ended) == 0 {
			return nil
		}
		children, err := tx.FindExecutions(ctx, store.ExecutionFilter{IDs: ended, Limit: len(ended), Parts: store.WithResult})
		for _, child := range children {
			if child.Runner == InquiryRunner { // who answered it stands in its log
				if child, err = tx.Execution(ctx, child.ID, store.WithResult|store.WithLog); err != nil {
					return err
				}
			}
			opened, found := s.ring.OpenDocument(auth.ForResult(child.ID), child.Result)
			child.Result, in.secret = opened, in.secret || found
			in.results[child.ID] = child
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read in-box: %w", err)
	}
	return in, nil
}

// decide finds out what the events lead to. It writes nothing.
func (s *Service) decide(ctx context.Context, in *inbox, fl *flow) (*decision, error) {
	d := &decision{ex: in.ex, status: in.ex.Status, now: in.now, change: store.WorkflowChange{ID: in.ex.ID, Root: in.ex.Root}}
	for _, ev := range in.events {
		d.change.Consumed = append(d.change.Consumed, ev.Number)
	}
	w := &rowWriter{}
	switch {
	case in.stored == nil:
		if in.ex.Status.Final() { // canceled before it began
			d.change.State = w.state(&flowState{})
			return d, w.err
		}
		var changes []workflow.Changes
		var fault *flowFault
		var err error
		if fl, changes, fault, err = s.beginFlow(ctx, in.ex, beginDoc(in.events)); err != nil {
			return nil, err
		}
		d.begun = true
		if fault != nil {
			d.status, d.result, d.reason = squall.Failed, fault.result(in.ex.Runner), NotBegun
			if auth.HoldsSealed(in.ex.Parameters) { // the message may quote
				d.result = s.sealWhole(in.ex.ID, d.result)
			}
			d.change.State = w.state(&flowState{})
			return d, w.err
		}
		for i := range changes {
			w.changes(&d.change, &changes[i])
			fl.queue(changes[i].Run)
			d.goOn = changes[i].More
		}
		if fl.revision == 0 && len(fl.restored) > 0 {
			d.change.Put = append(fl.restored, d.change.Put...)
			fl.restored = nil
		}
	case fl == nil || fl.revision != in.stored.Revision:
		var err error
		if fl, err = s.restoreFlow(ctx, in); err != nil {
			return nil, err
		}
	}
	d.flow, d.change.Base = fl, fl.revision
	if in.secret {
		fl.secrets.note()
	}
	fl.tasks.fresh()
	for _, ev := range in.events {
		s.tell(ctx, d, w, ev, in.results)
		if fl.c.Status().Final() {
			d.settleStatus(w) // with what it is now: which events come together is chance
		}
	}
	if err := s.requestWaiting(ctx, d, w); err != nil {
		return nil, err
	}
	d.settleStatus(w)
	d.change.State = w.state(&fl.state)
	settle(&d.change)
	if w.err != nil {
		return nil, w.err
	}
	if err := s.sealStep(ctx, d); err != nil {
		return nil, err
	}
	d.lossy = w.lossy
	fl.revision = d.change.Base + 1
	return d, nil
}

// apply lets the conductor process events and adds what that changes.
func (d *decision) apply(ctx context.Context, w *rowWriter, events ...workflow.Event) {
	ch := d.flow.c.Apply(ctx, events...)
	w.changes(&d.change, &ch)
	d.flow.state.row = ch.Workflow
	d.flow.queue(ch.Run)
	d.goOn = ch.More
	if c, ok := d.flow.c.(interface{ Stalled() bool }); ok && c.Stalled() {
		d.apply(ctx, w, workflow.Request{Status: squall.Paused})
	}
}

// tell gives one event to the conductor.
func (s *Service) tell(ctx context.Context, d *decision, w *rowWriter, ev store.WorkflowEvent, children map[squall.ID]*squall.Execution) {
	fl := d.flow
	switch ev.Kind {
	case store.WorkflowChild:
		report := workflow.Report{Task: ev.Task.Task, Route: ev.Task.Route, Item: ev.Task.Item, Status: ev.Status}
		if ev.Status.Final() {
			fl.state.active--
		}
		if child := children[ev.Child]; child != nil {
			report.Result = resultValue(child.Result)
			report.Child = workflow.Child{Execution: string(child.ID), Created: instant(child.CreatedAt), Updated: instant(child.UpdatedAt)}
			if goesOn(fl.c, child, ev.Status) {
				d.reason = resumedBy(child)
				if d.signal == "" { // what is paused in it goes on as well, as after an order (st2)
					d.signal = squall.Resuming
					d.by, _ = strings.CutPrefix(d.reason, "resumed by ")
				}
				d.apply(ctx, w, workflow.Request{Status: squall.Resuming})
			}
			if ev.Status.Final() && stillPaused(fl.c, child) {
				d.apply(ctx, w, workflow.Report{Task: report.Task, Route: report.Route, Item: report.Item, Status: squall.Running})
			}
		}
		d.apply(ctx, w, report)
	case store.WorkflowControl:
		d.signal, d.by = ev.Status, string(ev.Doc)
		d.apply(ctx, w, workflow.Request{Status: ev.Status})
		if ev.Status == squall.Canceled {
			fl.dropWaiting(ctx, d, w, false)
		}
	case store.WorkflowGoOn:
		d.apply(ctx, w)
	case store.WorkflowBegin: // done before events are told
	}
}

// stillPaused reports whether a workflow takes a child, a workflow too, for
// paused. One that had nothing left to do ends in the moment it is resumed, and
// never said that it runs again; without that its end would not count.
func stillPaused(c conductor, child *squall.Execution) bool {
	if _, flow := c.(orquesta); !flow || !IsFlow(child.Runner) {
		return false
	}
	_, status, found := c.FindTask(child.Parent.Task, int64(child.Parent.Route))
	return found && slices.Contains([]squall.Status{squall.Paused, squall.Pausing, squall.Resuming}, squall.Status(status))
}

// instant is how st2 writes an instant in results.
func instant(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000-07:00") }

// resultValue reads the result of a child; one that is no JSON is a text.
func resultValue(doc json.RawMessage) any {
	if len(doc) == 0 {
		return nil
	}
	v, err := value.FromJSON(doc)
	if err != nil {
		return string(doc)
	}
	return v
}

// queue adds actions to those that wait to be requested.
func (fl *flow) queue(run []workflow.RunAction) {
	for _, r := range run {
		fl.waiting = append(fl.waiting, waitingAction{number: fl.state.nextWaiting, run: r})
		fl.state.nextWaiting++
	}
}

// dropWaiting cancels the actions that were not requested yet; after a failure
// all but those that clean up.
func (fl *flow) dropWaiting(ctx context.Context, d *decision, w *rowWriter, cleanUp bool) {
	for {
		var reports []workflow.Event
		fl.waiting = slices.DeleteFunc(fl.waiting, func(a waitingAction) bool {
			if cleanUp && a.run.OnFail {
				return false
			}
			d.unqueue(a)
			reports = append(reports, workflow.Report{Task: a.run.Task, Route: a.run.Route, Item: a.run.Item, Status: squall.Canceled})
			return true
		})
		if len(reports) == 0 {
			return
		}
		d.apply(ctx, w, reports...)
	}
}

func (d *decision) unqueue(a waitingAction) {
	if a.stored {
		remove(&d.change, store.WorkflowKey{Kind: store.WorkflowWaiting, Number: a.number})
	}
}

// requestWaiting prepares the requests of actions that may start. Items beyond
// the window stay, as rows; other actions start at once. A request that is
// refused fails the workflow (st2).
func (s *Service) requestWaiting(ctx context.Context, d *decision, w *rowWriter) error {
	fl := d.flow
	if fl.c.Status().Final() {
		fl.dropWaiting(ctx, d, w, fl.c.Status() == squall.Failed) // nobody waits for them any more
	}
	for again := true; again; {
		again = false
		list := fl.waiting
		fl.waiting = nil
		for i, a := range list {
			if a.run.Item != workflow.NoItem && fl.state.active >= s.flow.Window {
				fl.waiting = append(fl.waiting, a)
				continue
			}
			p, err := s.prepareChild(ctx, d.ex, fl.c, a.run)
			switch {
			case err == nil:
			case squall.KindOf(err) == squall.Unavailable:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			default:
				d.unqueue(a)
				fl.waiting = append(fl.waiting, list[i+1:]...)
				d.apply(ctx, w, refusal(a.run, err, d.now))
				if fl.c.Status().Final() {
					fl.dropWaiting(ctx, d, w, true)
				}
				again = len(fl.waiting) > 0
			}
			if err != nil {
				break
			}
			d.unqueue(a)
			d.children = append(d.children, p)
			fl.state.active++
		}
	}
	for i := range fl.waiting {
		if a := &fl.waiting[i]; !a.stored {
			put(&d.change, w.waiting(a.number, &a.run))
			a.stored = true
		}
	}
	return nil
}

// refusal tells the conductor that an action could not be requested.
func refusal(run workflow.RunAction, err error, now time.Time) workflow.Refusal {
	r := workflow.Refusal{Task: run.Task, Route: run.Route, Item: run.Item, Message: squall.MessageOf(err), At: instant(now)}
	if _, ok := errors.AsType[*noAction](err); ok {
		r.Kind = workflow.RefusedAction
	} else if _, ok := errors.AsType[*badCast](err); ok {
		r.Kind = workflow.RefusedCast
	}
	return r
}

// settleStatus brings the execution to where the conductor is. One that was
// asked to stop is canceled in the end, whatever its last task made of that.
func (d *decision) settleStatus(w *rowWriter) {
	to := d.flow.c.Status()
	switch {
	case d.ex.Status.Final(), d.status.Final(), to == "":
		return
	case d.ex.Status == squall.Canceling && to.Final():
		to = squall.Canceled
	case d.ex.Status == squall.Canceling:
		to = squall.Canceling
	case d.begun && to == squall.Resuming: // one that goes on from another begins here
		to = squall.Running
	}
	d.status = to
	d.result = d.flow.c.result(w, to)
}
