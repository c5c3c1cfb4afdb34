package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
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
	f, err := executionFieldsOf(r.query)
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
	if slices.ContainsFunc([]string{"parameters", "context", "liveaction", "workflow_execution", "task_execution"}, f.Has) || slices.ContainsFunc(originFields, f.Has) {
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
	n, given, err := integer(r.query, "max_result_size")
	switch {
	case err != nil:
		return 0, err
	case !given || n == 0: // st2
		return maxResultSize, nil
	case n < 0:
		return 0, squall.Errorf(squall.Invalid, "max_result_size must be a positive number")
	case n > maxResultSize:
		return 0, squall.Errorf(squall.Invalid, "max_result_size query parameter must be smaller than 14 MB")
	}
	return int(n), nil
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
			return nil, orElse(err, squall.Errorf(squall.Invalid, "No executions found in the database"))
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
	case "trigger_instance":
		p = store.WithParameters // its context says
	case "status":
	default:
		return squall.Errorf(squall.Invalid, "Invalid attribute %q specified. Valid attributes are: result, trigger_instance, status", name)
	}
	if id := r.params["id"]; !squall.ID(id).Valid() && id != "last" {
		return errBadID(id)
	}
	ex, err := s.execution(r, r.params["id"], p, maxResultSize)
	if err != nil {
		return err
	}
	v, err := s.view(r.Context(), ex, false)
	if err != nil {
		return err
	}
	if err := s.addOrigins(r.Context(), wire.Include(name), v); err != nil {
		return err
	}
	switch name {
	case "result":
		return respondRaw(w, "application/json", v.Result)
	case "status":
		return respondJSON(w, http.StatusOK, ex.Status)
	default:
		return respondRaw(w, jsonMedia, v.Origin.Instance)
	}
}

// executionResult answers with the result alone, as it is stored.
func (s *Server) executionResult(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	var form struct{ download, compress, pretty bool }
	for name, into := range map[string]*bool{"download": &form.download, "compress": &form.compress, "pretty_format": &form.pretty} {
		if *into, err = flag(r.query, name); err != nil {
			return err
		}
	}
	if id := r.params["id"]; !squall.ID(id).Valid() && id != "last" {
		return errBadID(id)
	}
	ex, err := s.execution(r, r.params["id"], store.WithResult, int(^uint(0)>>1))
	if err != nil {
		return notFoundAs(err, errNoRoute) // st2
	}
	v, err := s.view(r.Context(), ex, open)
	if err != nil {
		return err
	}
	result, name := v.Result, "execution_"+string(ex.ID)+"_result.json"
	if form.pretty && len(result) > 0 {
		var b bytes.Buffer
		if err := json.Indent(&b, result, "", "  "); err != nil {
			return fmt.Errorf("indent result: %w", err)
		}
		result = b.Bytes()
	}
	if form.compress {
		name += ".gz"
	}
	if form.download {
		w.Header().Set("Content-Disposition", "attachment; filename="+name)
	}
	if !form.compress {
		return respondRaw(w, "text/json", result)
	}
	if len(result) == 0 {
		result = jsonRaw("{}")
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(result) // a buffer takes everything
	_ = z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	return respondRaw(w, "application/x-gzip", b.Bytes())
}

// executionChildren lists the executions below one, oldest first, down to a
// depth; -1, the default, is to the bottom.
func (s *Server) executionChildren(w http.ResponseWriter, r *request) error {
	f := wire.Fields{} // st2: children are always shown whole
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
	children := map[squall.ID][]squall.ID{}
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		if below, err = descendants(ctx, tx, parent.ID, depth, parts(f)); err != nil {
			return err
		}
		children, err = childrenOf(ctx, tx, below)
		return err
	})
	if err != nil {
		return err
	}
	views := make([]*wire.View, len(below))
	for i, ex := range below {
		if views[i], err = s.view(ctx, ex, open); err != nil {
			return err
		}
		views[i].Children = children[ex.ID]
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, v := range views {
				e.Execution(v, f)
			}
		})
	})
}

func depthOf(r *request) (int, error) {
	n, given, err := integer(r.query, "depth")
	switch {
	case err != nil:
		return 0, err
	case !given || n < 1: // st2: no level has such a number, so none is the last
		return -1, nil
	}
	return int(min(n, 1000)), nil
}

// maxChildren bounds what one answer lists below an execution.
const maxChildren = 10_000

// descendants reads the executions below id down to a depth, negative: all; each
// is followed by those below it (st2).
func descendants(ctx context.Context, tx store.Tx, id squall.ID, depth int, p store.Parts) (all []*squall.Execution, err error) {
	var visit func(parent squall.ID, depth int) error
	visit = func(parent squall.ID, depth int) error {
		if depth == 0 {
			return nil
		}
		children, err := tx.FindExecutions(ctx, store.ExecutionFilter{Parent: parent, Ascending: true, Limit: maxChildren, Parts: p})
		if err != nil {
			return err
		}
		for _, c := range children {
			if all = append(all, c); len(all) > maxChildren {
				return squall.Errorf(squall.Invalid, "There are more than %d executions below this one; ask for executions?parent= page by page.", maxChildren)
			}
			if !workflows[c.Runner] {
				continue
			}
			if err := visit(c.ID, depth-1); err != nil {
				return err
			}
		}
		return nil
	}
	err = visit(id, depth)
	return all, err
}

func (s *Server) childIDs(ctx context.Context, id squall.ID) (ids []squall.ID, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) error {
		ids, err = readChildIDs(ctx, tx, id)
		return err
	})
	return ids, err
}

func readChildIDs(ctx context.Context, tx store.Tx, id squall.ID) ([]squall.ID, error) {
	children, err := tx.FindExecutions(ctx, store.ExecutionFilter{Parent: id, Ascending: true, Limit: maxChildren})
	ids := make([]squall.ID, len(children))
	for i, c := range children {
		ids[i] = c.ID
	}
	return ids, err
}

// childrenOf reads the children of the workflows among exs.
func childrenOf(ctx context.Context, tx store.Tx, exs []*squall.Execution) (map[squall.ID][]squall.ID, error) {
	of := map[squall.ID][]squall.ID{}
	for _, ex := range exs {
		if !workflows[ex.Runner] {
			continue
		}
		ids, err := readChildIDs(ctx, tx, ex.ID)
		if err != nil {
			return nil, err
		}
		of[ex.ID] = ids
	}
	return of, nil
}
