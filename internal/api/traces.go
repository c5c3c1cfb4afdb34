package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// traceList lists traces, newest first. Filters: trace_tag, execution,
// trigger_instance, rule.
func (s *Server) traceList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	f, err := fields(r.query, traceFields, nil)
	if err != nil {
		return err
	}
	ids, err := onlyIDs(r.query)
	if err != nil {
		return err
	}
	var docs []wire.Trace
	total := 0
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		found, n, err := s.findTraces(r, tx, p, ids)
		if err != nil {
			return err
		}
		docs, total = make([]wire.Trace, len(found)), n
		for i, t := range found {
			if docs[i], err = traceDocument(r.Context(), tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.headers(w.Header(), total)
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, doc := range docs {
				e.Document(doc, f)
			}
		})
	})
}

func traceFields(name string) (exists, parts bool) {
	switch name {
	case "trigger_instances", "rules", "action_executions":
		return true, true
	}
	return members("id", "uid", "trace_tag", "start_timestamp")(name)
}

// findTraces reads a page of the traces that all filters leave; ids are those
// asked for, nil: any.
func (s *Server) findTraces(r *request, tx store.Tx, p page, ids []squall.ID) (found []*squall.Trace, total int, err error) {
	ctx, q, tag := r.Context(), r.query, r.query.Get("trace_tag")
	narrow := func(some []squall.ID, err error) error {
		if err != nil && squall.KindOf(err) != squall.NotFound {
			return err
		}
		if ids == nil {
			ids = append([]squall.ID{}, some...)
		} else {
			ids = slices.DeleteFunc(ids, func(id squall.ID) bool { return !slices.Contains(some, id) })
		}
		return nil
	}
	if own, is := strings.CutPrefix(tag, executionTag); is && squall.ID(own).Valid() {
		err = narrow([]squall.ID{squall.ID(own)}, nil)
	}
	if id := q.Get("execution"); id != "" && err == nil {
		err = narrow(traceOfExecution(ctx, tx, squall.ID(id)))
	}
	if id := q.Get("trigger_instance"); id != "" && err == nil {
		err = narrow(traceOfEvent(ctx, tx, squall.ID(id)))
	}
	if rule := q.Get("rule"); rule != "" && err == nil {
		err = narrow(tracesOfRule(ctx, tx, rule))
	}
	if err != nil {
		return nil, 0, err
	}
	if ids == nil {
		most := s.CountLimit
		if oldestTraces(q) { // then it says where the page begins
			most = 0
		}
		if total, err = tx.CountTraces(ctx, tag, most); err != nil {
			return nil, 0, err
		}
		offset, limit := p.offset, p.limit
		if oldestTraces(q) { // the last page, turned round
			offset = max(0, total-p.offset-p.limit)
			limit = max(0, total-p.offset-offset)
			if p.limit == 0 {
				offset, limit = 0, total-p.offset
			}
			if limit <= 0 {
				return nil, total, nil
			}
		}
		found, err = tx.FindTraces(ctx, tag, offset, limit)
	} else {
		found, err = tracesByID(ctx, tx, ids, tag)
		total = len(found)
	}
	if oldestTraces(q) {
		slices.Reverse(found)
	}
	if ids != nil {
		found = slice(p, found)
	}
	return found, total, err
}

// oldestTraces reports whether the oldest traces are asked for first. st2: only
// with exactly this word.
func oldestTraces(q url.Values) bool {
	return q.Get("sort_asc") == "True" && q.Get("sort_desc") != "True"
}

// tracesByID reads traces, newest first: those of ids that exist and, where tag
// is not empty, have that name.
func tracesByID(ctx context.Context, tx store.Tx, ids []squall.ID, tag string) (found []*squall.Trace, err error) {
	slices.Sort(ids)
	for _, id := range slices.Backward(slices.Compact(ids)) {
		t, err := readTrace(ctx, tx, id)
		switch {
		case squall.KindOf(err) == squall.NotFound:
		case err != nil:
			return nil, err
		case !differs(tag, t.Tag):
			found = append(found, t)
		}
	}
	return found, nil
}

func traceOfEvent(ctx context.Context, tx store.Tx, id squall.ID) ([]squall.ID, error) {
	ev, err := tx.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	return []squall.ID{ev.Trace}, nil
}

// traceOfExecution returns the trace that an execution, or the root of its
// tree, belongs to.
func traceOfExecution(ctx context.Context, tx store.Tx, id squall.ID) ([]squall.ID, error) {
	ex, err := tx.Execution(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	root, err := tx.Execution(ctx, ex.Root, store.WithParameters)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Trace struct {
			ID squall.ID `json:"id_"`
		} `json:"trace_context"`
	}
	if json.Unmarshal(root.Context, &doc) == nil && doc.Trace.ID.Valid() {
		return []squall.ID{doc.Trace.ID}, nil
	}
	trace, err := tx.TraceOf(ctx, ex.Root)
	if err != nil {
		return nil, err
	}
	return []squall.ID{orDefault(trace, ex.Root)}, nil
}

// executionTag is in front of the identifier in the name of the trace that an
// execution has of itself (st2).
const executionTag = "execution-"

