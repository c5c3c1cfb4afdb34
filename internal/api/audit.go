package api

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// entry begins an entry of the audit log about r.
func (s *Server) entry(r *request, target string, outcome squall.AuditOutcome) *squall.AuditEntry {
	e := &squall.AuditEntry{
		ID: s.IDs.Next(time.Now()), User: r.caller.User, Method: r.caller.method, Target: target,
		From: s.clientAddress(r), RequestID: r.id, Outcome: outcome, Action: r.Method + " " + r.URL.Path,
	}
	if r.route != nil {
		if e.Action = string(r.route.need); e.Action == "" {
			e.Action = r.Method + " " + r.route.path
		}
	}
	return e
}

// note writes into the transaction that makes it true that r changed target, a
// UID. A changing handler that does not call it gets its entry in a transaction
// of its own, right behind.
func (s *Server) note(tx store.Tx, r *request, target string) error {
	r.noted = true
	return tx.AppendAudit(r.Context(), s.entry(r, target, squall.AuditDone))
}

// inTransaction is note for lifecycle, which writes the entry and knows the target.
func (s *Server) inTransaction(r *request, detail string) *squall.AuditEntry {
	r.noted = true
	e := s.entry(r, "", squall.AuditDone)
	e.Detail = detail
	return e
}

// auditOutcome writes the entry of a request that has ended with err: every
// refused one, and every change that did not write its own. Reading what is
// permitted leaves no trace.
func (s *Server) auditOutcome(r *request, err error) {
	changes := r.route != nil && r.Method != http.MethodGet && r.Method != http.MethodHead && !r.route.reads
	outcome := outcomeOf(err)
	switch {
	case outcome == squall.AuditDone && (!changes || r.noted):
		return
	case outcome != squall.AuditDone && outcome != squall.AuditDenied && !changes:
		return
	}
	e := s.entry(r, r.URL.Path, outcome)
	if err != nil {
		_, e.Detail = fault(err)
	}
	if e.User == "" && r.claimed != "" {
		e.Target = "user:" + r.claimed
	}
	if outcome == squall.AuditDenied {
		more, ok := s.denials.allow(time.Now())
		if !ok {
			return
		}
		if more > 0 {
			e.Detail += " (and " + strconv.Itoa(more) + " refusals before this one that are not listed)"
		}
	}
	// The client may have gone; what it did stays true.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return tx.AppendAudit(ctx, e) }); err != nil {
		s.Log.ErrorContext(ctx, "the audit log could not be written", "request_id", r.id, "user", e.User, "action", e.Action,
			"target", e.Target, "outcome", e.Outcome, "error", err)
	}
}

func outcomeOf(err error) squall.AuditOutcome {
	if err == nil {
		return squall.AuditDone
	}
	switch status, _ := fault(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests:
		return squall.AuditDenied
	case status < 500:
		return squall.AuditInvalid
	default:
		return squall.AuditFailed
	}
}

// denials bounds how many refusals are written: somebody who is not even let in
// must not be able to fill the disk. What is left out is counted.
type denials struct {
	mu      sync.Mutex
	tokens  float64
	last    time.Time
	skipped int
}

// Bounds of the refusals in the audit log.
const (
	denialBurst = 500
	denialRate  = 5 // a second
)

// allow reports whether a refusal may be written, and how many before it were not.
func (d *denials) allow(now time.Time) (skipped int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last.IsZero() {
		d.tokens = denialBurst
	} else {
		d.tokens = min(denialBurst, d.tokens+now.Sub(d.last).Seconds()*denialRate)
	}
	d.last = now
	if d.tokens < 1 {
		d.skipped++
		return 0, false
	}
	d.tokens--
	skipped, d.skipped = d.skipped, 0
	return skipped, true
}

// auditList lists entries, the newest first. Filters: user, action, target,
// from, outcome, timestamp_gt (at or after) and timestamp_lt (before).
func (s *Server) auditList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 50)
	if err != nil {
		return err
	}
	q := r.query
	f := store.AuditFilter{
		User: q.Get("user"), Action: q.Get("action"), Target: q.Get("target"), From: q.Get("from"),
		Outcome: squall.AuditOutcome(q.Get("outcome")), Offset: p.offset, Limit: p.limit,
	}
	if f.Since, err = instant(q, "timestamp_gt"); err != nil {
		return err
	}
	if f.Until, err = instant(q, "timestamp_lt"); err != nil {
		return err
	}
	var entries []*squall.AuditEntry
	var total int
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if total, err = tx.CountAudit(r.Context(), f); err != nil {
			return err
		}
		entries, err = tx.FindAudit(r.Context(), f)
		return err
	})
	if err != nil {
		return err
	}
	list := make([]wire.AuditEntry, len(entries))
	for i, e := range entries {
		list[i] = wire.AuditEntry{
			ID: string(e.ID), Timestamp: wire.Time{Time: e.At}, User: e.User, Method: e.Method, Action: e.Action, Target: e.Target,
			From: e.From, RequestID: e.RequestID, Outcome: string(e.Outcome), Detail: e.Detail,
		}
	}
	p.headers(w.Header(), total)
	return respondJSON(w, http.StatusOK, list)
}
