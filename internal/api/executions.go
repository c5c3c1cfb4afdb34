package api

import (
	"context"
	"net/http"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// excludable are the members of an execution that may be left out by name.
// st2: action and runner may not, because masking secrets needs them.
var excludable = []string{"result", "trigger_instance", "status"}

// maxResultSize is the largest bound a client may give for results it wants to
// see inside an execution (st2: the size of a MongoDB document).
const maxResultSize = 14 << 20

func errNoExecution(id string) error {
	return squall.Errorf(squall.NotFound, "Unable to identify resource with id %q.", id)
}

// executionGet answers with one execution; the id "last" is the newest.
func (s *Server) executionGet(w http.ResponseWriter, r *request) error {
	f, err := fields(r.query, wire.ExecutionField, excludable)
	if err != nil {
		return err
	}
	limit, err := resultLimit(r)
	if err != nil {
		return err
	}
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	ex, err := s.execution(r, r.params["id"], parts(f), limit)
	if err != nil {
		return err
	}
	if wait := preferredWait(r.Request); wait > 0 && !ex.Status.Final() {
		if err := s.awaitEnd(w, r, ex.ID, wait); err != nil {
			return err
		}
		if ex, err = s.execution(r, string(ex.ID), parts(f), limit); err != nil {
			return err
		}
	}
	v, err := s.view(r.Context(), ex, open)
	if err != nil {
		return err
	}
	if v.Workflow && f.Has("children") {
		if v.Children, err = s.childIDs(r.Context(), ex.ID); err != nil {
			return err
		}
	}
	if err := s.addOrigins(r.Context(), f, v); err != nil {
		return err
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Execution(v, f) })
}

// parts says what must be read for the members selected.
func parts(f wire.Fields) store.Parts {
	p := store.Parts(0)
	if f.Has("parameters") || f.Has("context") || f.Has("liveaction") || slices.ContainsFunc(originFields, f.Has) {
		p |= store.WithParameters
	}
	if f.Has("result") {
		p |= store.WithResult
	}
	if f.Has("log") || f.Has("liveaction") { // the log says which node ran it
		p |= store.WithLog
	}
	return p
}

// resultLimit reads the size in bytes up to which results are shown.
func resultLimit(r *request) (int, error) {
	if !r.query.Has("max_result_size") {
		return maxResultSize, nil
	}
	o := object{members: map[string]jsonRaw{"n": jsonRaw(r.query.Get("max_result_size"))}}
	n := o.int("n")
	switch {
	case o.err != nil || n == nil:
		return 0, squall.Errorf(squall.Invalid, `Parameter "max_result_size" is not of type integer`)
	case *n <= 0:
		return 0, squall.Errorf(squall.Invalid, "max_result_size must be a positive number")
	case *n > maxResultSize:
		return 0, squall.Errorf(squall.Invalid, "max_result_size query parameter must be smaller than 14 MB")
	}
	return int(*n), nil
}

// showSecrets reports whether secrets are asked for and may be shown. Who may
// not see them gets them masked, without an error (st2).
func (s *Server) showSecrets(r *request) (bool, error) {
	show, err := flag(r.query, "show_secrets")
	return show && r.caller.May(auth.ShowSecrets), err
}

