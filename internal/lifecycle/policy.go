package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"squall/internal/policy"
	"squall/internal/squall"
	"squall/internal/store"
)

// neverDue is the due time of an execution that waits at a gate: whoever leaves
// the gate makes it due.
var neverDue = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// retryGate is the place that executions have whose end a policy wants to see.
// Nobody waits there.
const retryGate = "retry"

// policies keeps the policies of actions as they are under one version of the
// content.
type policies struct {
	mu      sync.Mutex
	version int64
	none    bool // there are no policies at all
	sets    map[squall.Ref]*policy.Set
}

// anyPolicies reports whether there is a policy for anything.
func (s *Service) anyPolicies(ctx context.Context, tx store.Tx) (bool, error) {
	version, err := tx.ContentVersion(ctx)
	if err != nil {
		return false, err
	}
	c := &s.policies
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == version && c.sets != nil {
		return !c.none, nil
	}
	n, err := tx.CountContent(ctx, store.ContentFilter{Kind: store.Policies})
	if err != nil {
		return false, err
	}
	c.version, c.none, c.sets = version, n == 0, map[squall.Ref]*policy.Set{}
	return n > 0, nil
}

// policiesOf returns the policies of an action.
func (s *Service) policiesOf(ctx context.Context, tx store.Tx, action squall.Ref) (*policy.Set, error) {
	some, err := s.anyPolicies(ctx, tx)
	if err != nil || !some {
		return nil, err
	}
	c := &s.policies
	c.mu.Lock()
	set, known := c.sets[action]
	version := c.version
	c.mu.Unlock()
	if known {
		return set, nil
	}
	list, err := store.Find[squall.Policy](ctx, tx, store.ContentFilter{Kind: store.Policies, Link: action.String()})
	if err != nil {
		return nil, fmt.Errorf("read policies of action %s: %w", action, err)
	}
	set, problems := policy.Compile(list)
	for _, p := range problems {
		s.log.Warn("a policy does nothing", "problem", p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == version {
		c.sets[action] = set
	}
	return set, nil
}

// SerialKey is the member of an execution's context that names a gate of its
// own: of the executions that name the same, one at a time runs.
const SerialKey = "one_at_a_time"

func serialGate(runContext json.RawMessage) string {
	if !bytes.Contains(runContext, []byte(`"`+SerialKey+`"`)) {
		return ""
	}
	var doc struct {
		Gate string `json:"one_at_a_time"`
	}
	if json.Unmarshal(runContext, &doc) != nil || doc.Gate == "" {
		return ""
	}
	return "serial:" + doc.Gate
}

// entry is what an execution's policies say when it is requested or becomes due.
type entry struct {
	gates    []policy.Gate
	retries  bool
	decision policy.Decision
	by       string    // the policy that decided
	at       time.Time // when it may begin, with the decision Run
}

// enter asks the policies of an execution. It locks its gates until the end of
// the transaction, so whatever is decided is true when it is written.
func (s *Service) enter(ctx context.Context, tx store.Tx, ex *squall.Execution) (*entry, error) {
	set, err := s.policiesOf(ctx, tx, ex.Action)
	serial := serialGate(ex.Context)
	if err != nil || set.Empty() && serial == "" {
		return nil, err
	}
	def, err := s.definition(ctx, tx, ex.ActionVersion)
	if err != nil {
		return nil, err
	}
	parameters, err := s.OpenParameters(def, ex.Parameters)
	if err != nil {
		return nil, err
	}
	e := &entry{gates: set.Gates(parameters), retries: set.Retries(), decision: policy.Run, at: tx.Now()}
	if serial != "" {
		e.gates = append(e.gates, policy.Gate{Name: serial, Policy: serial, Room: 1})
		slices.SortFunc(e.gates, func(a, b policy.Gate) int { return cmp.Compare(a.Name, b.Name) })
	}
	if ex.NotBefore.After(tx.Now()) {
		e.decision = policy.Delay // it is asked again when it is due
		return e, nil
	}
	return e, s.pass(ctx, tx, e)
}

func (s *Service) pass(ctx context.Context, tx store.Tx, e *entry) (err error) {
	now := tx.Now()
	kept, inside := make([][]byte, len(e.gates)), make([]int, len(e.gates))
	for i, g := range e.gates { // in the order of their names
		if kept[i], err = tx.LockGate(ctx, g.Name); err != nil {
			return err
		}
		if g.Rate != nil {
			if g.Cancel && !g.Rate.Open(kept[i], now) {
				e.decision, e.by = policy.Cancel, g.Policy
				return nil
			}
			continue
		}
		if inside[i], err = tx.CountGate(ctx, g.Name); err != nil {
			return err
		}
	}
	if e.decision, e.by = policy.Admit(e.gates, inside); e.decision != policy.Run {
		return nil
	}
	for i, g := range e.gates {
		if g.Rate == nil {
			continue
		}
		at, keep := g.Rate.Admit(kept[i], now)
		if err := tx.PutGate(ctx, g.Name, keep); err != nil {
			return err
		}
		if at.After(e.at) {
			e.at, e.by = at, g.Policy
		}
	}
	return nil
}

// apply makes a new execution what its policies say. It returns whether it may
// begin at once.
func (e *entry) apply(ex *squall.Execution, now time.Time) (runs bool) {
	change := func(st squall.Status, reason string) {
		ex.Status = st
		ex.Log = append(ex.Log, squall.Change{Status: st, At: now, Reason: reason})
	}
	switch {
	case e.decision == policy.Cancel: // st2: without a result
		change(squall.Canceling, "policy "+e.by)
		change(squall.Canceled, "policy "+e.by)
		ex.EndedAt = now
	case ex.NotBefore.After(now):
		change(squall.Delayed, "")
	case e.decision == policy.Delay:
		change(squall.Delayed, "policy "+e.by)
		ex.NotBefore = neverDue
	case e.at.After(now):
		change(squall.Delayed, "policy "+e.by)
		ex.NotBefore = e.at
	default:
		return true
	}
	return false
}

// putPlaces writes where an execution now is.
func (e *entry) putPlaces(ctx context.Context, tx store.Tx, id squall.ID) error {
	if e.decision == policy.Cancel {
		return nil
	}
	for _, g := range e.gates {
		if err := tx.PutPlace(ctx, store.Place{Gate: g.Name, Execution: id, Waiting: e.decision == policy.Delay}); err != nil {
			return err
		}
	}
	if !e.retries {
		return nil
	}
	return tx.PutPlace(ctx, store.Place{Gate: retryGate, Execution: id})
}

// left is what follows the end of an execution: who waits at its gates may go
// on, and its policies may want it run again.
func (s *Service) left(ctx context.Context, tx store.Tx, ex *squall.Execution, ended squall.Status) error {
	set, err := s.policiesOf(ctx, tx, ex.Action)
	if err != nil || set.Empty() && serialGate(ex.Context) == "" {
		return err // places of policies that are gone: AdmitWaiting
	}
	id := ex.ID
	// Who comes to a gate from here on waits until this transaction has let others
	// in: otherwise one could join the queue unseen and never be called.
	places, err := tx.Places(ctx, id)
	if err != nil || len(places) == 0 {
		return err
	}
	for _, p := range places {
		if p.Gate != retryGate {
			if _, err := tx.LockGate(ctx, p.Gate); err != nil {
				return err
			}
		}
	}
	if _, err := tx.LeaveGates(ctx, id); err != nil {
		return err
	}
	for _, p := range places {
		if p.Gate == retryGate {
			err = s.retry(ctx, tx, id, ended)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range places {
		if p.Gate == retryGate || p.Waiting {
			continue
		}
		if err := s.admitNext(ctx, tx, p.Gate); err != nil {
			return err
		}
	}
	return nil
}

// lookPast is how many of those who wait at a gate are tried when the first
// ones have to wait for another gate, too.
const lookPast = 50

// admitNext lets those who wait at a gate go on as long as there is room.
func (s *Service) admitNext(ctx context.Context, tx store.Tx, gate string) error {
	waiting, err := tx.Waiting(ctx, gate, lookPast)
	if err != nil {
		return err
	}
	let := false
	for _, id := range waiting {
		ok, err := s.tryAdmit(ctx, tx, id)
		if err != nil {
			return err
		}
		if let && !ok { // one has gone and the next may not: nearly always there is no room
			return nil
		}
		let = let || ok
	}
	return nil
}

// tryAdmit asks the policies of an execution that waits, as they are now.
func (s *Service) tryAdmit(ctx context.Context, tx store.Tx, id squall.ID) (ok bool, err error) {
	ex, err := tx.Execution(ctx, id, store.WithParameters)
	if err != nil {
		return false, err
	}
	if ex.Status != squall.Delayed {
		return false, nil // somebody else has let it in, or it was canceled
	}
	now := tx.Now()
	if ex.NotBefore.After(now) && ex.NotBefore.Before(neverDue) {
		return false, nil // not due, whatever its policies say
	}
	due := *ex
	due.NotBefore = now
	e, err := s.enter(ctx, tx, &due)
	if err != nil {
		return false, err
	}
	if e == nil {
		e = &entry{decision: policy.Run, at: now}
	}
	m := store.Move{ID: id, From: []squall.Status{squall.Delayed}, Version: ex.Version, To: squall.Requested, NotBefore: &e.at}
	switch {
	case e.decision == policy.Cancel:
		e.decision = policy.Delay // it was let wait; that the policy has changed since does not cancel it
		fallthrough
	case e.decision == policy.Delay:
		if !ex.NotBefore.Before(neverDue) {
			return false, nil
		}
		never := neverDue
		m.To, m.NotBefore = squall.Delayed, &never
	case e.at.After(now):
		m.To = squall.Delayed
	default:
		m.Log = []squall.Change{{Status: squall.Requested, At: now}}
	}
	// The move comes before the places: another node may have admitted it while
	// this one waited for the gate.
	moved, err := tx.MoveExecution(ctx, m)
	if err != nil || !moved {
		return false, err
	}
	if e.decision == policy.Run {
		if _, err := tx.LeaveGates(ctx, id); err != nil { // also those of policies that are gone
			return false, err
		}
	}
	if err := e.putPlaces(ctx, tx, id); err != nil || e.decision != policy.Run {
		return false, err
	}
	tx.Wake(store.TopicWork)
	if m.To == squall.Delayed {
		return true, nil
	}
	if IsFlow(ex.Runner) {
		tx.Wake(store.TopicFlow)
		if err := tx.ReleaseWorkflow(ctx, id); err != nil {
			return false, err
		}
	}
	return true, announce(ctx, tx, store.ExecutionUpdated, id, squall.Requested)
}

// retryContext is what the context of a repeated execution says (st2).
type retryContext struct {
	Policies struct {
		Retry struct {
			Policy  string    `json:"applied_policy"`
			Count   int       `json:"retry_count"`
			Retried squall.ID `json:"retried_liveaction_id"`
		} `json:"retry"`
	} `json:"policies"`
}

// retry requests an execution again when its policies say so. st2: children of
// workflows are not repeated; there, workflows say what follows a failure.
func (s *Service) retry(ctx context.Context, tx store.Tx, id squall.ID, ended squall.Status) error {
	if ended != squall.Failed && ended != squall.Timeout {
		return nil
	}
	ex, err := tx.Execution(ctx, id, store.WithParameters)
	if err != nil || ex.Parent != nil {
		return err
	}
	set, err := s.policiesOf(ctx, tx, ex.Action)
	if err != nil {
		return err
	}
	var said retryContext
	if err := json.Unmarshal(ex.Context, &said); err != nil {
		said = retryContext{} // nobody has repeated it
	}
	delay, by, again := set.Retry(ended, said.Policies.Retry.Count)
	if !again {
		return nil
	}
	said.Policies.Retry.Policy, said.Policies.Retry.Retried = by, id
	said.Policies.Retry.Count++
	doc := map[string]any{}
	if err := json.Unmarshal(ex.Context, &doc); err != nil {
		return fmt.Errorf("context of execution %s: %w", id, err)
	}
	doc["policies"] = said.Policies
	runContext, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("context of the retry of execution %s: %w", id, err)
	}
	// The same form of the action with the same values: nothing is rendered anew.
	def, err := s.definition(ctx, tx, ex.ActionVersion)
	if err != nil {
		return err
	}
	r := squall.Request{Action: ex.Action, Parameters: ex.Parameters, Context: runContext, User: ex.User, Queue: ex.Queue}
	if delay > 0 {
		r.NotBefore = tx.Now().Add(delay)
	}
	_, err = s.insert(ctx, tx, &prepared{Request: r, def: def}, nil)
	return err
}

// admitDue asks the policies of executions that were delayed and are due.
func (s *Service) admitDue(ctx context.Context, tx store.Tx) error {
	ids, err := tx.DueWaiting(ctx, 200)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := s.tryAdmit(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// AdmitWaiting looks after all executions that wait at gates: those whose
// policies have changed or are gone may go on, and places of executions that are
// over become free. It returns how many go on. One node calls it now and then;
// whoever ends an execution does what is needed for its gates at once.
func (s *Service) AdmitWaiting(ctx context.Context) (admitted int, err error) {
	var waiting []squall.ID
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		waiting, err = tx.Waiting(ctx, "", 1000)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("list waiting executions: %w", err)
	}
	err = s.st.Update(ctx, func(tx store.Tx) error {
		stale, err := tx.StalePlaces(ctx, 200)
		if err != nil {
			return err
		}
		for _, id := range stale {
			if _, err := tx.LeaveGates(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("free stale places: %w", err)
	}
	for _, id := range waiting {
		ok := false
		err := s.st.Update(ctx, func(tx store.Tx) (err error) {
			ok, err = s.tryAdmit(ctx, tx, id)
			return err
		})
		if err != nil {
			return admitted, fmt.Errorf("admit execution %s: %w", id, err)
		}
		if ok {
			admitted++
		}
	}
	return admitted, nil
}