// readTrace reads a trace: one that is stored or, by the identifier of an execution
// that was asked for alone, the one it has of itself. Such traces are in no list of
// all. Error kind: NotFound.
func readTrace(ctx context.Context, tx store.Tx, id squall.ID) (*squall.Trace, error) {
	t, err := tx.Trace(ctx, id)
	if squall.KindOf(err) != squall.NotFound || !id.Valid() {
		return t, err
	}
	if own, err := traceOfExecution(ctx, tx, id); err != nil || own[0] != id {
		return nil, orElse(err, errNoObject(string(id)))
	}
	ex, err := tx.Execution(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	return &squall.Trace{ID: id, Tag: executionTag + string(id), At: ex.CreatedAt}, nil
}

// tracesOfRule returns the traces in which a rule had a part, newest first. Only
// its last thousand are looked at.
func tracesOfRule(ctx context.Context, tx store.Tx, rule string) (ids []squall.ID, err error) {
	if squall.ID(rule).Valid() {
		c, err := tx.ContentByID(ctx, store.Rules, squall.ID(rule))
		if err != nil {
			return nil, err
		}
		rule = c.Ref
	}
	list, err := tx.FindEnforcements(ctx, store.EnforcementFilter{Rule: rule, Limit: 1000})
	if err != nil {
		return nil, err
	}
	seen := map[squall.ID]bool{}
	for _, e := range list {
		ev, err := tx.Event(ctx, e.Event)
		if squall.KindOf(err) == squall.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !seen[ev.Trace] {
			seen[ev.Trace] = true
			ids = append(ids, ev.Trace)
		}
	}
	return ids, nil
}

// maxTraceParts bounds the links of each kind that a trace shows.
const maxTraceParts = 10_000

// traceDocument gathers the links of a trace: its events, what rules made of
// them, and the executions that follow, with all their descendants.
func traceDocument(ctx context.Context, tx store.Tx, t *squall.Trace) (wire.Trace, error) {
	doc := wire.TraceOf(t)
	events, err := tx.FindEvents(ctx, store.EventFilter{Trace: t.ID, Oldest: true, Limit: maxTraceParts})
	if err != nil {
		return doc, err
	}
	for _, ev := range events {
		part := wire.TracePart{ID: ev.ID, Ref: ev.Trigger.String(), At: wire.Time{Time: ev.OccurredAt}}
		if ev.Cause != "" {
			part.CausedBy = wire.TraceCause{Type: "action_execution", ID: string(ev.Cause)}
		}
		doc.Instances = append(doc.Instances, part)
		list, err := tx.FindEnforcements(ctx, store.EnforcementFilter{Event: ev.ID})
		if err != nil {
			return doc, err
		}
		for _, e := range list {
			if e.Number > 0 || e.Execution == "" {
				continue
			}
			rule := wire.ObjectID("rule", e.Rule)
			doc.Rules = append(doc.Rules, wire.TracePart{ID: rule, Ref: e.Rule, At: wire.Time{Time: e.At}, CausedBy: wire.TraceCause{Type: "trigger_instance", ID: string(ev.ID)}})
			cause := wire.TraceCause{Type: "rule", ID: string(rule) + ":" + string(ev.ID)}
			if err := addTree(ctx, tx, &doc, e.Execution, cause); err != nil {
				return doc, err
			}
		}
	}
	direct, err := tx.TraceExecutions(ctx, t.ID)
	if err != nil {
		return doc, err
	}
	if t.Tag == executionTag+string(t.ID) {
		direct = append([]squall.ID{t.ID}, direct...)
	}
	for _, id := range direct {
		if err := addTree(ctx, tx, &doc, id, wire.TraceCause{}); err != nil {
			return doc, err
		}
	}
	return doc, nil
}

// addTree adds an execution with its descendants.
func addTree(ctx context.Context, tx store.Tx, doc *wire.Trace, root squall.ID, cause wire.TraceCause) error {
	f := store.ExecutionFilter{Root: root, Ascending: true, Limit: 1000}
	var tree []*squall.Execution
	for len(tree) < maxTraceParts {
		list, err := tx.FindExecutions(ctx, f)
		if err != nil {
			return err
		}
		tree = append(tree, list...)
		if len(list) < f.Limit {
			break
		}
		f.After = list[len(list)-1].ID
	}
	for _, ex := range tree {
		part := wire.TracePart{ID: ex.ID, Ref: ex.Action.String(), At: wire.Time{Time: ex.CreatedAt}, CausedBy: cause}
		if ex.Parent != nil {
			part.CausedBy = wire.TraceCause{Type: "action_execution", ID: string(ex.Parent.Execution)}
		}
		doc.Executions = append(doc.Executions, part)
	}
	return nil
}

// traceGet answers with one trace.
func (s *Server) traceGet(w http.ResponseWriter, r *request) error {
	var doc wire.Trace
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		t, err := readTrace(r.Context(), tx, squall.ID(r.params["id"]))
		if err != nil {
			return notFoundAs(err, errNoObject(r.params["id"]))
		}
		doc, err = traceDocument(r.Context(), tx, t)
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, doc)
}
