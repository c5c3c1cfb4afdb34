package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

var runnerFields = membersWith([]string{"runner_parameters", "output_schema"},
	"id", "name", "description", "uid", "enabled", "runner_package", "runner_module", "output_key", "query_module")

// runnerShape describes what is sent; all but enabled has no effect (st2).
var runnerShape = openShape("RunnerTypeRequest", `{"enabled": {"type": "boolean"}}`)

// runnerTypes returns the runner types by name, as the administrator left them.
func (s *Server) runnerTypes(r *request) ([]*squall.RunnerType, error) {
	var off map[string]bool
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		off, err = store.DisabledRunners(r.Context(), tx)
		return err
	})
	all := slices.Clone(s.Runners.All())
	for i, rt := range all {
		if off[rt.Name] {
			changed := *rt
			changed.Disabled = true
			all[i] = &changed
		}
	}
	return all, err
}

// runnerList lists the runner types by name. Filters: id and name (several).
func (s *Server) runnerList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	f, err := fields(r.query, runnerFields, nil)
	if err != nil {
		return err
	}
	all, err := s.runnerTypes(r)
	if err != nil {
		return err
	}
	names := list(r.query, "name")
	ids, err := idsOf(r.query)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(rt *squall.RunnerType) bool {
		return len(names) > 0 && !slices.Contains(names, rt.Name) || ids != nil && !slices.Contains(ids, squall.ID(runnerID(rt)))
	})
	sorted(r.query, all, map[string]func(*squall.RunnerType) string{"name": func(rt *squall.RunnerType) string { return rt.Name }, "id": runnerID})
	p.headers(w.Header(), len(all))
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, rt := range slice(p, all) {
				e.RunnerType(rt, f)
			}
		})
	})
}

func runnerID(rt *squall.RunnerType) string { return string(wire.ObjectID("runner_type", rt.Name)) }

// runnerType finds the runner type in the path, by name or identifier.
func (s *Server) runnerType(r *request) (*squall.RunnerType, error) {
	name := r.params["name"]
	all, err := s.runnerTypes(r)
	if err != nil {
		return nil, err
	}
	if known, ok := s.Runners.RunnerType(name); ok {
		name = known.Name // it may have been an old name
	}
	for _, rt := range all {
		if rt.Name == name || runnerID(rt) == name {
			return rt, nil
		}
	}
	return nil, squall.Errorf(squall.NotFound, "Resource with a name or id %q not found", name)
}

// runnerGet answers with one runner type.
func (s *Server) runnerGet(w http.ResponseWriter, r *request) error {
	rt, err := s.runnerType(r)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.RunnerType(rt, wire.Fields{}) })
}

// runnerPut switches a runner on or off; nothing else of it can be changed (st2).
// A body that does not say which leaves it as it is.
func (s *Server) runnerPut(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	rt, err := s.runnerType(r)
	if err != nil {
		return err
	}
	changed := *rt
	if v := body.members["enabled"]; !isNull(v) {
		var enabled bool
		if json.Unmarshal(v, &enabled) != nil {
			return squall.Errorf(squall.Invalid, "%s is not of type 'boolean'", pyValue(v))
		}
		changed.Disabled = !enabled
		err = s.Store.Update(r.Context(), func(tx store.Tx) error {
			if err := store.PutRunnerState(r.Context(), tx, rt.Name, enabled); err != nil {
				return err
			}
			return s.note(tx, r, "runner_type:"+rt.Name)
		})
		if err != nil {
			return err
		}
		s.Lifecycle.RunnersChanged(r.Context())
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.RunnerType(&changed, wire.Fields{}) })
}
