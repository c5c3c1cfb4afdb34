package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// chunk is how many executions of a list are read and held at once: a list of
// everything passes through in such pieces.
const chunk = 200

// listResultLimit is the size up to which results are shown in lists, in bytes.
// st2 shows all; here who wants a big one asks for it.
const listResultLimit = 64 << 10

// executionList lists executions, newest first if not asked otherwise. Beside
// StackStorm's offset a page can follow an execution ("after", its id), which
// costs the same on every page; such a page carries no total count.
func (s *Server) executionList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 100)
	if err != nil {
		return err
	}
	f, err := executionFieldsOf(r.query)
	if err != nil {
		return err
	}
	limit := listResultLimit
	if r.query.Has("max_result_size") {
		if limit, err = resultLimit(r); err != nil {
			return err
		}
	}
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	filter, none, err := executionFilter(r)
	if err == nil && !none {
		none, err = s.filterEnforced(r, &filter)
	}
	if err != nil {
		return err
	}
	if none {
		p.headers(w.Header(), 0)
		return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Array(func() {}) })
	}
	l := &executionLister{s: s, filter: filter, parts: parts(f), resultLimit: limit, fields: f, left: p.limit, all: p.limit == 0, open: open}
	l.filter.Offset = p.offset
	total := -1
	first, err := l.next(r.Context(), func(tx store.Tx) (err error) {
		if filter.After == "" {
			total, err = tx.CountExecutions(r.Context(), filter, s.CountLimit)
		}
		return err
	})
	if err != nil {
		return err
	}
	p.headers(w.Header(), total)
	err = nil
	werr := respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for views := first; len(views) > 0 && err == nil; views, err = l.next(r.Context(), nil) {
				for _, v := range views {
					e.Execution(v, f)
				}
			}
		})
	})
	return orElse(err, werr)
}

// executionLister reads a list piece by piece.
type executionLister struct {
	s           *Server
	filter      store.ExecutionFilter
	parts       store.Parts
	resultLimit int
	fields      wire.Fields
	left        int // how many are still wanted
	all         bool
	open        bool
	done        bool
}