// execution reads one; a result larger than limit is not read.
func (s *Server) execution(r *request, id string, p store.Parts, limit int) (ex *squall.Execution, err error) {
	ctx := r.Context()
	err = s.Store.View(ctx, func(tx store.Tx) error {
		if p&store.WithLog != 0 {
			if err := s.nodes.refresh(ctx, tx); err != nil {
				return err
			}
		}
		ex, err = readExecution(ctx, tx, id, p, limit)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		err = errNoExecution(id)
	}
	return ex, err
}

func readExecution(ctx context.Context, tx store.Tx, id string, p store.Parts, limit int) (*squall.Execution, error) {
	if id == "last" {
		last, err := tx.FindExecutions(ctx, store.ExecutionFilter{Limit: 1})
		if err != nil || len(last) == 0 {
			return nil, orElse(err, errNoExecution(id))
		}
		id = string(last[0].ID)
	}
	if !squall.ID(id).Valid() {
		return nil, errNoExecution(id)
	}
	if limit >= maxResultSize || p&store.WithResult == 0 {
		ex, err := tx.Execution(ctx, squall.ID(id), p)
		if err == nil && ex.ResultSize > limit {
			ex.Result = nil
		}
		return ex, err
	}
	ex, err := tx.Execution(ctx, squall.ID(id), p&^store.WithResult)
	if err != nil || ex.ResultSize == 0 || ex.ResultSize > limit {
		return ex, err
	}
	return tx.Execution(ctx, squall.ID(id), p)
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// executionAttribute answers with one member of an execution.
func (s *Server) executionAttribute(w http.ResponseWriter, r *request) error {
	name := r.params["name"]
	p := store.Parts(0)
	switch name {
	case "result":
		p = store.WithResult
	case "status", "trigger_instance":
	default:
		return squall.Errorf(squall.Invalid, "Invalid attribute %q specified. Valid attributes are: result, trigger_instance, status", name)
	}
	ex, err := s.execution(r, r.params["id"], p, maxResultSize)
	if err != nil {
		return err
	}
	v, err := s.view(r.Context(), ex, false)
	if err != nil {
		return err
	}
	switch name {
	case "result":
		return respondRaw(w, "application/json", v.Result)
	case "status":
		return respondJSON(w, http.StatusOK, ex.Status)
	default:
		return respondJSON(w, http.StatusOK, struct{}{})
	}
}

// executionResult answers with the result alone, as it is stored.
func (s *Server) executionResult(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	download, err := flag(r.query, "download")
	if err != nil {
		return err
	}
	ex, err := s.execution(r, r.params["id"], store.WithResult, int(^uint(0)>>1))
	if err != nil {
		return err
	}
	v, err := s.view(r.Context(), ex, open)
	if err != nil {
		return err
	}
	if download {
		w.Header().Set("Content-Disposition", `attachment; filename="execution_`+string(ex.ID)+`_result.json"`)
	}
	return respondRaw(w, "text/json", v.Result)
}

// executionChildren lists the executions below one, oldest first, down to a
// depth; -1, the default, is to the bottom.
func (s *Server) executionChildren(w http.ResponseWriter, r *request) error {
	f, err := fields(r.query, wire.ExecutionField, excludable)
	if err != nil {
		return err
	}
	if len(list(r.query, "include_attributes")) > 0 {
		f = wire.Fields{} // st2: checked, and then not applied to children
	}
	depth, err := depthOf(r)
	if err != nil {
		return err
	}
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	parent, err := s.execution(r, r.params["id"], store.WithLog, 0)
	if err != nil {
		return err
	}
	var below []*squall.Execution
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		below, err = descendants(ctx, tx, parent.ID, depth, parts(f))
		return err
	})
	if err != nil {
		return err
	}
	return s.respondExecutions(w, r, below, f, open)
}

func depthOf(r *request) (int, error) {
	if !r.query.Has("depth") {
		return -1, nil
	}
	o := object{members: map[string]jsonRaw{"n": jsonRaw(r.query.Get("depth"))}}
	n := o.int("n")
	if o.err != nil || n == nil || *n < -1 || *n == 0 {
		return 0, squall.Errorf(squall.Invalid, `Parameter "depth" must be a positive number, or -1 for all levels`)
	}
	return int(min(*n, 1000)), nil
}

// maxChildren bounds what one answer lists below an execution.
const maxChildren = 10_000

// descendants reads the executions below id, level by level.
func descendants(ctx context.Context, tx store.Tx, id squall.ID, depth int, p store.Parts) ([]*squall.Execution, error) {
	var all []*squall.Execution
	for level := []squall.ID{id}; len(level) > 0 && depth != 0; depth-- {
		var next []squall.ID
		for _, parent := range level {
			children, err := tx.FindExecutions(ctx, store.ExecutionFilter{Parent: parent, Ascending: true, Limit: maxChildren, Parts: p})
			if err != nil {
				return nil, err
			}
			for _, c := range children {
				if workflows[c.Runner] {
					next = append(next, c.ID)
				}
			}
			if all = append(all, children...); len(all) > maxChildren {
				return nil, squall.Errorf(squall.Invalid, "There are more than %d executions below this one; ask for executions?parent= page by page.", maxChildren)
			}
		}
		level = next
	}
	return all, nil
}

func (s *Server) childIDs(ctx context.Context, id squall.ID) (ids []squall.ID, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) error {
		children, err := tx.FindExecutions(ctx, store.ExecutionFilter{Parent: id, Ascending: true, Limit: maxChildren})
		ids = make([]squall.ID, len(children))
		for i, c := range children {
			ids[i] = c.ID
		}
		return err
	})
	return ids, err
}

// respondExecutions writes executions as a list.
func (s *Server) respondExecutions(w http.ResponseWriter, r *request, exs []*squall.Execution, f wire.Fields, open bool) error {
	views := make([]*wire.View, len(exs))
	for i, ex := range exs {
		var err error
		if views[i], err = s.view(r.Context(), ex, open); err != nil {
			return err
		}
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, v := range views {
				e.Execution(v, f)
			}
		})
	})
}
