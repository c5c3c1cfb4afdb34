package lifecycle

import (
	"bytes"
	"context"
	"encoding/json"

	"squall/internal/squall"
	"squall/internal/store"
)

// Prepared is a request that was read and decided, to be written in a
// transaction of the caller's: Prepare, then InsertTx in that transaction, then
// Settle, in any case and once.
type Prepared struct {
	p    *prepared
	slot Slot
	ex   *squall.Execution
}

// Prepare reads and decides a request. When this process has a free slot and
// nobody waits, it takes it, so that the execution starts with the commit. Error
// kinds are those of Request.
func (s *Service) Prepare(ctx context.Context, r squall.Request) (*Prepared, error) {
	if def := s.newest(r.Action); def != nil && def.Action.Enabled {
		if p, err := s.prepare(ctx, s.st.View, def, r); err == nil {
			return &Prepared{p: p, slot: s.reserve(p)}, nil
		}
	}
	var def *Definition
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		def, err = s.current(ctx, tx, r.Action)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, s.st.View, def, r)
	if err != nil {
		return nil, err
	}
	return &Prepared{p: p, slot: s.reserve(p)}, nil
}

// ErrStale says that an action has changed since it was read.
var ErrStale = errStale

// InsertTx writes the execution. It may be called again when the transaction
// runs again. ErrStale: the action has changed, and the request has to be
// prepared again, after Settle.
func (s *Service) InsertTx(ctx context.Context, tx store.Tx, p *Prepared) (ex *squall.Execution, err error) {
	version, err := tx.CurrentVersion(ctx, p.p.Action)
	if squall.KindOf(err) == squall.NotFound || err == nil && version != p.p.def.Version {
		s.forget(p.p.Action)
		return nil, ErrStale
	}
	if err != nil {
		return nil, err
	}
	use := p.slot
	if use != nil {
		held, err := tx.HoldsLease(ctx, use.Owner())
		if err != nil {
			return nil, err
		}
		if !held {
			use = nil
		}
	}
	p.ex, err = s.insert(ctx, tx, p.p, use)
	return p.ex, err
}

// Settle ends a Prepared after its transaction, whose outcome is committed: the
// execution starts, or its slot is given back.
func (s *Service) Settle(ctx context.Context, p *Prepared, committed bool) {
	done := committed && p.ex != nil
	switch {
	case p.slot == nil:
	case done && p.ex.Status == squall.Running:
		p.slot.Start(p.ex)
	default:
		p.slot.Release()
	}
	p.slot = nil
	if done && IsFlow(p.ex.Runner) && p.ex.Status == squall.Requested {
		s.advanceSoon(ctx, p.ex.ID)
	}
}

// joinTrace adds an execution that was requested with a name of a trace to it.
// Those that rules request belong to the trace of their event, and children to
// that of their root.
func (s *Service) joinTrace(ctx context.Context, tx store.Tx, ex *squall.Execution) error {
	if ex.Parent != nil || !bytes.Contains(ex.Context, []byte(`"trace_context"`)) {
		return nil
	}
	var doc struct {
		Trace struct {
			ID  squall.ID `json:"id_"`
			Tag string    `json:"trace_tag"`
		} `json:"trace_context"`
		Event json.RawMessage `json:"trigger_instance"`
	}
	if json.Unmarshal(ex.Context, &doc) != nil || doc.Event != nil {
		return nil //nolint:nilerr // what is no name of a trace is none
	}
	id := doc.Trace.ID
	if !id.Valid() {
		if doc.Trace.Tag == "" {
			return nil
		}
		t, err := Trace(ctx, tx, s.ids, doc.Trace.Tag)
		if err != nil {
			return err
		}
		id = t.ID
	}
	return tx.AddToTrace(ctx, id, ex.ID)
}

// Trace returns the trace with that name, and makes it if there is none.
func Trace(ctx context.Context, tx store.Tx, ids *squall.IDSource, tag string) (*squall.Trace, error) {
	t, err := tx.NamedTrace(ctx, tag)
	if squall.KindOf(err) != squall.NotFound {
		return t, err
	}
	t = &squall.Trace{ID: ids.Next(tx.Now()), Tag: tag, At: tx.Now()}
	return t, tx.PutTrace(ctx, t)
}

// Datastore is what rules may look up: all keys, and the plain text of secrets
// where a rule says so.
func (s *Service) Datastore() *Datastore {
	return &Datastore{read: s.st.View, ring: s.ring, decrypt: true}
}

// Try returns the parameters that a request would be stored with, its secrets
// masked, and stores nothing. Error kinds are those of Request.
func (s *Service) Try(ctx context.Context, r squall.Request) (parameters json.RawMessage, err error) {
	var def *Definition
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		def, err = s.current(ctx, tx, r.Action)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, s.st.View, def, r)
	if err != nil {
		return nil, err
	}
	return def.Form.Mask(p.Parameters), nil
}
