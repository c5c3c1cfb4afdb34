package api

import (
	"net/http"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// members returns a lookup over the named members, none of which has parts that
// can be asked for by name.
func members(names ...string) func(string) (exists, parts bool) {
	return membersWith(nil, names...)
}

// membersWith is members with some more that have parts.
func membersWith(whole []string, names ...string) func(string) (exists, parts bool) {
	return func(name string) (exists, parts bool) {
		parts = slices.Contains(whole, name)
		return parts || slices.Contains(names, name), parts
	}
}

var actionFields = membersWith([]string{"tags", "runner_type", "parameters", "output_schema", "notify"},
	"id", "uid", "metadata_file", "name", "ref", "description", "enabled", "entry_point", "pack")

// actionList lists actions by reference. Filters: id, pack, name, tags.
func (s *Server) actionList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 0)
	if err != nil {
		return err
	}
	f, err := fields(r.query, actionFields, []string{"parameters", "notify"})
	if err != nil {
		return err
	}
	if include := list(r.query, "include_attributes"); len(include) > 0 {
		f = wire.Include(append(include, "ref")...) // st2
	}
	filter := store.ActionFilter{
		Pack: r.query.Get("pack"), Name: r.query.Get("name"), Search: r.query.Get("search"), After: r.query.Get("after"),
		Offset: p.offset, Limit: p.limit,
	}
	ids, err := idsOf(r.query)
	if err != nil {
		return err
	}
	if tag := r.query.Get("tags"); tag != "" || ids != nil {
		return s.actionsKept(w, r, p, f, filter, func(a *squall.Action) bool {
			return (ids == nil || slices.Contains(ids, wire.ActionID(a.Ref))) &&
				(tag == "" || slices.ContainsFunc(a.Tags, func(t squall.Tag) bool { return t.Name == tag })) // st2: the name alone counts
		})
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
	p.headers(w.Header(), total)
	return respondActions(w, actions, f)
}

// actionsKept lists the actions that keep lets pass. What it looks at is part of
// the actions' documents, so all are read.
func (s *Server) actionsKept(w http.ResponseWriter, r *request, p page, f wire.Fields, filter store.ActionFilter, keep func(*squall.Action) bool) error {
	filter.Offset, filter.Limit = 0, 0
	var actions []*squall.Action
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		actions, err = tx.FindActions(r.Context(), filter)
		return err
	})
	if err != nil {
		return err
	}
	actions = slices.DeleteFunc(actions, func(a *squall.Action) bool { return !keep(a) })
	p.headers(w.Header(), len(actions))
	return respondActions(w, slice(p, actions), f)
}

func respondActions(w http.ResponseWriter, actions []*squall.Action, f wire.Fields) error {
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, a := range actions {
				e.Action(a, f)
			}
		})
	})
}

// actionGet answers with one action, named by reference or identifier.
func (s *Server) actionGet(w http.ResponseWriter, r *request) error {
	a, err := s.action(r, r.params["ref"])
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Action(a, wire.Fields{}) })
}

// action finds an action by reference or identifier.
func (s *Server) action(r *request, name string) (*squall.Action, error) {
	var found *squall.Action
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		ref, err := squall.ParseRef(name)
		if err == nil {
			found, err = tx.Action(r.Context(), ref)
			return err
		}
		if !squall.ID(name).Valid() {
			return nil
		}
		if ref, ok := s.actionRefs.Load(squall.ID(name)); ok {
			found, err = tx.Action(r.Context(), ref.(squall.Ref))
			return err
		}
		// An identifier is a digest of the reference: the way back is to look.
		actions, err := tx.FindActions(r.Context(), store.ActionFilter{})
		if i := slices.IndexFunc(actions, func(a *squall.Action) bool { return string(wire.ActionID(a.Ref)) == name }); i >= 0 {
			found = actions[i]
			s.actionRefs.Store(squall.ID(name), found.Ref)
		}
		return err
	})
	if squall.KindOf(err) == squall.NotFound || err == nil && found == nil {
		return nil, squall.Errorf(squall.NotFound, "Resource with a reference or id %q not found", name)
	}
	return found, err
}

// packFields: packs may have any member (st2).
func packFields(string) (exists, parts bool) { return true, true }

// packList lists packs by reference. Filters: id, ref, name.
func (s *Server) packList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	f, err := fields(r.query, packFields, nil)
	if err != nil {
		return err
	}
	packs, err := s.packs(r)
	if err != nil {
		return err
	}
	ids, err := idsOf(r.query)
	if err != nil {
		return err
	}
	packs = slices.DeleteFunc(packs, func(pk *squall.Pack) bool {
		return differs(r.query.Get("ref"), pk.Ref) || differs(r.query.Get("name"), pk.Name) || ids != nil && !slices.Contains(ids, wire.ObjectID("pack", pk.Ref))
	})
	sorted(r.query, packs, map[string]func(*squall.Pack) string{
		"ref": func(pk *squall.Pack) string { return pk.Ref }, "name": func(pk *squall.Pack) string { return pk.Name },
		"id": func(pk *squall.Pack) string { return string(wire.ObjectID("pack", pk.Ref)) },
	})
	p.headers(w.Header(), len(packs))
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, pk := range slice(p, packs) {
				e.Pack(pk, f)
			}
		})
	})
}

// differs reports whether a filter excludes a value.
func differs(filter, value string) bool { return filter != "" && filter != value }

func (s *Server) packs(r *request) (packs []*squall.Pack, err error) {
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		packs, err = tx.Packs(r.Context())
		return err
	})
	slices.SortFunc(packs, func(a, b *squall.Pack) int { return strings.Compare(a.Ref, b.Ref) })
	return packs, err
}

// packGet answers with one pack, named by reference or identifier.
func (s *Server) packGet(w http.ResponseWriter, r *request) error {
	name := r.params["ref"]
	packs, err := s.packs(r)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(packs, func(p *squall.Pack) bool { return p.Ref == name || string(wire.ObjectID("pack", p.Ref)) == name })
	if i < 0 {
		return squall.Errorf(squall.NotFound, "Resource with a ref or id %q not found", name)
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Pack(packs[i], wire.Fields{}) })
}
