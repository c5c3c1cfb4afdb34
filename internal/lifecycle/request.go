package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"squall/internal/policy"
	"squall/internal/squall"
	"squall/internal/store"
)

// Request accepts a request for a run, in one transaction. When this process
// has a free slot and nobody waits, the execution is running when it returns.
// Error kinds: Invalid for an unknown or disabled action and for wrong
// parameters, Unavailable when the database cannot store it.
func (s *Service) Request(ctx context.Context, r squall.Request) (*squall.Execution, error) {
	ctx, span := s.tracer.Start(ctx, "request "+r.Action.String(), trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()

	ex, err := s.request(ctx, r)
	if err != nil {
		return nil, err
	}
	span.SetAttributes(attribute.String("squall.execution_id", string(ex.ID)))
	if IsFlow(ex.Runner) {
		s.advanceSoon(ctx, ex.ID)
	}
	return ex, nil
}

// errStale says that an action has changed since it was read.
var errStale = fmt.Errorf("the action has changed: %w", errSuperseded)

// mustBePresent is the guard of requests that were decided with the form of the
// action in memory. Error: errStale.
func (s *Service) mustBePresent(ctx context.Context, tx store.Tx, p *prepared) error {
	version, err := tx.CurrentVersion(ctx, p.Action)
	if squall.KindOf(err) == squall.NotFound || err == nil && version != p.def.Version {
		s.forget(p.Action)
		return errStale
	}
	return err
}

// request decides with the form of the action that it remembers; the
// transaction checks that this is still the present one. So the usual request
// reads nothing in front of its one write. What the remembered form refuses is
// decided again with the present one.
func (s *Service) request(ctx context.Context, r squall.Request) (*squall.Execution, error) {
	if def := s.newest(r.Action); def != nil && def.Action.Enabled {
		ex, err := s.requestAs(ctx, def, r)
		if err == nil || !errors.Is(err, errStale) && squall.KindOf(err) != squall.Invalid {
			return ex, err
		}
	}
	for {
		var def *Definition
		err := s.st.View(ctx, func(tx store.Tx) (err error) {
			def, err = s.current(ctx, tx, r.Action)
			return err
		})
		if err != nil {
			return nil, err
		}
		ex, err := s.requestAs(ctx, def, r)
		if !errors.Is(err, errStale) {
			return ex, err
		}
	}
}

// requestAs requests a run of the action in that form. It fails with errStale
// when the action has another one.
func (s *Service) requestAs(ctx context.Context, def *Definition, r squall.Request) (*squall.Execution, error) {
	p, err := s.prepare(ctx, s.st.View, def, r)
	if err != nil {
		return nil, err
	}
	return s.insertOrStart(ctx, p)
}

// RequestTx is Request inside the caller's transaction: the execution exists
// exactly when that commits. It never starts anything at once.
func (s *Service) RequestTx(ctx context.Context, tx store.Tx, r squall.Request) (*squall.Execution, error) {
	def, err := s.current(ctx, tx, r.Action)
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, within(tx), def, r)
	if err != nil {
		return nil, err
	}
	return s.insert(ctx, tx, p, nil)
}

// prepared is a request that was read and decided, ready to be written.
type prepared struct {
	squall.Request
	def *Definition
	// begin is what a workflow is told with its first event; nil for nothing.
	begin json.RawMessage
}

// current returns the present form of a request's action, which st2 calls a
// mistake of the caller's when there is none.
func (s *Service) current(ctx context.Context, tx store.Tx, ref squall.Ref) (*Definition, error) {
	def, err := s.Present(ctx, tx, ref)
	if squall.KindOf(err) == squall.NotFound {
		return nil, &noAction{squall.Errorf(squall.Invalid, "Action %q cannot be found.", ref)}
	}
	if err != nil {
		return nil, err
	}
	s.remember(ref, def)
	if !def.Action.Enabled {
		return nil, squall.Errorf(squall.Invalid, "Unable to execute. Action %q is disabled.", ref)
	}
	return def, nil
}