// next returns the next piece, nothing at the end. more, if not nil, runs in the
// same transaction first.
func (l *executionLister) next(ctx context.Context, more func(store.Tx) error) ([]*wire.View, error) {
	if l.done {
		return nil, nil
	}
	l.filter.Limit = chunk
	if !l.all {
		l.filter.Limit = min(chunk, l.left)
	}
	l.filter.Parts = l.parts &^ store.WithResult
	var exs []*squall.Execution
	var children map[squall.ID][]squall.ID
	err := l.s.Store.View(ctx, func(tx store.Tx) (err error) {
		if more != nil {
			if err := more(tx); err != nil {
				return err
			}
		}
		if err := l.s.nodes.refresh(ctx, tx); err != nil {
			return err
		}
		if exs, err = tx.FindExecutions(ctx, l.filter); err != nil {
			return err
		}
		if l.fields.Has("children") {
			if children, err = childrenOf(ctx, tx, exs); err != nil {
				return err
			}
		}
		if l.parts&store.WithResult != 0 {
			return l.results(ctx, tx, exs)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.left -= len(exs)
	l.done = len(exs) < l.filter.Limit || !l.all && l.left <= 0
	views := make([]*wire.View, len(exs))
	for i, ex := range exs {
		if views[i], err = l.s.view(ctx, ex, l.open); err != nil {
			return nil, err
		}
		views[i].Children = children[ex.ID]
	}
	if err := l.s.addOrigins(ctx, l.fields, views...); err != nil {
		return nil, err
	}
	if len(exs) > 0 {
		l.filter.After, l.filter.Offset = exs[len(exs)-1].ID, 0
	}
	return views, nil
}

// results fills in the results that are not too big, with one more query.
func (l *executionLister) results(ctx context.Context, tx store.Tx, exs []*squall.Execution) error {
	var ids []squall.ID
	for _, ex := range exs {
		if ex.ResultSize > 0 && ex.ResultSize <= l.resultLimit {
			ids = append(ids, ex.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	with, err := tx.FindExecutions(ctx, store.ExecutionFilter{IDs: ids, Limit: len(ids), Parts: store.WithResult})
	if err != nil {
		return err
	}
	byID := make(map[squall.ID]*squall.Execution, len(with))
	for _, ex := range with {
		byID[ex.ID] = ex
	}
	for _, ex := range exs {
		if w := byID[ex.ID]; w != nil {
			ex.Result = w.Result
		}
	}
	return nil
}

// executionFilter reads the filters of a list. none says that nothing can match:
// a filter names an object of a kind that no execution here has. Parameters
// that are not known are passed over (st2).
func executionFilter(r *request) (f store.ExecutionFilter, none bool, err error) {
	q := r.query
	f = store.ExecutionFilter{
		Action: q.Get("action"), Pack: q.Get("pack"), Runner: q.Get("runner"), User: q.Get("user"), Node: q.Get("node"),
		Root: squall.ID(q.Get("root")), RerunOf: squall.ID(q.Get("rerun_of")),
	}
	for _, st := range list(q, "status") {
		f.Statuses = append(f.Statuses, squall.Status(st))
	}
	if f.IDs, err = idsOf(q); err != nil {
		return f, none, err
	}
	if live := squall.ID(q.Get("liveaction")); live != "" { // it has the identifier of its execution
		none = f.IDs != nil && !slices.Contains(f.IDs, live)
		f.IDs = []squall.ID{live}
	}
	switch parent := q.Get("parent"); {
	case parent == "":
	case isNullFilter(parent):
		f.TopLevel = true
	default:
		f.Parent = squall.ID(parent)
	}
	if f.After = squall.ID(q.Get("after")); f.After != "" && !f.After.Valid() {
		return f, none, squall.Errorf(squall.Invalid, `Parameter "after" must be the id of an execution.`)
	}
	if f.CreatedAfter, err = instant(q, "timestamp_gt"); err != nil {
		return f, none, err
	}
	if f.CreatedBefore, err = instant(q, "timestamp_lt"); err != nil {
		return f, none, err
	}
	if r.caller.Isolated() {
		none = none || f.User != "" && f.User != r.caller.User
		f.User = r.caller.User
	}
	f.Ascending = ascending(q)
	if span := q.Get("timestamp"); span != "" {
		if f.Ascending, err = within(span, &f); err != nil {
			return f, none, err
		}
	}
	return f, none, nil
}

// isNullFilter reports whether a filter asks for what has no such member (st2).
func isNullFilter(value string) bool { return strings.EqualFold(value, "null") }

// within restricts f to what was requested at an instant or, "from..to", from one
// to another, both included. From the later to the earlier is newest first (st2).
func within(span string, f *store.ExecutionFilter) (oldestFirst bool, err error) {
	first, second, isSpan := strings.Cut(span, "..")
	from, err := parseInstant("timestamp", first)
	to := from
	if err == nil && isSpan {
		to, err = parseInstant("timestamp", second)
	}
	if err != nil {
		return false, err
	}
	oldestFirst = isSpan && from.Before(to)
	if to.Before(from) {
		from, to = to, from
	}
	if from = from.Add(-time.Microsecond); f.CreatedAfter.Before(from) { // the bounds are not included, and finer instants are not stored
		f.CreatedAfter = from
	}
	if to = to.Add(time.Microsecond); f.CreatedBefore.IsZero() || to.Before(f.CreatedBefore) {
		f.CreatedBefore = to
	}
	return oldestFirst, nil
}

// ascending says in which order to list: as "sort" says; else newest first, but for
// who asks for what came after an instant (st2). What sort_asc and sort_desc are set
// to does not matter (st2).
func ascending(q url.Values) bool {
	oldestFirst, said := timeOrder(q, "timestamp")
	switch {
	case said:
		return oldestFirst
	case q.Get("timestamp_lt") != "" || q.Get("sort_desc") != "":
		return false
	default:
		return q.Get("timestamp_gt") != "" || q.Get("sort_asc") != ""
	}
}
