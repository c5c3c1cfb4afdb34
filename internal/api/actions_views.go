package api

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// actionParameters answers with the parameters of an action and its runner, as
// a form needs them.
func (s *Server) actionParameters(w http.ResponseWriter, r *request) error {
	name := r.params["ref"]
	a, err := s.action(r, name)
	if err != nil {
		text := squall.Errorf(squall.NotFound, `Database lookup for id=%q resulted in exception. Unable to find the ActionDB instance. {'id': '%s'}`, name, name)
		switch {
		case !strings.Contains(name, ".") && !squall.ID(name).Valid():
			text = squall.Errorf(squall.NotFound, `Database lookup for id=%q resulted in exception. %s`, name, badID(name))
		case strings.Contains(name, "."):
			text = squall.Errorf(squall.NotFound, `Database lookup for ref=%q resulted in exception. Referenced action %q doesnt exist`, name, name)
		}
		return notFoundAs(err, text)
	}
	return respondJSON(w, http.StatusOK, map[string]json.RawMessage{"parameters": wire.SchemaOf(s.merged(a))})
}

// merged returns the parameters of an action's runner, changed attribute by
// attribute as the action says, and the action's own.
func (s *Server) merged(a *squall.Action) squall.Schema {
	var out squall.Schema
	if rt, ok := s.Runners.RunnerType(a.Runner); ok {
		out = slices.Clone(rt.Parameters)
	}
	for _, p := range a.Parameters {
		i := slices.IndexFunc(out, func(q squall.Parameter) bool { return q.Name == p.Name })
		if i < 0 {
			out = append(out, p)
			continue
		}
		out[i] = mergedParameter(out[i], p)
	}
	return out
}

// mergedParameter lays p over base.
func mergedParameter(base, p squall.Parameter) squall.Parameter {
	m := base
	if p.Type != nil {
		m.Type = p.Type
	}
	if p.Default != nil {
		m.Default = p.Default
	}
	if p.Position != nil {
		m.Position = p.Position
	}
	m.Description = orDefault(p.Description, base.Description)
	m.Required, m.Immutable, m.Secret = p.Required || base.Required, p.Immutable || base.Immutable, p.Secret || base.Secret
	var over, rest map[string]json.RawMessage
	if json.Unmarshal(p.Rest, &over) != nil || len(over) == 0 {
		return m
	}
	if json.Unmarshal(base.Rest, &rest) != nil {
		rest = map[string]json.RawMessage{}
	}
	for k, v := range over {
		switch {
		case k == "required" && string(v) == "false":
			m.Required = false
		case k == "secret" && string(v) == "false":
			m.Secret = false
		}
		rest[k] = v
	}
	for k, set := range map[string]bool{"required": m.Required, "immutable": m.Immutable, "secret": m.Secret} {
		if set {
			delete(rest, k)
		}
	}
	m.Rest, _ = json.Marshal(rest) // it came out of JSON
	return m
}

// overview is an action with the parameters of its runner.
func (s *Server) overview(a *squall.Action) *squall.Action {
	shown := *a
	shown.Parameters = s.merged(a)
	return &shown
}

// actionOverviewList lists actions with the parameters of their runners.
// Filters: id, name, pack.
func (s *Server) actionOverviewList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 0)
	if err != nil {
		return err
	}
	f, err := fieldsOf(r.query, actionFields)
	if err != nil {
		return err
	}
	filter := store.ActionFilter{Pack: r.query.Get("pack"), Name: r.query.Get("name"), Offset: p.offset, Limit: p.limit}
	ids, err := idsOf(r.query)
	if err != nil {
		return err
	}
	if ids != nil { // all are read, and those asked for kept
		filter.Offset, filter.Limit = 0, 0
	}
	var actions []*squall.Action
	var total int
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if total, err = tx.CountActions(r.Context(), filter); err != nil {
			return err
		}
		actions, err = tx.FindActions(r.Context(), filter)
		return err
	})
	if err != nil {
		return err
	}
	if ids != nil {
		actions = slices.DeleteFunc(actions, func(a *squall.Action) bool { return !slices.Contains(ids, wire.ActionID(a.Ref)) })
		total = len(actions)
		actions = slice(p, actions)
	}
	for i, a := range actions {
		actions[i] = s.overview(a)
	}
	p.headers(w.Header(), total)
	return respondActions(w, actions, f)
}

// actionOverview answers with one action and the parameters of its runner.
func (s *Server) actionOverview(w http.ResponseWriter, r *request) error {
	a, err := s.action(r, r.params["ref"])
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Action(s.overview(a), wire.Fields{}) })
}

// entryTypes are the media types of entry points, as Python guesses them.
var entryTypes = map[string]string{
	".yaml": "application/x-yaml", ".yml": "application/x-yaml", ".py": "text/x-python", ".sh": "application/x-sh",
	".json": "application/json", ".js": "text/javascript", ".pl": "text/plain",
}

// actionEntryPoint answers with the text of an action's entry point.
func (s *Server) actionEntryPoint(w http.ResponseWriter, r *request) error {
	name := r.params["ref"]
	a, err := s.action(r, name)
	if err != nil {
		return err
	}
	none := squall.Errorf(squall.NotFound, "Action ref_or_id=%s has no entry_point to output", name)
	if a.EntryPoint == "" {
		return none
	}
	text, err := s.readPackFile(r, a.Ref.Pack, path.Join("actions", a.EntryPoint))
	if errors.Is(err, fs.ErrNotExist) {
		return none
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", orDefault(entryTypes[path.Ext(a.EntryPoint)], "text/plain"))
	h.Set("X-Content-Type-Options", "nosniff") // somebody else wrote it
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(text)
	return err
}