// Present returns the present form of an action. Error kind: NotFound.
func (s *Service) Present(ctx context.Context, tx store.Tx, ref squall.Ref) (*Definition, error) {
	version, err := tx.CurrentVersion(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.definition(ctx, tx, version)
}

// noAction is a request for an action that does not exist.
type noAction struct{ error }

func (e *noAction) Unwrap() error { return e.error }

// badCast is a request with a value that cannot be turned into the type of its
// parameter.
type badCast struct{ error }

func (e *badCast) Unwrap() error { return e.error }

// prepareLiteral is prepare for parameters that are values: nothing in them is a
// template, and they are cast one by one before they are checked (st2: what an
// ActionChain does).
func (s *Service) prepareLiteral(ctx context.Context, def *Definition, r squall.Request) (p *prepared, err error) {
	cast, err := def.Form.Cast(r.Parameters)
	if err != nil {
		return nil, &badCast{err}
	}
	if err := s.runnable(def, &r); err != nil {
		return nil, err
	}
	if r.Context, err = contextOf(&r, traceContext(ctx)); err != nil {
		return nil, err
	}
	if r.Parameters, err = def.Form.Validate(cast); err != nil {
		return nil, err
	}
	if r.Parameters, err = s.sealed(def, &r, cast); err != nil {
		return nil, err
	}
	return &prepared{Request: r, def: def}, nil
}

// runnable refuses actions that this process cannot run.
func (s *Service) runnable(def *Definition, r *squall.Request) error {
	if def.Runner == nil {
		return squall.Errorf(squall.Invalid, "Action %q needs the runner %q, which this version does not have.", r.Action, def.Action.Runner)
	}
	if IsFlow(def.Runner.Name) && s.flow.Exprs == nil {
		return squall.Errorf(squall.Invalid, "Action %q is a workflow, and this process does not run workflows.", r.Action)
	}
	return nil
}

// prepare completes the context, renders, checks and seals the parameters.
func (s *Service) prepare(ctx context.Context, read reader, def *Definition, r squall.Request) (*prepared, error) {
	if err := s.runnable(def, &r); err != nil {
		return nil, err
	}
	var err error
	if r.Context, err = contextOf(&r, traceContext(ctx)); err != nil {
		return nil, err
	}
	if r.Parameters, err = s.live(ctx, read, def, &r); err != nil {
		return nil, err
	}
	return &prepared{Request: r, def: def}, nil
}

// insertOrStart stores the request, already running when this process has a
// slot for it.
func (s *Service) insertOrStart(ctx context.Context, p *prepared) (*squall.Execution, error) {
	slot := s.reserve(p)
	var ex *squall.Execution
	err := s.st.Update(ctx, func(tx store.Tx) (err error) {
		if err := s.mustBePresent(ctx, tx, p); err != nil {
			return err
		}
		use := slot
		if slot != nil {
			held, err := tx.HoldsLease(ctx, slot.Owner())
			if err != nil {
				return err
			}
			if !held { // lost, and the node does not know it yet
				use = nil
			}
		}
		ex, err = s.insert(ctx, tx, p, use)
		return err
	})
	switch {
	case slot == nil:
	case err == nil && ex.Status == squall.Running:
		slot.Start(ex)
	default:
		slot.Release()
	}
	return ex, err
}

// reserve takes a slot of this process for the request, nil when it has to wait.
func (s *Service) reserve(p *prepared) Slot {
	local := s.local.Load()
	if local == nil || IsFlow(p.def.Runner.Name) || !p.NotBefore.IsZero() || p.Queue != "" || len(p.def.Action.Labels) > 0 {
		return nil
	}
	slot, ok := (*local).Reserve(p.def.Runner.Name)
	if !ok {
		return nil
	}
	return slot
}

// insert writes the new row, running when it has a slot.
func (s *Service) insert(ctx context.Context, tx store.Tx, p *prepared, slot Slot) (*squall.Execution, error) {
	now := tx.Now()
	ex := &squall.Execution{
		ID:            s.ids.Next(now),
		Action:        p.Action,
		ActionVersion: p.def.Version,
		Runner:        p.def.Runner.Name,
		Parameters:    p.Parameters,
		Context:       p.Context,
		User:          p.User,
		Root:          p.Root,
		Parent:        p.Parent,
		Status:        squall.Requested,
		CreatedAt:     now,
		NotBefore:     now,
		UpdatedAt:     now,
		RerunOf:       p.RerunOf,
		Queue:         squall.QueueFor(p.Queue, p.def.Action.Labels),
		Attached:      attached(p.def, p.Parameters),
		Log:           []squall.Change{{Status: squall.Requested, At: now}},
	}
	if ex.Root == "" {
		ex.Root = ex.ID
	}
	if p.NotBefore.After(now) {
		ex.NotBefore = p.NotBefore
	}
	entry, err := s.enter(ctx, tx, ex)
	if err != nil {
		return nil, err
	}
	switch {
	case entry != nil && !entry.apply(ex, now):
	case ex.NotBefore.After(now):
		ex.Status = squall.Delayed
		ex.Log = append(ex.Log, squall.Change{Status: squall.Delayed, At: now})
	case slot != nil:
		start(ex, p.def, slot.Owner(), now)
	}
	if err := tx.InsertExecution(ctx, ex); err != nil {
		return nil, err
	}
	if entry != nil {
		if err := entry.putPlaces(ctx, tx, ex.ID); err != nil {
			return nil, err
		}
	}
	if err := s.joinTrace(ctx, tx, ex); err != nil {
		return nil, err
	}
	if p.Audit != nil {
		entry := *p.Audit // fn of an Update may run twice
		entry.Target = "execution:" + string(ex.ID)
		if err := tx.AppendAudit(ctx, &entry); err != nil {
			return nil, err
		}
	}
	switch {
	case ex.Status.Final(): // a policy did not let it in
		tx.Wake(store.TopicFlow)
		if _, err := tx.TellParent(ctx, ex.ID, ex.Status); err != nil {
			return nil, err
		}
	case IsFlow(ex.Runner):
		// Its in-box is its place in the queue: what is there is looked after.
		begin := store.WorkflowEvent{Workflow: ex.ID, Kind: store.WorkflowBegin, Doc: p.begin}
		if ex.Status == squall.Delayed {
			begin.Due = ex.NotBefore
		}
		if entry != nil && entry.decision == policy.Delay {
			begin.Due = neverDue // its policies are asked first
		}
		if err := tx.AppendWorkflowEvent(ctx, begin); err != nil {
			return nil, err
		}
		tx.Wake(store.TopicFlow)
		if entry != nil {
			tx.Wake(store.TopicWork)
		}
	case ex.Status != squall.Running:
		tx.Wake(store.TopicWork) // also when delayed: somebody must set an alarm
	}
	return ex, announce(ctx, tx, store.ExecutionCreated, ex.ID, ex.Status)
}

// start makes a new execution one that its owner has claimed.
func start(ex *squall.Execution, def *Definition, owner store.Owner, now time.Time) {
	ex.Status, ex.Node, ex.Epoch = squall.Running, owner.Node, owner.Epoch
	ex.Attempt, ex.StartedAt = 1, now
	ex.Deadline = deadline(def, ex.Parameters, now)
	ex.Log = append(ex.Log,
		squall.Change{Status: squall.Scheduled, At: now, Node: owner.Node},
		squall.Change{Status: squall.Running, At: now, Node: owner.Node})
}

// announce puts a message into the outbox and wakes its readers.
func announce(ctx context.Context, tx store.Tx, kind store.MessageKind, id squall.ID, status squall.Status) error {
	tx.Wake(store.TopicOutbox)
	return tx.AppendOutbox(ctx, store.Message{Kind: kind, Execution: id, Status: status, At: tx.Now()})
}
