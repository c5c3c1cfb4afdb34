package api

import (
	"net/http"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/lifecycle"
	"squall/internal/squall"
)

// These routes are Squall's own: how a workflow execution went. Who may see an
// execution may see them; secrets are masked for everybody.

// past reads the past of the workflow in the path.
func (s *Server) past(r *request) (*lifecycle.FlowPast, error) {
	ex, err := s.execution(r, r.params["id"], 0, 0)
	if err != nil {
		return nil, err
	}
	return s.Lifecycle.FlowPast(r.Context(), ex.ID)
}

// executionHistory lists the transitions of a workflow in the order of time.
func (s *Server) executionHistory(w http.ResponseWriter, r *request) error {
	p, err := s.past(r)
	if err != nil {
		return err
	}
	list := []wire.FlowEvent{}
	for _, e := range p.Events() {
		out := wire.FlowEvent{
			Timestamp: wire.Time{Time: e.At}, Status: string(e.Status), By: e.By, Why: e.Why, Node: e.Node,
			Task: e.Task, Route: e.Route, Execution: string(e.Execution), Published: e.Published,
		}
		if e.Visit >= 0 {
			out.Visit = &e.Visit
		}
		if e.Item >= 0 {
			out.Item = &e.Item
		}
		list = append(list, out)
	}
	return respondJSON(w, http.StatusOK, list)
}

// executionContext shows the variables of a workflow: the newest, or those that a
// visit of a task began with (?at=).
func (s *Server) executionContext(w http.ResponseWriter, r *request) error {
	at := -1
	if text := r.query.Get("at"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return squall.Errorf(squall.Invalid, "at=%s is not the number of a visit, from 0.", text)
		}
		at = n
	}
	p, err := s.past(r)
	if err != nil {
		return err
	}
	vars, err := p.Variables(at)
	if err != nil {
		return err
	}
	out := wire.FlowContext{Variables: vars}
	if at >= 0 && p.Past != nil {
		out.Visit, out.Task = &at, p.Past.Visits[at].Task
	}
	return respondJSON(w, http.StatusOK, out)
}

// executionWorkflow shows the definition that a workflow follows, and its visits
// of tasks.
func (s *Server) executionWorkflow(w http.ResponseWriter, r *request) error {
	p, err := s.past(r)
	if err != nil {
		return err
	}
	out := wire.Flow{Definition: p.Definition, Visits: []wire.FlowVisit{}}
	if p.Past != nil {
		for _, t := range p.Past.Visits {
			v := wire.FlowVisit{Task: t.Task, Route: t.Route, Status: string(t.Status), After: []int{}}
			for _, from := range t.Prev {
				v.After = append(v.After, from.Task)
			}
			out.Visits = append(out.Visits, v)
		}
	}
	return respondJSON(w, http.StatusOK, out)
}
